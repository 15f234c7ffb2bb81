"""SIGINT and SIGTERM, for as long as a program runs by `run()`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


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
