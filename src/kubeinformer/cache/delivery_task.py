"""Tasks that hand the items of a buffer to a coroutine function, on the event loop that asked for it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from typing import Generic, TypeVar

from kubeinformer.cache.delivery import Buffer, call_at_work, waits_for_itself
from kubeinformer.errors import UsageError
from kubeinformer.forks import renew_in_child

_log = logging.getLogger("kubeinformer.processor")
LONGEST_TURN = 0.005  # seconds for which calls that never wait may keep the loop from its other tasks

T = TypeVar("T")
A = TypeVar("A")


class DeliveryTask(Generic[T]):
    """Awaits `handle` for each item, as one task a burst of items: the loop is woken once, not once an item.

    `handle` must raise nothing but the CancelledError of its own task. All methods are thread-safe, and may be
    called from inside `handle`.

    Args:
        name: The name of the task.
        buffer: Holds what waits, in its order.
        handle: Awaited with each item, in the context variables that are set where the delivery is made.

    Raises:
        UsageError: No event loop runs where it is made.
    """

    def __init__(self, name: str, buffer: Buffer[T], handle: Callable[[T], Awaitable[object]]) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            raise UsageError(
                f"{name}: an async function is called on the event loop that registers it, and none runs here; "
                "register it inside a coroutine, or pass a plain function"
            ) from None
        self.name = name
        self.ended: Future[None] = Future()
        self._buffer = buffer
        self._handle = handle
        self._context = copy_context()
        self._lock = threading.Lock()
        renew_in_child(self, _lock=threading.Lock)
        self._busy = False  # a task is under way, or will be
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    def put(self, items: Iterable[T]) -> int:
        """Append items (none after `close`), wake the loop, and return how many waited already."""
        with self._lock:
            if self._closed:
                return 0
            waiting = len(self._buffer)
            self._buffer.put(items)
            wake = bool(len(self._buffer)) and not self._busy
            self._busy = self._busy or wake
        if wake:
            self._wake()
        return waiting

    def locked(self, question: Callable[[], A]) -> A:
        """Return the answer of `question`, which may look at the buffer, with the lock held."""
        with self._lock:
            return question()

    def close(self) -> None:
        """Drop what waits and let no further call begin; one in flight goes on."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._buffer.clear()
            idle = not self._busy
        if idle:
            self.ended.set_result(None)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the call in flight, at most `timeout` seconds; return whether none is left.

        On the loop itself it does not wait at all: await `ended` there.
        """
        if self._loop.is_closed() or self.ended.done():
            return True
        if waits_for_itself() or self._is_here():
            return False
        with suppress(TimeoutError):
            self.ended.result(timeout)
        return self.ended.done()

    def interrupt(self) -> None:
        """Cancel the call in flight."""
        if self._task is not None:
            with suppress(RuntimeError):  # the loop is closed: nothing is in flight
                self._loop.call_soon_threadsafe(self._task.cancel)

    def _is_here(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._begin)
        except RuntimeError:
            _log.warning("%s: its event loop is closed; it hears nothing any more", self.name)
            self._busy = False
            self.close()

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._run(), name=self.name, context=self._context)
        self._task.add_done_callback(self._done)

    async def _run(self) -> None:
        call_at_work.set(self.ended)
        began = self._loop.time()
        while (item := self._next()) is not None:
            await self._handle(item)
            with self._lock:
                self._buffer.finished(item)
            if self._loop.time() - began > LONGEST_TURN:
                await asyncio.sleep(0)
                began = self._loop.time()

    def _done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # whoever did that, `interrupt` or the end of the loop, ends the delivery
            self.close()
            self._next()

    def _next(self) -> T | None:
        with self._lock:
            item = None if self._closed else self._buffer.take()
            self._busy = item is not None
            ended = self._closed
        if ended and not self.ended.done():
            self.ended.set_result(None)
        return item


def is_the_end_of_its_task(error: BaseException) -> bool:
    """Return whether what came out of awaited user code is the end of the task, not a fault of that code.

    A CancelledError may come from something that the code awaited. GeneratorExit comes where a coroutine that
    never ended is thrown away, perhaps after its loop.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, GeneratorExit)
