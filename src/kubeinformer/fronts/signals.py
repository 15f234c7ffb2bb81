"""SIGINT and SIGTERM, for as long as a program runs by `run()`."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Any

from kubeinformer.fronts.portal import SLICE


@contextmanager
def ended_by_signals(end: Callable[[], object]) -> Iterator[None]:
    """Have `end` called on SIGINT and SIGTERM inside the block; what handled them before does so again after it.

    Signals come to the main thread only; in another thread nothing is changed. `end` runs between two instructions
    of the main thread, whatever these are: it must not take a lock that the program may hold.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        end()

    before: dict[int, Any] = {
        number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@asynccontextmanager
async def ended_by_signals_on_loop(end: Callable[[], object]) -> AsyncIterator[None]:
    """Do as `ended_by_signals`, on an event loop, which looks up every half second.

    A signal that comes at the very moment at which a loop begins to wait is noticed only when it wakes.
    """
    with ended_by_signals(end):
        looking_up = asyncio.create_task(_look_up())
        try:
            yield
        finally:
            looking_up.cancel()
            await asyncio.wait([looking_up])


async def _look_up() -> None:
    while True:  # noqa: ASYNC110  # it waits for nothing: the loop is to wake
        await asyncio.sleep(SLICE)
