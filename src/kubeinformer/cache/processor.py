"""Delivery: each handler with a buffer and a thread of its own, told what the store has just taken in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from kubeinformer.cache.delivery_thread import DeliveryThread
from kubeinformer.cache.handlers import Handlers
from kubeinformer.cache.notifications import Added, Notification
from kubeinformer.cache.pending_notifications import PendingNotifications
from kubeinformer.errors import UsageError
from kubeinformer.objects import KubernetesObject

_log = logging.getLogger("kubeinformer.processor")
PENDING_MARK = 10_000


class Registration:
    """A handler that was added to an informer. Thread-safe.

    Its calls come one after the other, in the order of the cache. It never delays the cache or another handler:
    what it has not been told yet waits in a buffer of its own, which grows while it is slower than the changes
    (`pending` says how far, and 10,000 are logged).

    Args:
        name: What it is called in messages.
        handlers: The functions.
        discard: Takes it off the informer.
        on_synced: Called once, when `has_synced` becomes true.
        on_fault: Called with what a handler raised.
    """

    def __init__(
        self,
        name: str,
        handlers: Handlers,
        *,
        discard: Callable[[Registration], object],
        on_synced: Callable[[], object],
        on_fault: Callable[[Registration, BaseException], object],
    ) -> None:
        self.name = name
        self._handlers = handlers
        self._discard = discard
        self._on_fault = on_fault
        self._pending = PendingNotifications(on_synced)
        self._thread = DeliveryThread[Notification](f"kubeinformer-{name}", self._pending, self._deliver)
        self._mark = PENDING_MARK

    @property
    def has_synced(self) -> bool:
        """Whether the handler has returned from the add of every object of the first load."""
        return self._thread.locked(lambda: self._pending.has_synced)

    @property
    def pending(self) -> int:
        """How many notifications wait for the handler."""
        return self._thread.locked(lambda: len(self._pending))

    def remove(self) -> None:
        """Take the handler off: no call of it begins once this has returned, and what waits is dropped.

        It waits for a call in flight to end, unless it is itself called from inside a handler. Removing twice is
        harmless.
        """
        self._discard(self)
        self.close()
        self.join(None)

    def put(self, notifications: Iterable[Notification]) -> None:
        """Append notifications to the buffer."""
        waiting = self._thread.put(notifications)
        if waiting >= self._mark:
            self._mark = 2 * waiting
            _log.warning("%s: %d notifications wait; it is slower than the changes", self.name, waiting)

    def cache_synced(self) -> None:
        """Note that every notification of the first load is in the buffer."""
        self._thread.locked(self._pending.cache_synced)

    def close(self) -> None:
        """Drop what waits and let no further call begin."""
        self._thread.close()

    def join(self, timeout: float | None) -> bool:
        """Wait for a call in flight, at most `timeout` seconds; return whether none is left."""
        return self._thread.join(timeout)

    def _deliver(self, notification: Notification) -> None:
        try:
            self._handlers.call(notification)
        except BaseException as error:  # noqa: BLE001  # user code: whatever it raises costs this one call
            self._on_fault(self, error)


class Processor:
    """The registrations of one informer.

    Attributes:
        lock: Held while the store takes something in and the registrations are told of it, and while one comes or
            goes: so a late handler finds the store exactly as far as what it is told later goes on from.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._registrations: list[Registration] = []
        self._synced = False
        self._closed = False

    def add(self, registration: Registration, existing: Callable[[], Sequence[KubernetesObject]]) -> None:
        """Add a registration: it is told of everything that exists, then of every change.

        Raises:
            UsageError: The informer is stopped.
        """
        with self.lock:
            if self._closed:
                raise UsageError(f"{registration.name}: the informer is stopped")
            registration.put([Added(present, initial=True) for present in existing()])
            self._registrations.append(registration)
            if self._synced:
                registration.cache_synced()

    def discard(self, registration: Registration) -> None:
        """Take a registration off; harmless when it is off already."""
        with self.lock:
            if registration in self._registrations:
                self._registrations.remove(registration)

    def distribute(self, notifications: Sequence[Notification]) -> None:
        """Tell every registration; call it with the lock held."""
        if notifications:
            for registration in self._registrations:
                registration.put(notifications)

    def cache_synced(self) -> None:
        """Note that the first load was distributed."""
        with self.lock:
            self._synced = True
            for registration in self._registrations:
                registration.cache_synced()

    @property
    def has_synced(self) -> bool:
        """Whether every handler has worked through the first load."""
        with self.lock:
            return self._synced and all(registration.has_synced for registration in self._registrations)

    def close(self) -> Sequence[Registration]:
        """Let no further call begin and return the registrations, to be joined."""
        with self.lock:
            self._closed = True
            registrations, self._registrations = self._registrations, []
        for registration in registrations:
            registration.close()
        return registrations
