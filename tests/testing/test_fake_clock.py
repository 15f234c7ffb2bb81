"""FakeClock: time moves by hand, timers run in order, each at its own moment."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeinformer.clock import Clock, deadline, sleep
from kubeinformer.testing.fake_clock import FakeClock


def test_is_a_clock() -> None:
    """It can be given wherever a Clock is asked for (the annotation is checked by mypy)."""
    clock: Clock = FakeClock(start=5.0, wall_time=100.0)
    assert (clock.now(), clock.time()) == (5.0, 100.0)


def test_time_stands_still_until_advanced() -> None:
    """Both times move by exactly what was asked."""
    clock = FakeClock(wall_time=1000.0)
    clock.advance(2.5)
    assert (clock.now(), clock.time()) == (2.5, 1002.5)


def test_time_does_not_run_backwards() -> None:
    """A negative advance is refused and changes nothing."""
    clock = FakeClock()
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
    assert clock.now() == 0.0


@given(st.lists(st.floats(min_value=-1, max_value=20), max_size=20), st.floats(min_value=0, max_value=25))
def test_due_timers_run_in_time_order_at_their_moment(delays: list[float], seconds: float) -> None:
    """What is due runs sorted by moment, ties in the order of the calls; the rest stays pending."""
    clock = FakeClock()
    seen: list[tuple[float, int, float]] = []

    def note(due: float, number: int) -> None:
        seen.append((due, number, clock.now()))

    for number, delay in enumerate(delays):
        clock.call_later(delay, partial(note, max(0.0, delay), number))
    clock.advance(seconds)
    expected = sorted((max(0.0, d), n) for n, d in enumerate(delays) if max(0.0, d) <= seconds)
    assert [(due, number) for due, number, _ in seen] == expected
    assert all(at == due for due, _, at in seen)
    assert clock.pending == len(delays) - len(seen)
    assert clock.now() == seconds


def test_nothing_runs_before_the_next_advance() -> None:
    """Even a delay of nothing waits for `advance`, as call_later never runs its callback at once."""
    clock = FakeClock()
    seen: list[str] = []
    clock.call_later(0, lambda: seen.append("ran"))
    assert seen == []
    clock.advance()
    assert seen == ["ran"]


def test_timers_started_by_timers_run_in_the_same_advance() -> None:
    """A chain of timers runs as far as the time that was given reaches."""
    clock = FakeClock()
    moments: list[float] = []

    def tick() -> None:
        moments.append(clock.now())
        clock.call_later(1.0, tick)

    clock.call_later(1.0, tick)
    clock.advance(3.5)
    assert moments == [1.0, 2.0, 3.0]
    assert clock.next_due == 4.0


def test_cancelled_timers_neither_run_nor_count() -> None:
    """A cancelled timer is gone from `pending` and `next_due`, and cancelling twice is harmless."""
    clock = FakeClock()
    first = clock.call_later(1.0, lambda: pytest.fail("cancelled"))
    clock.call_later(2.0, lambda: None)
    first.cancel()
    first.cancel()
    assert (clock.pending, clock.next_due) == (1, 2.0)
    clock.advance(5.0)
    assert (clock.pending, clock.next_due) == (0, None)


def test_an_error_in_a_callback_comes_through_and_keeps_the_rest() -> None:
    """The later timers survive, and time stands at the moment of the fault."""
    clock = FakeClock()
    seen: list[float] = []
    clock.call_later(1.0, partial({"known": 1}.__getitem__, "missing"))
    clock.call_later(2.0, lambda: seen.append(clock.now()))
    with pytest.raises(KeyError):
        clock.advance(5.0)
    assert (clock.now(), clock.pending) == (1.0, 1)
    clock.advance(1.0)
    assert seen == [2.0]


def test_chance_is_fixed_or_repeatable() -> None:
    """A fixed value is returned each time, and equal seeds give equal numbers."""
    assert FakeClock(random_value=0.25).random() == 0.25
    one, other = FakeClock(seed=7), FakeClock(seed=7)
    drawn = [one.random() for _ in range(5)]
    assert drawn == [other.random() for _ in range(5)]
    assert len(set(drawn)) == 5


def test_tasks_run_between_the_timers() -> None:
    """A task that sleeps again and again on the clock wakes at each of its moments in one advance."""

    async def scenario() -> list[float]:
        clock = FakeClock()
        moments: list[float] = []

        async def sleeper() -> None:
            for _ in range(3):
                await sleep(clock, 1.0)
                moments.append(clock.now())

        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper())
            await clock.advance_async(10.0)
        return moments

    assert asyncio.run(scenario()) == [1.0, 2.0, 3.0]


def test_deadlines_expire_on_the_fake_clock() -> None:
    """A deadline on the clock ends its body when the clock is moved, and not before."""

    async def scenario() -> None:
        clock = FakeClock()

        async def wait_for_ever() -> None:
            async with deadline(clock, 5.0):
                await asyncio.get_running_loop().create_future()

        task = asyncio.create_task(wait_for_ever())
        await clock.advance_async(4.9)
        assert not task.done()
        await clock.advance_async(0.1)
        assert isinstance(task.exception(), TimeoutError)

    asyncio.run(scenario())
