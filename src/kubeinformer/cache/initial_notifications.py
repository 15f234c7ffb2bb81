"""When a handler has synced: the cache has, and the handler has worked through what was there when it came."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kubeinformer.cache.notifications import Added, Notification


class InitialNotifications:
    """Counts the initial notifications of a buffer, from their coming in until they are finished.

    Args:
        on_synced: Called once, when `has_synced` becomes true.
    """

    def __init__(self, on_synced: Callable[[], object]) -> None:
        self._on_synced = on_synced
        self._initial = 0  # those that were put in and are not finished
        self._cache_synced = False

    def cache_synced(self) -> None:
        """Note that every notification of the first load was put in."""
        if not self._cache_synced:
            self._cache_synced = True
            self._tell_synced()

    def finished(self, notification: Notification) -> None:
        """Note that the handler has returned from (or raised on) a notification, or will never hear of it."""
        if _is_initial(notification):
            self._initial -= 1
            self._tell_synced()

    @property
    def has_synced(self) -> bool:
        """Whether the cache is synced and the handler has returned from every initial notification."""
        return self._cache_synced and self._initial == 0

    def _count(self, notification: Notification) -> None:
        self._initial += _is_initial(notification)

    def _tell_synced(self) -> None:
        if self.has_synced:
            on_synced, self._on_synced = self._on_synced, lambda: None
            on_synced()

    def _check_count(self, waiting: Iterable[Notification]) -> None:
        assert self._initial >= sum(map(_is_initial, waiting))


def _is_initial(notification: Notification) -> bool:
    return isinstance(notification, Added) and notification.initial
