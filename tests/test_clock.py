"""Waiting on a clock that a test moves: time-outs, cancellations, and no timer left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from kubeinformer.clock import SystemClock, deadline, sleep
from kubeinformer.testing.fake_clock import FakeClock


def run(clock: FakeClock, work: Coroutine[Any, Any, Any], *, advance: float, cancel: bool = False) -> object:
    """Run `work`, move the clock, cancel on request, and return how it ended."""

    async def main() -> object:
        task = asyncio.create_task(work)
        await clock.advance_async(advance)
        if cancel:
            task.cancel()
        await clock.settle()
        try:
            assert task.done(), "it still waits"
            return task.result()
        except (TimeoutError, asyncio.CancelledError) as error:
            return type(error)
        finally:
            task.cancel()
            await asyncio.wait([task])

    ended = asyncio.run(main())
    assert clock.pending == 0
    return ended


async def _within(clock: FakeClock, seconds: float, work: Coroutine[Any, Any, Any]) -> object:
    async with deadline(clock, seconds):
        return await work


async def _for_ever() -> None:
    await asyncio.Event().wait()


def test_a_deadline_ends_its_body() -> None:
    """At its time, as a TimeoutError."""
    clock = FakeClock()
    assert run(clock, _within(clock, 5.0, _for_ever()), advance=5.0) is TimeoutError


def test_a_body_that_is_in_time_returns() -> None:
    """No timer stays."""
    clock = FakeClock()
    assert run(clock, _within(clock, 5.0, sleep(clock, 4.9)), advance=4.9) is None


def test_a_cancellation_from_elsewhere_passes_through() -> None:
    """It is not taken for the deadline's own."""
    clock = FakeClock()
    assert run(clock, _within(clock, 5.0, _for_ever()), advance=1.0, cancel=True) is asyncio.CancelledError


def test_the_inner_of_two_deadlines_ends_only_its_own_body() -> None:
    """Nested deadlines keep apart."""
    clock = FakeClock()

    async def work() -> str:
        async with deadline(clock, 9.0):
            with pytest.raises(TimeoutError):
                async with deadline(clock, 3.0):
                    await _for_ever()
            return "went on"

    assert run(clock, work(), advance=3.0) == "went on"


def test_a_cancelled_sleep_leaves_no_timer() -> None:
    """Invariant 319: a wait ends at once when it is cancelled."""
    clock = FakeClock()
    assert run(clock, sleep(clock, 60.0), advance=1.0, cancel=True) is asyncio.CancelledError


def test_the_system_clock_is_the_machines() -> None:
    """Monotonic and wall time move on, chance lies in [0, 1), timers fire on the running loop."""
    clock = SystemClock()
    assert clock.now() <= clock.now()
    assert clock.time() > 1_700_000_000
    assert 0.0 <= clock.random() < 1.0
    asyncio.run(sleep(clock, 0.0))
