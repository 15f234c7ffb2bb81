"""Those who wait for a queue: who is woken, who keeps the time, and how long a thread sleeps at a stretch."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kubeinformer.testing.fake_clock import FakeClock
from kubeinformer.testing.waiting import eventually
from kubeinformer.workqueue.queue import WorkQueue
from kubeinformer.workqueue.sleepers import FOREVER, Line, ThreadSleeper


class Somebody:
    """A sleeper that knows whether it was woken."""

    def __init__(self, *, at_once: bool = True, gone: bool = False) -> None:
        self.alarm = FOREVER
        self.comes_at_once = at_once
        self.is_gone = gone
        self.woken = 0

    def wake(self) -> bool:
        self.woken += 1
        return not self.is_gone


def lying(line: Line, *somebody: Somebody) -> list[Somebody]:
    for sleeper in somebody:
        line.lie_down(sleeper)
    return list(somebody)


def test_one_key_wakes_one_worker_and_a_second_one_when_the_first_has_come() -> None:
    """A thousand adds in a row wake no thousand workers, of whom one gets all: who comes wakes the next."""
    line = Line(lambda: None)
    first, second, third = lying(line, Somebody(), Somebody(), Somebody())
    for _ in range(3):
        line.wake_one()
    assert (first.woken, second.woken, third.woken, len(line)) == (0, 0, 1, 2)
    assert line.get_up(third)
    line.wake_one()
    assert (first.woken, second.woken) == (0, 1)
    assert not line.get_up(first)
    assert len(line) == 0


def test_nobody_waits_for_one_who_may_be_held_up() -> None:
    """A task whose loop is busy, or a main thread in a signal handler, keeps no key from the others."""
    line = Line(lambda: None)
    first, second = lying(line, Somebody(), Somebody(at_once=False))
    line.wake_one()
    line.wake_one()
    assert (first.woken, second.woken) == (1, 1)


def test_who_is_gone_is_passed_over() -> None:
    """The key that it would have been woken for goes to the one before it in the line."""
    line = Line(lambda: None)
    first, gone = lying(line, Somebody(), Somebody(gone=True))
    line.wake_one()
    assert (first.woken, gone.woken, len(line)) == (1, 1, 0)


def test_one_keeps_the_time_and_is_replaced_when_it_goes() -> None:
    """Whoever lies down first, or next once that one is up, woken, or gone for good, or where something is due earlier."""
    due: list[float] = [10.0]
    line = Line(lambda: due[0])
    first, second = lying(line, Somebody(), Somebody())
    assert (first.alarm, second.alarm) == (10.0, FOREVER)
    line.keep_time()
    assert (first.woken, second.woken) == (0, 0)
    due[0] = 5.0
    line.keep_time()  # somebody is to come and lie down again, for the earlier moment
    assert (first.woken, second.woken) == (0, 1)
    line.get_up(second)
    (third, fourth) = lying(line, Somebody(), Somebody())
    assert (third.alarm, fourth.alarm) == (5.0, FOREVER)
    third.is_gone = True
    (fifth,) = lying(line, Somebody())
    assert fifth.alarm == 5.0
    line.get_up(fifth)
    (sixth,) = lying(line, Somebody())
    assert sixth.alarm == 5.0
    line.wake_all()
    assert len(line) == 0
    (seventh,) = lying(line, Somebody())
    assert seventh.alarm == 5.0


def test_a_key_that_is_put_off_in_work_is_not_slept_through() -> None:
    """Invariants 242 and 243: where its worker leaves after `done`, one of those who sleep keeps its time."""

    async def main() -> None:
        clock = FakeClock()
        queue: WorkQueue[str] = WorkQueue(clock=clock)
        queue.add("a")
        await queue.get_async()
        getting = asyncio.create_task(queue.get_async())
        await clock.settle()
        queue.add_after("a", 10)
        queue.done("a")
        await clock.advance_async(9.9)
        assert not getting.done()
        await clock.advance_async(0.1)
        assert await getting == "a"

    asyncio.run(main())


class Signal:
    """In place of a thread's lock: it is never released, and says for how long it was waited for."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def acquire(self, timeout: float) -> bool:
        self.waits.append(timeout)
        return False


def waits(seconds: float) -> tuple[bool, list[float]]:
    sleeper, signal = ThreadSleeper(), Signal()
    sleeper._signal = signal  # type: ignore[assignment]  # a fake
    sleeper.sleep(seconds)
    return sleeper.comes_at_once, signal.waits


@pytest.mark.parametrize(
    ("seconds", "in_main", "elsewhere"),
    [(1.25, [0.5, 0.5, 0.25], [1.25]), (0.5, [0.5], [0.5]), (0.0, [], []), (-1.0, [], [])],
)
def test_the_main_thread_looks_up_for_signals(
    seconds: float, in_main: list[float], elsewhere: list[float]
) -> None:
    """Ctrl-C that comes as a wait begins is seen half a second later, not at its end; other threads just sleep."""
    assert threading.current_thread() is threading.main_thread()
    assert waits(seconds) == (False, in_main)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(waits, seconds).result() == (True, elsewhere)
        assert pool.submit(waits, FOREVER).result() == (True, [threading.TIMEOUT_MAX])


def test_a_thread_that_is_woken_counts_as_woken() -> None:
    """One key wakes one of two threads; nobody is passed over who comes."""
    line = Line(lambda: None)
    for sleeper in (ThreadSleeper(), ThreadSleeper()):
        line.lie_down(sleeper)
    line.wake_one()
    assert len(line) == 1


def test_a_task_can_await_the_end_of_a_drain() -> None:
    """Invariants 237 and 240, from a loop: until the key in work is given back; without a drain, or idle, not at all."""

    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        queue.add_after("later", 60)
        await queue.get_async()
        draining = asyncio.create_task(queue.shut_down_async(drain=True, delayed="run"))
        await asyncio.sleep(0)
        assert len(queue._drainers) == 1
        queue.done("a")
        assert not draining.done()
        assert await queue.get_async() == "later"
        queue.done("later")
        await draining
        await queue.shut_down_async(drain=True)
        other: WorkQueue[str] = WorkQueue()
        other.add("a")
        await other.shut_down_async()
        assert other.is_shut_down

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_thread_gets_what_comes_before_its_time_is_out() -> None:
    """`get(timeout)` waits, and does not only look; woken, it goes on at once."""
    queue: WorkQueue[str] = WorkQueue()
    with ThreadPoolExecutor(1) as pool:
        getting = pool.submit(queue.get, 60)
        eventually(lambda: len(queue._line) == 1)
        queue.add("a")
        assert getting.result(30) == "a"
