"""A thread that hands the items of a buffer to a function, one after the other, until it is closed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextvars import copy_context
from typing import Generic, TypeVar

from kubeinformer.cache.delivery import Buffer, call_at_work, waits_for_itself
from kubeinformer.forks import renew_in_child

_log = logging.getLogger("kubeinformer.processor")

T = TypeVar("T")
A = TypeVar("A")


class DeliveryThread(Generic[T]):
    """Calls `handle` for each item on a daemon thread of its own, which starts with the first item.

    A slow `handle` delays only itself: `put` never waits for it. `handle` must not raise. All methods are
    thread-safe, and may be called from inside `handle`.

    Args:
        name: The name of the thread.
        buffer: Holds what waits, in its order.
        handle: Called with each item, in the context variables that are set where the delivery is made.
    """

    def __init__(self, name: str, buffer: Buffer[T], handle: Callable[[T], object]) -> None:
        self.name = name
        self.ended: Future[None] = Future()
        self._buffer = buffer
        self._handle = handle
        self._context = copy_context()
        self._changed = threading.Condition(threading.Lock())
        renew_in_child(self, _changed=lambda: threading.Condition(threading.Lock()))
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, items: Iterable[T]) -> int:
        """Append items (none after `close`), wake the thread, and return how many waited already."""
        with self._changed:
            if self._closed:
                return 0
            waiting = len(self._buffer)
            self._buffer.put(items)
            if len(self._buffer):
                self._wake()
            return waiting

    def locked(self, question: Callable[[], A]) -> A:
        """Return the answer of `question`, which may look at the buffer, with the lock held."""
        with self._changed:
            return question()

    def close(self) -> None:
        """Drop what waits and let no further call begin; one in flight goes on."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._buffer.clear()
            self._changed.notify_all()
            idle = self._thread is None
        if idle:
            self.ended.set_result(None)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the call in flight, at most `timeout` seconds; return whether none is left.

        Inside a handler it does not wait at all: two handlers that remove each other would hang.
        """
        thread = self._thread
        if thread is None or not thread.is_alive():
            return True
        if waits_for_itself():
            return False
        thread.join(timeout)
        return not thread.is_alive()

    def interrupt(self) -> None:
        """Do nothing: a thread cannot be asked to leave a function of the user's."""

    def _wake(self) -> None:
        if self._thread is None:
            thread = threading.Thread(
                target=self._context.run, args=(self._run,), name=self.name, daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the machine has no thread to give; the writer must not fail for that
                _log.exception("%s: not started; what waits is handled with the next item", self.name)
                return
            self._thread = thread
        self._changed.notify()

    def _run(self) -> None:
        call_at_work.set(self.ended)
        while (item := self._next()) is not None:
            self._handle(item)
            with self._changed:
                self._buffer.finished(item)
        self.ended.set_result(None)

    def _next(self) -> T | None:
        with self._changed:
            while not self._closed:
                item = self._buffer.take()
                if item is not None:
                    return item
                self._changed.wait()
            return None
