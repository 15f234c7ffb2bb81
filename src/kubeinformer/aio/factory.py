"""The asyncio face of the factory."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cached_property
from typing import Self

from kubeinformer.aio.client import Client
from kubeinformer.aio.informer import Informer
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.fronts.factory import FactoryFront
from kubeinformer.fronts.signals import ended_by_signals_on_loop
from kubeinformer.fronts.user_code import wait_for_user_code


class SharedInformerFactory(FactoryFront[Informer]):
    """Informers on one connection: one list and one watch per resource, whoever asks for it.

    As a context manager it stops at the end of the block; it starts only by :meth:`start`, or :meth:`run`. What is
    no coroutine here may be called from any thread. The engine runs on a loop of its own: however busy the
    program's loop is, the cache stays current.
    """

    async def start(self) -> None:
        """Start every informer that is not running yet; it returns at once. Call it again for late informers.

        Raises:
            UsageError: The factory is stopped.
        """
        await self._portal.call_async(self._core.start)

    async def wait_for_cache_sync(self, timeout: float | None = 120.0, *, handlers: bool = False) -> None:
        """Wait until every started informer holds its first load.

        Args:
            timeout: Seconds; None for as long as it takes.
            handlers: Whether to wait until the handlers have returned from their calls for it, too.

        Raises:
            CacheSyncTimeout: Time ran out; it names each resource that is not synced, and why.
            UsageError: Nothing was started, or the factory was stopped.
        """
        await self._portal.call_async(self._core.wait_for_cache_sync, timeout, handlers=handlers)

    async def run(self) -> None:
        """Start and sync where that was not done, wait for SIGINT, SIGTERM or :meth:`stop`, then stop.

        Signals are taken in the main thread only; in another thread it waits for :meth:`stop`.

        Raises:
            CacheSyncTimeout: The caches did not fill in 120 s.
        """
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def end(_: object = None) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(ended.set)

        async with self, ended_by_signals_on_loop(end):
            await self.start()
            self._portal.ended.add_done_callback(end)
            await self._sync_then(ended)

    async def _sync_then(self, ended: asyncio.Event) -> None:
        syncing = asyncio.create_task(self.wait_for_cache_sync())
        waiting = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait((syncing, waiting), return_when=asyncio.FIRST_COMPLETED)
            if syncing.done() and not self._portal.is_stopped:
                await syncing
                await waiting
        finally:
            syncing.cancel()
            waiting.cancel()
            await asyncio.gather(syncing, waiting, return_exceptions=True)

    async def stop(self) -> None:
        """Stop everything within half a second; a handler's call in flight may go on, and is named in the log.

        Async handlers in flight are cancelled then. From inside a handler it does not wait for handlers. Stopping
        twice is harmless. Where the wait for it is cancelled, it goes on all the same.
        """
        if self._portal.is_stopped:
            return
        in_flight = self._core.close()
        await self._portal.stop_async()
        await wait_for_user_code(in_flight)

    @cached_property
    def client(self) -> Client:
        """Plain requests on the factory's connection, with its credentials."""
        return Client.on_portal(self._portal, self._core.session)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _front(self, shared: SharedIndexInformer) -> Informer:
        return Informer(shared, self.engine, self._stop_informer)

    async def _stop_informer(self, shared: SharedIndexInformer) -> None:
        await wait_for_user_code(await self._portal.call_async(self._core.stop_informer, shared))
