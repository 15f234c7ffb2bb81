"""The buffer of one handler: what it has not been told yet, in order. No lock, no thread, no clock.

It cannot be bounded: a notification that was dropped would break the handler's history, and one that was refused
would hold up the cache. So its length can be read, and a slow handler shows (see processor.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from kubeinformer.cache.notifications import Added, Notification


class PendingNotifications:
    """Notifications in order, and whether the handler has worked through its initial ones.

    Args:
        on_synced: Called once, when `has_synced` becomes true.
    """

    def __init__(self, on_synced: Callable[[], object] = lambda: None) -> None:
        self._on_synced = on_synced
        self._waiting: deque[Notification] = deque()
        self._initial = 0  # initial adds that were put in and are not finished
        self._cache_synced = False

    def put(self, notifications: Iterable[Notification]) -> None:
        """Append notifications."""
        for notification in notifications:
            self._waiting.append(notification)
            self._initial += _is_initial(notification)

    def cache_synced(self) -> None:
        """Note that every notification of the first load was put in."""
        if not self._cache_synced:
            self._cache_synced = True
            self._tell_synced()

    def take(self) -> Notification | None:
        """Take out the oldest notification, None where there is none."""
        return self._waiting.popleft() if self._waiting else None

    def finished(self, notification: Notification) -> None:
        """Note that the handler has returned from (or raised on) a notification that was taken out."""
        if _is_initial(notification):
            self._initial -= 1
            self._tell_synced()

    @property
    def has_synced(self) -> bool:
        """Whether the cache is synced and the handler has returned from every initial notification."""
        return self._cache_synced and self._initial == 0

    def clear(self) -> None:
        """Drop what waits."""
        for notification in self._waiting:
            self.finished(notification)
        self._waiting.clear()

    def __len__(self) -> int:
        return len(self._waiting)

    def _tell_synced(self) -> None:
        if self.has_synced:
            on_synced, self._on_synced = self._on_synced, lambda: None
            on_synced()

    def check_invariants(self) -> None:
        """Raise AssertionError where the count of initial notifications cannot be right; for tests."""
        assert self._initial >= sum(map(_is_initial, self._waiting))


def _is_initial(notification: Notification) -> bool:
    return isinstance(notification, Added) and notification.initial
