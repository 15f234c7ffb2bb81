"""Where a reflector stands and what it remembers between two inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from kubeinformer.cache.backoff import Backoff

SILENCE = 70.0  # seconds; bookmarks come every 59 to 61
TIMEOUT_GRACE = 30.0


class State(Enum):
    """Where a reflector stands."""

    RESOLVING = "resolving"  # asking discovery what the resource is
    LISTING = "listing"  # pages are coming in, the store still holds the last good state
    LOADING = (
        "loading"  # a watch brings the first content (WatchList), the store still holds the last good state
    )
    PROBING = "probing"  # asking whether the server has reached our version at all
    OPENING = "opening"  # a watch was requested
    WATCHING = "watching"  # the stream is open
    WAITING = "waiting"  # backing off; `Memory.then` says what comes next


@dataclass(frozen=True, slots=True)
class Stream:
    """The watch that is open, or was last.

    Attributes:
        opened_at: When it was opened, in seconds of the monotonic clock.
        timeout: The `timeoutSeconds` that the server was asked for.
        start: The version it was opened at.
        last_contact: When the last byte came.
        has_bookmarks: Whether this stream brought one: only then its silence means something.
    """

    opened_at: float = 0.0
    timeout: int = 0
    start: str = ""
    last_contact: float = 0.0
    has_bookmarks: bool = False

    @property
    def deadline(self) -> float:
        """When its silence counts as death."""
        if self.has_bookmarks:
            return self.last_contact + SILENCE
        return max(self.opened_at + self.timeout, self.last_contact) + TIMEOUT_GRACE


@dataclass(frozen=True, slots=True)
class Memory:
    """What a reflector remembers between two inputs.

    Attributes:
        version: The resume point: the last version that the store holds, "" when only a list can tell.
        then: What follows the wait, in state WAITING.
        backoff: The brake on failures.
        healthy_since: When the present stretch without a failure began, None while failing.
        by_watch: Whether the content is loaded by a watch (WatchList) rather than a list.
        by_watch_from: When that may be tried again, after it failed.
        listed_at: When the last list, or load by a watch, began.
        list_proved: Whether a watch that began at that list has held.
        token: What the list at work asks for next, "" on its first page.
        page_tries: How often in a row this page was not answered.
        unpaged: Whether the list at work asks for everything at once (after an expired continue token).
        from_cache: Whether the server answers a first list at the latest version from its cache (1.34 on).
        loaded: Whether a list was ever stored.
        missing: Whether discovery did not have the resource when it was last asked.
        tries: How often in a row the watch could not be opened, broke off without moving on, or a probe failed.
        failing_since: When the first of these tries failed.
        silent_streams: How many streams in a row have brought no change and no bookmark, the open one included.
        repair_at: When a list must make up for a line that could not be read, None where nothing is to repair.
        stream: The watch that is open, or was last.
    """

    version: str = ""
    then: State = State.RESOLVING
    backoff: Backoff = field(default_factory=Backoff)
    healthy_since: float | None = None
    by_watch: bool = False
    by_watch_from: float = 0.0
    listed_at: float | None = None
    list_proved: bool = False
    token: str = ""
    page_tries: int = 0
    unpaged: bool = False
    from_cache: bool = True
    loaded: bool = False
    missing: bool = False
    tries: int = 0
    failing_since: float = 0.0
    silent_streams: int = 0
    repair_at: float | None = None
    stream: Stream = Stream()


@dataclass(frozen=True, slots=True)
class Moment:
    """Time and chance at one step: seconds of the monotonic clock, a random number in [0, 1)."""

    now: float
    random: float
