"""The asyncio face of what was registered: handlers, and streams of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Self

from kubeinformer.cache.delivery import waits_for_itself
from kubeinformer.cache.delivery_task import LONGEST_TURN
from kubeinformer.cache.notifications import Notification
from kubeinformer.cache.registration import StreamRegistration
from kubeinformer.fronts.informer import EventsFront, RegistrationFront
from kubeinformer.fronts.portal import Portal
from kubeinformer.fronts.user_code import wait_for_end


class Registration(RegistrationFront):
    """A handler that was added to an informer.

    Its calls come one after the other, in the order of the cache. It never delays the cache or another handler:
    what it has not been told yet waits in a buffer of its own, which grows while it is slower than the changes
    (`pending` says how far, and 10,000 are logged).
    """

    async def remove(self) -> None:
        """Take the handler off: no call of it begins once this has returned, and what waits is dropped.

        It waits for a call in flight to end, unless it is itself called from inside a handler. Removing twice is
        harmless.
        """
        self._portal.check_process()
        self._registration.detach()
        if not waits_for_itself():
            await wait_for_end([self._registration.delivery], None)


class Events(EventsFront):
    """What happens to a cache, one :class:`Added`, :class:`Updated` or :class:`Deleted` after the other.

    An asynchronous iterator: it waits for what comes next, and ends when it is closed or the informer is stopped.
    What was not read yet waits in a buffer that nothing bounds. Each event comes once, also where a wait for it was
    cancelled.
    """

    def __init__(self, stream: StreamRegistration, portal: Portal) -> None:
        super().__init__(stream, portal)
        self._turn = 0.0  # when other tasks last had their turn

    def __aiter__(self) -> AsyncIterator[Notification]:
        return self

    async def __anext__(self) -> Notification:
        self._portal.check_process()
        queue, now = self._stream.queue, asyncio.get_running_loop().time()
        if now - self._turn > LONGEST_TURN:
            self._turn = now
            await asyncio.sleep(0)
        while (event := queue.take()) is None:
            if queue.is_closed:
                raise StopAsyncIteration
            await self._change()
        return event

    async def _change(self) -> None:
        loop = asyncio.get_running_loop()
        changed: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_set, changed)

        if self._stream.queue.wake_on_change(wake):
            try:
                await changed
            finally:
                self._stream.queue.forget(wake)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


def _set(changed: asyncio.Future[None]) -> None:
    if not changed.done():
        changed.set_result(None)
