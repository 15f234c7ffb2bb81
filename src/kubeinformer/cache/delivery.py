"""What waits for user code, and what carries it there: the protocols of buffers and of deliveries.

A plain function is called on a thread of its own (delivery_thread.py), a coroutine function as a task on the event
loop that registered it (delivery_task.py). Neither ever runs where the cache is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Protocol, TypeVar

T = TypeVar("T")
A = TypeVar("A")


class Buffer(Protocol[T]):
    """What waits; called with the delivery's lock held."""

    def put(self, items: Iterable[T], /) -> None:
        """Append items."""

    def take(self) -> T | None:
        """Take out the next item, None where there is none."""

    def finished(self, item: T, /) -> None:
        """Note that an item was handled."""

    def clear(self) -> None:
        """Drop what waits."""

    def __len__(self) -> int: ...


T_contra = TypeVar("T_contra", contravariant=True)


class Delivery(Protocol[T_contra]):
    """Hands the items of a buffer to user code, one call after the other, until it is closed. Thread-safe.

    Attributes:
        name: What is called, for messages.
        ended: Done when it is closed and no call is in flight.
    """

    name: str
    ended: Future[None]

    def put(self, items: Iterable[T_contra], /) -> int:
        """Append items (none after `close`), and return how many waited already. It never waits for a call."""

    def locked(self, question: Callable[[], A], /) -> A:
        """Return the answer of `question`, which may look at the buffer, with the lock held."""

    def close(self) -> None:
        """Drop what waits and let no further call begin; one in flight goes on."""

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the call in flight, at most `timeout` seconds; return whether none is left.

        Where it would wait for its own caller (inside a call) it does not wait at all.
        """

    def interrupt(self) -> None:
        """Ask the call in flight to end, where it can be asked: a task is cancelled, a thread goes on."""


call_at_work: ContextVar[Future[None] | None] = ContextVar("call_at_work", default=None)
"""The `ended` of the delivery whose call the caller runs in."""


def waits_for_itself() -> bool:
    """Return whether the caller runs inside a handler's call (any handler, of any informer).

    Waiting there for the end of a call would hang: of its own, or of one that does the same.
    """
    ended = call_at_work.get()
    return ended is not None and not ended.done()
