"""The buffer of one handler: what it has not been told yet, in order. No lock, no thread, no clock.

It cannot be bounded: a notification that was dropped would break the handler's history, and one that was refused
would hold up the cache. So its length can be read, and a slow handler shows (see processor.py); who needs only the
latest state takes :class:`CoalescedNotifications` instead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from kubeinformer.cache.initial_notifications import InitialNotifications
from kubeinformer.cache.notifications import Notification


class PendingNotifications(InitialNotifications):
    """Every notification, in order.

    Args:
        on_synced: Called once, when `has_synced` becomes true.
    """

    def __init__(self, on_synced: Callable[[], object] = lambda: None) -> None:
        super().__init__(on_synced)
        self._waiting: deque[Notification] = deque()

    def put(self, notifications: Iterable[Notification]) -> None:
        """Append notifications."""
        for notification in notifications:
            self._waiting.append(notification)
            self._count(notification)

    def take(self) -> Notification | None:
        """Take out the oldest notification, None where there is none."""
        return self._waiting.popleft() if self._waiting else None

    def clear(self) -> None:
        """Drop what waits."""
        for notification in self._waiting:
            self.finished(notification)
        self._waiting.clear()

    def __len__(self) -> int:
        return len(self._waiting)

    def check_invariants(self) -> None:
        """Raise AssertionError where the count of initial notifications cannot be right; for tests."""
        self._check_count(self._waiting)
