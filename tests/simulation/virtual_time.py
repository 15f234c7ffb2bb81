"""An event loop whose time jumps to the next timer: hours pass in milliseconds, the same way every time."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from kubeinformer.clock import Timer

T = TypeVar("T")


class _Jumping(selectors.SelectSelector):
    """Never waits for a socket: where the loop would sleep, time moves on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits, and no timer will end it")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop for one thread that talks to nobody outside."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def _write_to_self(self) -> None:
        """Wake nobody: all callbacks come from this thread."""

    @property
    def timers(self) -> int:
        """How many timers wait."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # asyncio's own
        return sum(1 for timer in scheduled if not timer.cancelled())


class LoopClock:
    """The loop's time, and chance from a seed."""

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self._loop = loop
        self.random = random.Random(seed).random

    def now(self) -> float:
        return self._loop.time()

    def time(self) -> float:
        return 1_800_000_000.0 + self._loop.time()

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        return self._loop.call_later(delay, callback)


def run_virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end on a loop of virtual time."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(loop))
