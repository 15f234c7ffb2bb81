"""ResyncTimers: each registration is due at its own period, while the timers run, and not after it left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from tests.cache.store_builders import Cache, in_threads, running_cache

from kubeinformer.cache.registration import Registration
from kubeinformer.cache.resync import SHORTEST_PERIOD, ResyncTimers
from kubeinformer.testing.fake_clock import FakeClock


class _Bench:
    """Timers on a fake clock, and when they replayed to whom."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.clock = FakeClock()
        self.replays: list[tuple[str, float]] = []
        self.timers = ResyncTimers(self.clock, self._replay)

    def _replay(self, registration: Registration) -> None:
        self.replays.append((registration.name, self.clock.now()))

    def registration(self, name: str) -> Registration:
        """Return a registration without functions."""
        return self._cache.handle(name=name)

    def times(self, name: str) -> list[float]:
        """Return when a registration was replayed to."""
        return [moment for replayed, moment in self.replays if replayed == name]


@pytest.fixture
def bench() -> Iterator[_Bench]:
    """Lend a bench."""
    with running_cache() as cache:
        yield _Bench(cache)


def _run(main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await main()

    asyncio.run(run())


def test_each_registration_has_its_own_period(bench: _Bench) -> None:
    """2 s and 3 s do not disturb each other; one without a period is never due (Invariants 171 and 173)."""
    bench.registration("never")
    bench.timers.add(bench.registration("two"), 2.0)
    bench.timers.add(bench.registration("three"), 3.0)

    async def main() -> None:
        with bench.timers:
            await bench.clock.advance_async(7.0)

    _run(main)
    assert bench.times("two") == [2.0, 4.0, 6.0]
    assert bench.times("three") == [3.0, 6.0]
    assert bench.times("never") == []


def test_a_period_is_at_least_a_second(bench: _Bench) -> None:
    """A shorter one is raised, as in client-go."""
    bench.timers.add(bench.registration("hasty"), 0.001)

    async def main() -> None:
        with bench.timers:
            await bench.clock.advance_async(2 * SHORTEST_PERIOD)

    _run(main)
    assert bench.times("hasty") == [SHORTEST_PERIOD, 2 * SHORTEST_PERIOD]


def test_a_registration_may_come_while_the_timers_run(bench: _Bench) -> None:
    """From any thread; its first replay is a period later (Invariant 174)."""

    async def main() -> None:
        with bench.timers:
            await bench.clock.advance_async(10.0)
            in_threads(lambda: bench.timers.add(bench.registration("late"), 5.0))
            await bench.clock.advance_async(11.0)

    _run(main)
    assert bench.times("late") == [15.0, 20.0]


def test_a_registration_that_left_is_not_due_any_more(bench: _Bench) -> None:
    """Discarded from any thread, also twice, also one that never had a period; its timer goes with it."""
    gone, plain = bench.registration("gone"), bench.registration("plain")
    bench.timers.add(gone, 2.0)

    async def main() -> None:
        with bench.timers:
            await bench.clock.advance_async(3.0)
            in_threads(*[lambda: bench.timers.discard(gone)] * 2, lambda: bench.timers.discard(plain))
            await bench.clock.advance_async(10.0)
            assert bench.clock.pending == 0

    _run(main)
    assert bench.times("gone") == [2.0]


def test_a_registration_may_leave_from_inside_its_replay(bench: _Bench) -> None:
    """It is the last one."""

    def replay(registration: Registration) -> None:
        bench.replays.append((registration.name, bench.clock.now()))
        timers.discard(registration)

    timers = ResyncTimers(bench.clock, replay)
    timers.add(bench.registration("once"), 1.0)

    async def main() -> None:
        with timers:
            await bench.clock.advance_async(5.0)
            assert bench.clock.pending == 0

    _run(main)
    assert bench.times("once") == [1.0]


def test_nothing_is_due_outside_of_the_timers_life(bench: _Bench) -> None:
    """Not before, not after, and no timer stays behind; a second life begins its periods anew."""
    bench.timers.add(bench.registration("early"), 2.0)

    async def main() -> None:
        await bench.clock.advance_async(5.0)
        with bench.timers:
            await bench.clock.advance_async(3.0)
        assert bench.clock.pending == 0
        bench.timers.add(bench.registration("between"), 2.0)
        await bench.clock.advance_async(5.0)
        with bench.timers:
            await bench.clock.advance_async(2.0)
        assert bench.clock.pending == 0

    _run(main)
    assert bench.times("early") == [7.0, 15.0]
    assert bench.times("between") == [15.0]


def test_one_that_came_as_the_life_ended_is_armed_in_the_next_one_once(bench: _Bench) -> None:
    """What was asked of the loop for a life that is over does not count twice."""

    async def main() -> None:
        with bench.timers:
            bench.timers.add(bench.registration("straddling"), 2.0)
        with bench.timers:
            await bench.clock.advance_async(4.0)
        assert bench.clock.pending == 0

    _run(main)
    assert bench.times("straddling") == [2.0, 4.0]


def test_a_replay_that_raises_is_not_the_last_one(bench: _Bench) -> None:
    """The registration is armed again as the error comes out."""

    def replay(registration: Registration) -> None:
        bench.replays.append((registration.name, bench.clock.now()))
        raise RuntimeError("on purpose")

    timers = ResyncTimers(bench.clock, replay)
    timers.add(bench.registration("failing"), 1.0)

    async def main() -> None:
        with timers:
            for _ in range(2):
                with pytest.raises(RuntimeError, match="on purpose"):
                    bench.clock.advance(1.0)

    _run(main)
    assert bench.times("failing") == [1.0, 2.0]
