"""Those who wait for a queue: threads and tasks, woken alike, and the line in which they wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Final, Protocol

from kubeinformer.clock import Clock

FOREVER: Final = float("inf")
_SLICE: Final = 0.5
"""Seconds after which the main thread looks up: a signal that comes as a wait begins is noticed only at its end."""


class Sleeper(Protocol):
    """Somebody who sleeps.

    Attributes:
        alarm: When it wakes by itself to see what has fallen due, on the queue's clock.
        comes_at_once: Whether nothing but the interpreter can hold it up once it is woken (signal handlers run in the
            main thread).
    """

    alarm: float
    comes_at_once: bool

    @property
    def is_gone(self) -> bool:
        """Whether it will never wake again, whatever is done."""

    def wake(self) -> bool:
        """Wake it, from any thread; return False where it is gone."""


class ThreadSleeper:
    """A thread that sleeps; it is made by that thread."""

    is_gone = False

    def __init__(self) -> None:
        self.alarm = FOREVER
        self.comes_at_once = threading.current_thread() is not threading.main_thread()
        self._signal = threading.Lock()
        self._signal.acquire()

    def wake(self) -> bool:
        """Wake it, from any thread."""
        self._signal.release()
        return True

    def sleep(self, seconds: float) -> None:
        """Sleep until it is woken, at most so many seconds."""
        if threading.current_thread() is threading.main_thread():
            while seconds > _SLICE:
                if self._signal.acquire(timeout=_SLICE):
                    return
                seconds -= _SLICE
        if seconds > 0:
            self._signal.acquire(timeout=min(seconds, threading.TIMEOUT_MAX))


class TaskSleeper:
    """A task that sleeps; it is made by that task.

    Args:
        clock: Its time.
    """

    def __init__(self, clock: Clock) -> None:
        self.alarm = FOREVER
        self.comes_at_once = False  # its loop may be busy with something else
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._woken: asyncio.Future[None] = self._loop.create_future()

    @property
    def is_gone(self) -> bool:
        """Whether its loop is closed, and the task with it."""
        return self._loop.is_closed()

    def wake(self) -> bool:
        """Wake it, from any thread; return False where its loop is closed."""
        if _running_loop() is self._loop and asyncio.current_task(self._loop) is not None:
            self._set()
            return True
        try:  # between its tasks a loop may be waiting: who calls is a signal handler then
            self._loop.call_soon_threadsafe(self._set)
        except RuntimeError:
            return False
        return True

    async def sleep(self, seconds: float) -> None:
        """Sleep until it is woken, at most so many seconds."""
        if seconds <= 0:
            return
        timer = self._clock.call_later(seconds, self._set) if seconds != FOREVER else None
        try:
            await self._woken
        finally:
            if timer is not None:
                timer.cancel()

    def _set(self) -> None:
        if not self._woken.done():
            self._woken.set_result(None)


class Line:
    """Sleepers, of whom the last to come is woken first; at most one keeps the time. It knows no lock.

    Args:
        next_due: Returns when something falls due for which somebody must wake, None where nothing does.
    """

    def __init__(self, next_due: Callable[[], float | None]) -> None:
        self._next_due = next_due
        self._sleepers: dict[Sleeper, None] = {}
        self._coming: Sleeper | None = None  # woken, and not there yet
        self._keeper: Sleeper | None = None  # of the time: it wakes by itself when the next key falls due

    def __len__(self) -> int:
        return len(self._sleepers)

    def lie_down(self, sleeper: Sleeper) -> None:
        """Put a sleeper into the line; where nobody wakes for what falls due next, this one does."""
        due = self._next_due()
        if due is not None and self._needs_keeper(due):
            sleeper.alarm = due
            self._keeper = sleeper
        self._sleepers[sleeper] = None

    def get_up(self, sleeper: Sleeper) -> bool:
        """Take a sleeper out of the line, for whatever reason; return whether somebody had woken it."""
        if self._keeper is sleeper:
            self._keeper = None
        if self._coming is sleeper:
            self._coming = None
        return sleeper not in self._sleepers or bool(self._sleepers.pop(sleeper))

    def wake_one(self) -> None:
        """Wake one, if there is one, and nobody is coming already: who comes wakes the next one where that is needed."""
        while self._sleepers and self._coming is None:
            sleeper, is_woken = self._wake_last()
            if is_woken:
                self._coming = sleeper if sleeper.comes_at_once else None
                return

    def wake_all(self) -> None:
        """Wake everybody."""
        while self._sleepers:
            self._wake_last()

    def _wake_last(self) -> tuple[Sleeper, bool]:
        sleeper, _ = self._sleepers.popitem()
        if self._keeper is sleeper:
            self._keeper = None
        return sleeper, sleeper.wake()

    def keep_time(self) -> None:
        """See to it that somebody wakes for what falls due next, where somebody sleeps at all."""
        if self._sleepers:
            due = self._next_due()
            if due is not None and self._needs_keeper(due):
                self.wake_one()

    def _needs_keeper(self, due: float) -> bool:
        keeper = self._keeper
        return keeper is None or keeper.is_gone or due < keeper.alarm


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
