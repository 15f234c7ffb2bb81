"""The portal: an event loop on a thread of its own, and the way into it for threads and for other loops.

One portal belongs to one owner (a factory, a client), who stops it. A call costs some 100 µs, so nothing that
happens per object or per event goes through it.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

from kubeinformer.errors import UsageError
from kubeinformer.forks import renew_in_child

_log = logging.getLogger("kubeinformer.portal")
P = ParamSpec("P")
T = TypeVar("T")
EXIT_WAIT = 2.0  # seconds that a stop, and the end of the interpreter, wait for a loop that does not end

SLICE = 0.5
"""Seconds that a thread waits before it looks up. A signal that comes at the very moment at which a wait begins is
noticed only at its end (and on Windows, any is)."""


class Portal:
    """An event loop on a daemon thread, started by the first call. Thread-safe.

    Args:
        name: The name of the thread.
        on_end: Awaited on the loop before it ends, also where the interpreter ends without a stop.

    Attributes:
        ended: Done when it is stopped and its loop has ended.
    """

    def __init__(self, name: str, on_end: Callable[[], Awaitable[object]]) -> None:
        self._on_end = on_end
        self.ended: Future[None] = Future()
        self._name = name
        self._pid = os.getpid()
        self._lock = threading.RLock()  # a signal handler may stop it in the middle of a call
        renew_in_child(self, _lock=threading.RLock)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._stopped = False
        self._calls: set[Future[Any]] = set()  # those that are not done

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called, or this is another process than the one that made the portal."""
        return self._stopped or os.getpid() != self._pid

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a coroutine function on the loop and return its result, blocking until it is there.

        Whatever interrupts the wait (Ctrl-C, say) cancels the coroutine.

        Raises:
            UsageError: The portal is stopped, the caller runs on the loop itself, or the process was forked.
        """
        future = self.submit(function, *args, **kwargs)
        try:
            return _result(future)
        except CancelledError:
            raise self._stopped_meanwhile() from None
        except BaseException:
            future.cancel()
            raise

    async def call_async(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a coroutine function on the portal's loop and return its result, awaited on the caller's loop.

        Cancelling the wait cancels the coroutine.

        Raises:
            UsageError: As for `call`.
        """
        future = self.submit(function, *args, **kwargs)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise self._stopped_meanwhile() from None

    def submit(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start a coroutine function on the loop and return the future of its result.

        Raises:
            UsageError: As for `call`.
        """
        loop = self._running_loop()
        future: Future[T] = Future()
        self._calls.add(future)
        future.add_done_callback(self._calls.discard)

        def begin() -> None:
            # The coroutine is made here: one that was made before, and never began, would be complained of.
            if not future.done():
                task = loop.create_task(_as_coroutine(function(*args, **kwargs)))
                task.add_done_callback(partial(_settle, future))
                future.add_done_callback(partial(_cancel, loop, task))

        try:
            loop.call_soon_threadsafe(begin)
        except RuntimeError:  # it ended just now
            future.cancel()
            raise self._stopped_meanwhile() from None
        return future

    def stop(self) -> None:
        """End the loop and its thread; everything on it is cancelled. Stopping twice is harmless.

        Called on the loop's own thread it does not wait for the end.
        """
        thread = self.close()
        if thread is not None and threading.current_thread() is not thread:
            thread.join(EXIT_WAIT)

    async def stop_async(self) -> None:
        """Do as `stop`, and await the end on the caller's loop; cancelling the wait does not undo it."""
        thread = self.close()
        if thread is not None:
            await asyncio.wait([asyncio.wrap_future(self.ended)], timeout=EXIT_WAIT)
            thread.join(0.1 if self.ended.done() else 0.0)  # it has nothing left to do but to go

    def close(self) -> threading.Thread | None:
        """Begin to stop, and return the thread that ends soon, None where there is none."""
        if os.getpid() != self._pid:
            return None
        with self._lock:
            already, self._stopped = self._stopped, True
            thread, loop = self._thread, self._loop
        if thread is None or loop is None:
            if not already:
                self.ended.set_result(None)
            return None
        atexit.unregister(self.stop)
        if not already and not loop.is_closed():
            loop.call_soon_threadsafe(self._finish)
        return thread

    def check_process(self) -> None:
        """Raise UsageError where this is a child of the process that made the portal."""
        if os.getpid() != self._pid:
            raise UsageError(f"{self._name} was made before the fork; make a new one in the child process")

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        self.check_process()
        with self._lock:
            if self._stopped:
                raise UsageError(f"{self._name} is stopped")
            if self._loop is None:
                self._start()
            if threading.current_thread() is self._thread:
                raise UsageError(f"a call of {self._name} on its own event loop would never return")
            assert self._loop is not None
            return self._loop

    def _start(self) -> None:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name=self._name, daemon=True)
        self._thread.start()
        started.wait()
        # The thread is a daemon: without this the interpreter would end under open connections.
        atexit.register(self.stop)

    def _run(self, started: threading.Event) -> None:
        try:
            asyncio.run(self._main(started))
        except BaseException:  # noqa: BLE001  # SystemExit in a task, say: a thread would end by it without a word
            _log.critical("%s is ended by what a task raised", self._name, exc_info=True)
        finally:
            self._stopped = True
            for future in list(self._calls):
                future.cancel()  # nobody will
            self.ended.set_result(None)

    async def _main(self, started: threading.Event) -> None:
        self._end = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        started.set()
        if not self._stopped:  # set by a signal handler, say, while it started
            await self._end.wait()
        try:
            await self._on_end()
        except Exception:  # noqa: BLE001  # logged; the loop has to end all the same
            _log.exception("%s did not end in good order", self._name)

    def _finish(self) -> None:
        assert self._end is not None
        self._end.set()

    def _stopped_meanwhile(self) -> UsageError:
        return UsageError(f"{self._name} was stopped meanwhile")


def _result(future: Future[T]) -> T:
    while True:
        try:
            return future.result(SLICE)
        except TimeoutError:
            if future.done():
                return future.result()  # it came just now, or the error is its own


async def _as_coroutine(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _settle(future: Future[T], task: asyncio.Task[T]) -> None:
    if task.cancelled():
        future.cancel()
    elif future.set_running_or_notify_cancel():
        error = task.exception()
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(task.result())


def _cancel(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], future: Future[Any]) -> None:
    if future.cancelled():
        with suppress(RuntimeError):  # the loop is closed, and the task with it
            loop.call_soon_threadsafe(task.cancel)
