"""A clock that a test moves by hand."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, order=True)
class FakeTimer:
    """A callback that waits for its moment on a :class:`FakeClock`.

    Attributes:
        due: The moment, in seconds on the clock's `now()`.
    """

    due: float
    _number: int
    _callback: Callable[[], object] | None = field(compare=False)

    def cancel(self) -> None:
        """Drop the callback; harmless when it already ran."""
        self._callback = None

    @property
    def live(self) -> bool:
        """Whether the callback still waits: neither run nor cancelled."""
        return self._callback is not None

    def fire(self) -> None:
        """Run the callback, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class FakeClock:
    """Time and chance under a test's control; it implements :class:`kubeinformer.clock.Clock`.

    Time stands still until `advance` or `advance_async` moves it. It belongs to one thread.

    Args:
        start: What `now()` says at first, in seconds.
        wall_time: What `time()` says at first, in seconds since 1970.
        random_value: What `random()` returns each time, in [0, 1); None for numbers drawn from `seed`.
        seed: The seed of the drawn numbers: equal seeds, equal numbers.
    """

    def __init__(
        self,
        start: float = 0.0,
        *,
        wall_time: float = 1_800_000_000.0,
        random_value: float | None = None,
        seed: int = 0,
    ) -> None:
        self.random_value = random_value
        self._now = start
        self._wall_offset = wall_time - start
        self._generator = random.Random(seed)  # noqa: S311 - repeatable numbers for tests, no secret
        self._timers: list[FakeTimer] = []
        self._count = 0

    def now(self) -> float:
        """Return seconds on the monotonic clock."""
        return self._now

    def time(self) -> float:
        """Return seconds since 1970; it moves with `now()`."""
        return self._now + self._wall_offset

    def random(self) -> float:
        """Return `random_value`, or the next number of the seeded sequence."""
        return self._generator.random() if self.random_value is None else self.random_value

    def call_later(self, delay: float, callback: Callable[[], object]) -> FakeTimer:
        """Call `callback` when the clock has moved by `delay` seconds; not before the next `advance`."""
        timer = FakeTimer(self._now + max(0.0, delay), self._count, callback)
        self._count += 1
        heapq.heappush(self._timers, timer)
        return timer

    @property
    def pending(self) -> int:
        """The number of live timers; cancelled ones do not count."""
        return sum(timer.live for timer in self._timers)

    @property
    def next_due(self) -> float | None:
        """When the earliest live timer is due, in seconds on `now()`; None without one."""
        while self._timers and not self._timers[0].live:
            heapq.heappop(self._timers)
        return self._timers[0].due if self._timers else None

    def advance(self, seconds: float = 0.0) -> None:
        """Move time on and run what comes due, in order, each at its own moment.

        Timers that a callback starts run too when they fall due on the way. What a callback raises comes
        through, with time standing at that callback's moment and the later timers kept.
        """
        end = self._end_of(seconds)
        while self._run_next(end):
            pass
        self._now = end

    async def advance_async(self, seconds: float = 0.0) -> None:
        """Do as `advance` does, and let the loop's tasks run before, between and after the timers."""
        await self.settle()
        end = self._end_of(seconds)
        while self._run_next(end):
            await self.settle()
        self._now = end
        await self.settle()

    async def settle(self, rounds: int = 20) -> None:
        """Let the running loop's tasks go as far as they can in `rounds` turns, without moving time."""
        for _ in range(rounds):
            await asyncio.sleep(0)

    def _end_of(self, seconds: float) -> float:
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds!r} s")
        return self._now + seconds

    def _run_next(self, end: float) -> bool:
        due = self.next_due
        if due is None or due > end:
            return False
        timer = heapq.heappop(self._timers)
        self._now = max(self._now, due)
        timer.fire()
        return True
