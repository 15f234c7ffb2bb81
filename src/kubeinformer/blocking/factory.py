"""The blocking face of the factory."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from queue import Empty, SimpleQueue
from typing import Self

from kubeinformer.blocking.client import Client
from kubeinformer.blocking.informer import Informer
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.fronts.factory import FactoryFront
from kubeinformer.fronts.portal import SLICE
from kubeinformer.fronts.signals import ended_by_signals
from kubeinformer.fronts.user_code import join_user_code


class SharedInformerFactory(FactoryFront[Informer]):
    """Informers on one connection: one list and one watch per resource, whoever asks for it. Thread-safe.

    As a context manager it stops at the end of the block; it starts only by :meth:`start`, or :meth:`run`.
    """

    def start(self) -> None:
        """Start every informer that is not running yet; it returns at once. Call it again for late informers.

        Raises:
            UsageError: The factory is stopped.
        """
        self._portal.call(self._core.start)

    def wait_for_cache_sync(self, timeout: float | None = 120.0, *, handlers: bool = False) -> None:
        """Wait until every started informer holds its first load.

        Args:
            timeout: Seconds; None for as long as it takes.
            handlers: Whether to wait until the handlers have returned from their calls for it, too.

        Raises:
            CacheSyncTimeout: Time ran out; it names each resource that is not synced, and why.
            UsageError: Nothing was started, or the factory was stopped.
        """
        self._portal.call(self._core.wait_for_cache_sync, timeout, handlers=handlers)

    def run(self) -> None:
        """Start and sync where that was not done, wait for SIGINT, SIGTERM or :meth:`stop`, then stop.

        Signals are taken in the main thread only; in another thread it waits for :meth:`stop`.

        Raises:
            CacheSyncTimeout: The caches did not fill in 120 s.
        """
        ends: SimpleQueue[None] = SimpleQueue()  # a signal handler may fill it, unlike a threading.Event

        def end(_: object = None) -> None:
            ends.put(None)

        with self, ended_by_signals(end):
            self.start()
            self._portal.ended.add_done_callback(end)
            syncing = self._portal.submit(self._core.wait_for_cache_sync, 120.0, handlers=False)
            syncing.add_done_callback(end)
            _wait_for(ends)
            if syncing.done() and not self._portal.is_stopped:
                syncing.result()
                _wait_for(ends)

    def stop(self) -> None:
        """Stop everything within half a second; a handler's call in flight may go on, and is named in the log.

        Async handlers in flight are cancelled then. From inside a handler it does not wait for handlers. Stopping
        twice is harmless.
        """
        if self._portal.is_stopped:
            return
        in_flight = self._core.close()
        self._portal.stop()
        join_user_code(in_flight)

    @cached_property
    def client(self) -> Client:
        """Plain requests on the factory's connection, with its credentials."""
        return Client.on_portal(self._portal, self._core.client())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _front(self, shared: SharedIndexInformer) -> Informer:
        return Informer(shared, self.engine, self._stop_informer)

    def _stop_informer(self, shared: SharedIndexInformer) -> None:
        join_user_code(self._portal.call(self._core.stop_informer, shared))


def _wait_for(ends: SimpleQueue[None]) -> None:
    while True:
        with suppress(Empty):
            return ends.get(timeout=SLICE)
