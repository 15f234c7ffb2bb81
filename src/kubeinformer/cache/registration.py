"""What is added to an informer: handler functions or a stream, each with a buffer and calls of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from kubeinformer.cache.coalesced_notifications import CoalescedNotifications
from kubeinformer.cache.delivery import Delivery
from kubeinformer.cache.delivery_queue import DeliveryQueue
from kubeinformer.cache.delivery_task import DeliveryTask, is_the_end_of_its_task
from kubeinformer.cache.delivery_thread import DeliveryThread
from kubeinformer.cache.handlers import Handlers
from kubeinformer.cache.notifications import Notification
from kubeinformer.cache.pending_notifications import PendingNotifications

_log = logging.getLogger("kubeinformer.processor")
PENDING_MARK = 10_000


class Registration:
    """What was added to an informer: handler functions, or a stream that the program reads. Thread-safe.

    What it is told comes in the order of the cache. It never delays the cache or another registration: what it has
    not been told yet waits in a buffer of its own, which grows while it is slower than the changes (`pending` says
    how far, and 10,000 are logged).

    Args:
        name: What it is called in messages.
        discard: Takes it off the informer.
        on_synced: Called once, when `has_synced` becomes true.
        coalesce: Whether only the latest state of each object waits, not its whole history.
        now: Seconds on a monotonic clock.

    Attributes:
        delivery: What carries the notifications to the program.
    """

    delivery: Delivery[Notification]

    def __init__(
        self,
        name: str,
        *,
        discard: Callable[[Registration], object],
        on_synced: Callable[[], object],
        coalesce: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._discard = discard
        self._pending = (CoalescedNotifications if coalesce else PendingNotifications)(on_synced)
        self._mark = PENDING_MARK
        self._now = now
        self._behind_since = 0.0

    @property
    def has_synced(self) -> bool:
        """Whether the program was told of every object of the first load."""
        return self.delivery.locked(lambda: self._pending.has_synced)

    @property
    def pending(self) -> int:
        """How many notifications wait."""
        return self.delivery.locked(lambda: len(self._pending))

    @property
    def lag(self) -> float:
        """For how many seconds something has waited; 0 where nothing does."""
        return self._now() - self._behind_since if self.pending else 0.0

    @property
    def merged(self) -> int:
        """How many notifications were merged away."""
        return self._pending.merged if isinstance(self._pending, CoalescedNotifications) else 0

    def detach(self) -> None:
        """Take it off: no call begins once this has returned, and what waits is dropped. Twice is harmless."""
        self._discard(self)
        self.delivery.close()

    def remove(self) -> None:
        """Take it off, and wait for a call in flight to end, except from inside a handler's call."""
        self.detach()
        self.delivery.join(None)

    def put(self, notifications: Iterable[Notification]) -> None:
        """Append notifications to the buffer."""
        waiting = self.delivery.put(notifications)
        if not waiting:
            self._behind_since = self._now()
        if waiting >= self._mark:
            self._mark = 2 * waiting
            _log.warning("%s: %d notifications wait; it is slower than the changes", self.name, waiting)

    def cache_synced(self) -> None:
        """Note that every notification of the first load is in the buffer."""
        self.delivery.locked(self._pending.cache_synced)


class HandlerRegistration(Registration):
    """Handler functions: plain ones are called on a thread of their own, async ones on the loop they come from.

    Args:
        name: What it is called in messages.
        handlers: The functions.
        on_fault: Called with what a handler raised.
        options: As for `Registration`.
    """

    def __init__(
        self,
        name: str,
        handlers: Handlers,
        *,
        discard: Callable[[Registration], object],
        on_synced: Callable[[], object],
        on_fault: Callable[[Registration, BaseException], object],
        coalesce: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name, discard=discard, on_synced=on_synced, coalesce=coalesce, now=now)
        self._handlers = handlers
        self._on_fault = on_fault
        title = f"kubeinformer-{name}"
        if handlers.are_async:
            self.delivery = DeliveryTask(title, self._pending, self._deliver_async)
        else:
            self.delivery = DeliveryThread(title, self._pending, self._deliver)

    def _deliver(self, notification: Notification) -> None:
        try:
            self._handlers.call(notification)
        except BaseException as error:  # noqa: BLE001  # user code: whatever it raises costs this one call
            self._on_fault(self, error)

    async def _deliver_async(self, notification: Notification) -> None:
        try:
            await self._handlers.call_async(notification)
        except BaseException as error:  # user code: whatever it raises costs this one call
            if is_the_end_of_its_task(error):
                raise
            self._on_fault(self, error)


class StreamRegistration(Registration):
    """A stream that the program reads, in a loop of its own.

    Attributes:
        queue: What waits to be read.
    """

    def __init__(
        self,
        name: str,
        *,
        discard: Callable[[Registration], object],
        coalesce: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name, discard=discard, on_synced=lambda: None, coalesce=coalesce, now=now)
        self.queue = self.delivery = DeliveryQueue(name, self._pending)
        self.is_abandoned = False  # its reader is gone; set where no lock may be taken (a finalizer)

    def put(self, notifications: Iterable[Notification]) -> None:
        """Append notifications to the buffer."""
        if self.is_abandoned:
            self.detach()
        super().put(notifications)
