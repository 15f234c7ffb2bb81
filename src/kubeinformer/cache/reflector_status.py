"""What one reflector says of itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kubeinformer.cache.background_errors import BackgroundError


@dataclass(frozen=True, slots=True)
class ReflectorStatus:
    """How one list and watch is doing. Times are seconds since 1970.

    Attributes:
        state: What it is at: resolving, queued (until fewer others load), listing, loading, probing, opening,
            watching, waiting (after a failure).
        synced: Whether the first load was stored.
        stale_since: Since when changes may be missed (the watch is not open); None while it is open.
        last_contact: When the server last sent something.
        last_error: The last error, also after it was overcome.
        errors: How many errors there were: failed requests, broken streams, bad lines, objects set aside.
        lists: How many lists were begun.
        watches: How many watches were requested.
        set_aside: How many objects could not be read.
    """

    state: str = "resolving"
    synced: bool = False
    stale_since: float | None = None
    last_contact: float | None = None
    last_error: BackgroundError | None = None
    errors: int = 0
    lists: int = 0
    watches: int = 0
    set_aside: int = 0

    def orphaned(self, now: float) -> ReflectorStatus:
        """Return this as seen in a child process, where nothing keeps it current."""
        return replace(
            self, state="made before the fork", stale_since=self.stale_since or self.last_contact or now
        )
