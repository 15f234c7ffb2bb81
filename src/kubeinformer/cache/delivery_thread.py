"""A thread that hands the items of a buffer to a function, one after the other, until it is closed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

_log = logging.getLogger("kubeinformer.processor")

T = TypeVar("T")
A = TypeVar("A")


class Buffer(Protocol[T]):
    """What waits for the thread; called with the thread's lock held."""

    def put(self, items: Iterable[T], /) -> None:
        """Append items."""

    def take(self) -> T | None:
        """Take out the next item, None where there is none."""

    def finished(self, item: T, /) -> None:
        """Note that an item was handled."""

    def clear(self) -> None:
        """Drop what waits."""

    def __len__(self) -> int: ...


class _Thread(threading.Thread):
    """Marks the threads of this module, so that one can tell that it runs on one of them."""


def on_delivery_thread() -> bool:
    """Return whether the caller runs inside a handler (any handler, of any informer)."""
    return isinstance(threading.current_thread(), _Thread)


class DeliveryThread(Generic[T]):
    """Calls `handle` for each item on a daemon thread of its own, which starts with the first item.

    A slow `handle` delays only itself: `put` never waits for it. `handle` must not raise. All methods are
    thread-safe, and may be called from inside `handle`.

    Args:
        name: The name of the thread.
        buffer: Holds what waits, in its order.
        handle: Called with each item.
    """

    def __init__(self, name: str, buffer: Buffer[T], handle: Callable[[T], object]) -> None:
        self.name = name
        self._buffer = buffer
        self._handle = handle
        self._changed = threading.Condition(threading.Lock())
        self._thread: _Thread | None = None
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
            self._closed = True
            self._buffer.clear()
            self._changed.notify_all()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the call in flight, at most `timeout` seconds; return whether none is left.

        Inside one of these threads it does not wait at all: two handlers that remove each other would hang.
        """
        thread = self._thread
        if thread is None or not thread.is_alive():
            return True
        if on_delivery_thread():
            return False
        thread.join(timeout)
        return not thread.is_alive()

    def _wake(self) -> None:
        if self._thread is None:
            thread = _Thread(target=self._run, name=self.name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the machine has no thread to give; the writer must not fail for that
                _log.exception("%s: not started; what waits is handled with the next item", self.name)
                return
            self._thread = thread
        self._changed.notify()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            self._handle(item)
            with self._changed:
                self._buffer.finished(item)

    def _next(self) -> T | None:
        with self._changed:
            while not self._closed:
                item = self._buffer.take()
                if item is not None:
                    return item
                self._changed.wait()
            return None
