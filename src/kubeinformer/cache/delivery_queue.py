"""A delivery that calls nothing: the program takes the items itself, in a loop of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Generic, TypeVar

from kubeinformer.cache.delivery import Buffer
from kubeinformer.forks import renew_in_child

T = TypeVar("T")
A = TypeVar("A")


class DeliveryQueue(Generic[T]):
    """Keeps the items of a buffer until they are taken. All methods are thread-safe.

    Args:
        name: What it is called in messages.
        buffer: Holds what waits, in its order.
    """

    def __init__(self, name: str, buffer: Buffer[T]) -> None:
        self.name = name
        self.ended: Future[None] = Future()
        self._buffer = buffer
        self._lock = threading.Lock()
        renew_in_child(self, _lock=threading.Lock)
        self._wakers: list[Callable[[], object]] = []

    @property
    def is_closed(self) -> bool:
        """Whether nothing comes any more."""
        return self.ended.done()

    def put(self, items: Iterable[T]) -> int:
        """Append items (none after `close`), wake who waits, and return how many waited already."""
        with self._lock:
            if self.is_closed:
                return 0
            waiting = len(self._buffer)
            self._buffer.put(items)
            wakers = self._take_wakers()
        for wake in wakers:
            wake()
        return waiting

    def take(self) -> T | None:
        """Take out the next item, None where there is none."""
        with self._lock:
            item = self._buffer.take()
            if item is not None:
                self._buffer.finished(item)
            return item

    def wake_on_change(self, wake: Callable[[], object]) -> bool:
        """Have `wake` called once, on any thread, when something comes or it is closed.

        Returns:
            False where that is so already, and nothing will be called.
        """
        with self._lock:
            if len(self._buffer) or self.is_closed:
                return False
            self._wakers.append(wake)
            return True

    def forget(self, wake: Callable[[], object]) -> None:
        """Wake no more; harmless when it was woken."""
        with self._lock:
            if wake in self._wakers:
                self._wakers.remove(wake)

    def locked(self, question: Callable[[], A]) -> A:
        """Return the answer of `question`, which may look at the buffer, with the lock held."""
        with self._lock:
            return question()

    def close(self) -> None:
        """Drop what waits and wake who waits."""
        with self._lock:
            if self.is_closed:
                return
            self._buffer.clear()
            self.ended.set_result(None)
            wakers = self._take_wakers()
        for wake in wakers:
            wake()

    def join(self, timeout: float | None = None) -> bool:  # noqa: ARG002  # of the protocol
        """Return True: no call is ever in flight."""
        return True

    def interrupt(self) -> None:
        """Do nothing: no call is ever in flight."""

    def _take_wakers(self) -> list[Callable[[], object]]:
        wakers, self._wakers = self._wakers, []
        return wakers
