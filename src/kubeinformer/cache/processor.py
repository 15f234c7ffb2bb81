"""The registrations of one informer, told what the store has just taken in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from kubeinformer.cache.notifications import Added, Notification
from kubeinformer.cache.registration import HandlerRegistration, Registration
from kubeinformer.errors import UsageError
from kubeinformer.forks import renew_in_child
from kubeinformer.objects import KubernetesObject


class Processor:
    """The registrations of one informer.

    Attributes:
        lock: Held while the store takes something in and the registrations are told of it, and while one comes or
            goes: so a late handler finds the store exactly as far as what it is told later goes on from.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        renew_in_child(self, lock=threading.RLock)
        self._registrations: tuple[Registration, ...] = ()
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
            self._registrations = (*self._registrations, registration)
            if self._synced:
                registration.cache_synced()

    def discard(self, registration: Registration) -> None:
        """Take a registration off; harmless when it is off already."""
        with self.lock:
            # A new tuple: one that is told of a change may take itself off.
            self._registrations = tuple(other for other in self._registrations if other is not registration)

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
    def handlers(self) -> dict[str, Registration]:
        """The registrations by name; a second one of a name has its number behind it."""
        named: dict[str, Registration] = {}
        for registration in self._registrations:
            name, number = registration.name, 1
            while name in named:
                number += 1
                name = f"{registration.name}#{number}"
            named[name] = registration
        return named

    @property
    def has_synced(self) -> bool:
        """Whether every handler has worked through the first load."""
        with self.lock:
            handlers = (other for other in self._registrations if isinstance(other, HandlerRegistration))
            return self._synced and all(registration.has_synced for registration in handlers)

    def close(self) -> Sequence[Registration]:
        """Let no further call begin and return the registrations, to be joined."""
        with self.lock:
            self._closed = True
            registrations, self._registrations = self._registrations, ()
        for registration in registrations:
            registration.delivery.close()
        return registrations
