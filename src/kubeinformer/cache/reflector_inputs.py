"""What can happen to a reflector: the inputs of the table in reflector_states.py."""

from __future__ import annotations

from dataclasses import dataclass

from kubeinformer.cache.deltas import Delta
from kubeinformer.errors import KubeInformerError


@dataclass(frozen=True, slots=True)
class Resolved:
    """Discovery knows the resource.

    Attributes:
        can_watch: Whether it offers both list and watch.
        from_cache: Whether this server answers lists at the latest version from its cache (1.34 on).
        changed: Whether it is another resource than last time (another version is served, say).
    """

    can_watch: bool
    from_cache: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list came, and `token` asks for the next one."""

    token: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The last page came; the list is of `version` ("" where the server gave none)."""

    version: str


@dataclass(frozen=True, slots=True)
class Probed:
    """The server has reached the asked version."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The watch was accepted: its stream is open."""


@dataclass(frozen=True, slots=True)
class Received:
    """Changes came on the stream, in order; the last of them has `version`."""

    deltas: tuple[Delta, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Bookmarked:
    """The stream says that everything up to `version` was sent.

    Attributes:
        version: The resourceVersion.
        ends_load: Whether this closes the initial events of a WatchList load (KEP-3157).
    """

    version: str
    ends_load: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """Bytes came that make no whole line yet, or blank ones: a sign of life."""


@dataclass(frozen=True, slots=True)
class Garbled:
    """A line came that is no event; what it should have said is lost."""

    error: KubeInformerError


@dataclass(frozen=True, slots=True)
class Ended:
    """The stream is over: cleanly, or cut (then with the error)."""

    error: KubeInformerError | None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The deadline of a read passed."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The request at work failed; on an open stream: the server sent an ERROR event."""

    error: KubeInformerError


@dataclass(frozen=True, slots=True)
class Due:
    """The wait is over."""


@dataclass(frozen=True, slots=True)
class Crashed:
    """An exception that nobody expected came out of the machinery."""

    error: Exception


Input = (
    Resolved
    | Page
    | Listed
    | Probed
    | Opened
    | Received
    | Bookmarked
    | Heard
    | Garbled
    | Ended
    | TimedOut
    | Failed
    | Due
    | Crashed
)
INPUTS: tuple[type[Input], ...] = Input.__args__
