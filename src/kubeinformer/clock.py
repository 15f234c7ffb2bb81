"""The one door through which time and chance enter.

Everything that waits, measures or draws a random number is given a :class:`Clock`; the rest of the package
knows no time at all. Tests pass a clock that they move by hand, so no test sleeps.
"""

from __future__ import annotations

import asyncio
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Timer(Protocol):
    """A callback that waits for its moment."""

    def cancel(self) -> None:
        """Drop the callback; harmless when it already ran."""


class Clock(Protocol):
    """Time and chance. `call_later` belongs to the event loop's thread, the rest is thread-safe."""

    def now(self) -> float:
        """Return seconds on a monotonic clock: only differences mean something."""

    def time(self) -> float:
        """Return seconds since 1970 (wall clock), for what people read."""

    def random(self) -> float:
        """Return a random number in [0, 1)."""

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call `callback` on the running event loop in `delay` seconds."""


class SystemClock:
    """The machine's own time and chance."""

    now = staticmethod(time.monotonic)
    time = staticmethod(time.time)
    random = staticmethod(random.random)

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call `callback` on the running event loop in `delay` seconds."""
        return asyncio.get_running_loop().call_later(delay, callback)


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait `seconds` on `clock`; cancelling leaves no timer behind."""
    woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    timer = clock.call_later(seconds, partial(_wake, woken))
    try:
        await woken
    finally:
        timer.cancel()


class deadline:
    """`async with deadline(clock, seconds)`: cancels its body when the time is up and raises TimeoutError.

    The clock's own form of `asyncio.timeout`; a cancellation that comes from elsewhere passes through.

    Attributes:
        expired: Whether the time was up before the body ended.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.expired = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._timer = self._clock.call_later(max(0.0, self._seconds), self._expire)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        if self.expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError

    def _expire(self) -> None:
        self.expired = True
        self._task.cancel()


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
