"""What an informer says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kubeinformer.cache.background_errors import BackgroundError
from kubeinformer.cache.reflector_status import ReflectorStatus


@dataclass(frozen=True, slots=True)
class InformerStatus:
    """How an informer is doing; over several namespaces, the worst of them. Times are seconds since 1970.

    Attributes:
        name: The resource and what narrows it.
        state: What it is at: stopped, resolving, queued, listing, loading, probing, opening, watching, waiting.
        synced: Whether everything was loaded once.
        resource_version: The version that the cache has reached, by namespace where several are watched.
        stale_since: Since when changes may be missed; None while every watch is open.
        last_contact: When the server last sent something, None where it never did.
        last_error: The last error, also after it was overcome (`last_error.status` is its HTTP status).
        errors: How many errors there were: failed requests, broken streams, bad lines, objects set aside.
        lists: How many lists were begun.
        watches: How many watches were requested.
        set_aside: How many objects could not be read.
    """

    name: str
    state: str
    synced: bool
    resource_version: str | dict[str, str]
    stale_since: float | None
    last_contact: float | None
    last_error: BackgroundError | None
    errors: int
    lists: int
    watches: int
    set_aside: int

    @property
    def reason(self) -> str:
        """Why it is not synced, in words: the last error, or what it is at."""
        return self.last_error.description if self.last_error else self.state


def combine(
    name: str,
    synced: bool,
    resource_version: str | dict[str, str],
    statuses: Sequence[ReflectorStatus],
) -> InformerStatus:
    """Return the status of an informer from those of its reflectors."""
    stale = [status.stale_since for status in statuses if status.stale_since is not None]
    contacts = [status.last_contact for status in statuses]
    errors = [status.last_error for status in statuses if status.last_error is not None]
    unsynced = [status for status in statuses if not status.synced or status.state != "watching"]
    return InformerStatus(
        name=name,
        state=(unsynced or statuses)[0].state if statuses else "stopped",
        synced=synced,
        resource_version=resource_version,
        stale_since=min(stale, default=None),
        last_contact=min((contact for contact in contacts if contact is not None), default=None),
        last_error=errors[-1] if errors else None,
        errors=sum(status.errors for status in statuses),
        lists=sum(status.lists for status in statuses),
        watches=sum(status.watches for status in statuses),
        set_aside=sum(status.set_aside for status in statuses),
    )
