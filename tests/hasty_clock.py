"""A clock that runs faster than time, for tests over real sockets: seconds pass in a moment, in order and proportion."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from kubeinformer.clock import SystemClock, Timer


class HastyClock(SystemClock):
    """Runs so many times as fast as time.

    Args:
        haste: How many times.
    """

    def __init__(self, haste: float = 20.0) -> None:
        self.haste = haste

    def now(self) -> float:
        return time.monotonic() * self.haste

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(delay / self.haste, callback)
