"""The buffer of a handler that wants the latest state only: bounded by the number of objects. No lock, no clock."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from kubeinformer.cache.initial_notifications import InitialNotifications
from kubeinformer.cache.notifications import Added, Deleted, Notification, Updated
from kubeinformer.objects import KubernetesObject

_Life = tuple[str, str]  # key and uid: an object that was re-created under its name is another one


class CoalescedNotifications(InitialNotifications):
    """At most one change for each life of an object (its uid), at the place of the first one that waits.

    What comes while a notification waits is merged into it: an `old` is always what the handler was told last, and
    an object that came and went in between is never heard of. A life that left and came back (it lost its labels
    and got them again, say) is told as that: it left, and it came.

    Args:
        on_synced: Called once, when `has_synced` becomes true.

    Attributes:
        merged: How many notifications were merged away.
    """

    def __init__(self, on_synced: Callable[[], object] = lambda: None) -> None:
        super().__init__(on_synced)
        self.merged = 0
        # The bool: a return, after its leaving. An OrderedDict: a dict's first key gets dearer with every removal.
        self._waiting: OrderedDict[tuple[_Life, bool], Notification] = OrderedDict()

    def put(self, notifications: Iterable[Notification]) -> None:
        """Append notifications, or merge them into those that wait."""
        for notification in notifications:
            self._put(notification)

    def take(self) -> Notification | None:
        """Take out the oldest notification, None where there is none."""
        return self._waiting.popitem(last=False)[1] if self._waiting else None

    def clear(self) -> None:
        """Drop what waits."""
        for notification in self._waiting.values():
            self.finished(notification)
        self._waiting.clear()

    def __len__(self) -> int:
        return len(self._waiting)

    def _put(self, notification: Notification) -> None:
        life = _life(notification)
        place = (life, True) if (life, True) in self._waiting else (life, False)
        waiting = self._waiting.get(place)
        match waiting, notification:
            case None, _:
                self._count(notification)
                self._waiting[place] = notification
                return
            case Deleted(), Added():
                self._count(notification)
                self._waiting[life, True] = notification
                return
            case Added(_, initial), Updated(_, new):
                self._waiting[place] = Added(new, initial)
            case Updated(old, _), Updated(_, new):
                self._waiting[place] = Updated(old, new)
            case Updated(), Deleted():
                self._waiting[place] = notification
            case Added(), Deleted():
                self.finished(self._waiting.pop(place))
            case _:
                raise AssertionError(f"{notification} after {waiting}")
        self.merged += 1

    def check_invariants(self) -> None:
        """Raise AssertionError where a notification waits at a place that is not its own; for tests."""
        self._check_count(self._waiting.values())
        for (life, is_return), notification in self._waiting.items():
            assert life == _life(notification)
            assert not is_return or isinstance(notification, Added), notification


def _life(notification: Notification) -> _Life:
    told: KubernetesObject = notification.new if isinstance(notification, Updated) else notification.object
    return told.key, told.uid
