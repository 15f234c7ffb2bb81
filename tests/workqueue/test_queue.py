"""The queue, with threads and with tasks."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest

from kubeinformer.errors import ShutDown
from kubeinformer.testing.fake_clock import FakeClock
from kubeinformer.testing.waiting import eventually
from kubeinformer.workqueue.limiters import ItemExponentialFailureRateLimiter
from kubeinformer.workqueue.queue import WorkQueue


def sleepers(queue: WorkQueue[str]) -> int:
    return len(queue._line)


def in_thread(function) -> threading.Thread:  # type: ignore[no-untyped-def]  # any function without arguments
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_a_worker_waits_for_done_of_the_other() -> None:
    """Invariant 236: while one has a key, another one does not get it."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert queue.get() == "a"
    queue.add("a")
    with pytest.raises(TimeoutError):
        queue.get(timeout=0)
    got: list[str] = []
    worker = in_thread(lambda: got.append(queue.get()))
    eventually(lambda: sleepers(queue) == 1)
    queue.done("a")
    worker.join()
    assert got == ["a"]


def test_shutting_down_does_not_wait() -> None:
    """Invariant 238: a key in work does not hold it up."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.get()
    queue.shut_down()
    queue.done("a")
    with pytest.raises(ShutDown):
        queue.get()


def test_a_drain_waits_for_what_is_in_work_and_for_what_was_added_again() -> None:
    """Invariants 237 and 240, case C46: a, b and c with one worker, drained from two threads; it ends after c."""
    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b", "c"):
        queue.add(key)
    assert queue.get() == "a"
    queue.add("a")
    drains = [in_thread(lambda: queue.shut_down(drain=True)) for _ in range(2)]
    eventually(lambda: len(queue._drainers) == 2)
    queue.add("late")
    queue.done("a")
    for key in ("b", "c", "a"):
        assert all(drain.is_alive() for drain in drains)
        assert queue.get() == key
        queue.done(key)
    for drain in drains:
        drain.join(10)
        assert not drain.is_alive()
    with pytest.raises(ShutDown):
        queue.get()


def test_a_second_shut_down_ends_a_drain() -> None:
    """Invariant 239."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.get()
    drain = in_thread(lambda: queue.shut_down(drain=True))
    eventually(lambda: len(queue._drainers) == 1)
    queue.shut_down()
    drain.join(10)
    assert not drain.is_alive()


def test_blocked_getters_return_when_it_ends() -> None:
    """Case C46: threads and tasks alike."""
    queue: WorkQueue[str] = WorkQueue()
    ends: list[str] = []

    def wait() -> None:
        with pytest.raises(ShutDown):
            queue.get()
        ends.append("thread")

    async def wait_async() -> None:
        with pytest.raises(ShutDown):
            await queue.get_async()
        ends.append("task")

    threads = [in_thread(wait), in_thread(wait), in_thread(lambda: asyncio.run(wait_async()))]
    eventually(lambda: sleepers(queue) == 3)
    queue.shut_down()
    for thread in threads:
        thread.join(10)
    assert sorted(ends) == ["task", "thread", "thread"]


def test_keys_that_are_due_later_are_dropped_or_run_when_it_ends() -> None:
    """The stated policy: dropped, and said so; or due at once."""
    for delayed, expected in (("drop", ["now"]), ("run", ["now", "soon", "later"])):
        queue: WorkQueue[str] = WorkQueue()
        queue.add("now")
        queue.add_after("later", 3600)
        queue.add_after("soon", 60)
        queue.shut_down(delayed="drop" if delayed == "drop" else "run")
        got = []
        while len(queue):
            with queue.processing() as key:
                got.append(key)
        assert got == expected
        with pytest.raises(ShutDown):
            queue.get()


def test_a_delayed_key_wakes_a_worker_when_it_is_due() -> None:
    """Invariants 242 and 243: once, at the earliest of its moments, on the queue's clock alone."""

    async def main() -> None:
        clock = FakeClock()
        queue: WorkQueue[str] = WorkQueue(clock=clock)
        getting = asyncio.create_task(queue.get_async())
        await clock.settle()
        for seconds in (10, 1, 5):
            queue.add_after("k", seconds)
        await clock.advance_async(0.9)
        assert not getting.done()
        await clock.advance_async(0.1)
        assert await getting == "k"
        queue.done("k")
        await clock.advance_async(60)
        assert (len(queue), queue.delayed, clock.pending) == (0, 0, 0)

    asyncio.run(main())


def test_a_thread_wakes_for_a_delayed_key() -> None:
    """Also where an earlier one comes while it sleeps for a later one, or for nothing at all."""
    queue: WorkQueue[str] = WorkQueue()
    got: list[str] = []
    worker = in_thread(lambda: got.append(queue.get()))
    eventually(lambda: sleepers(queue) == 1)
    queue.add_after("later", 3600)
    queue.add_after("soon", 0.01)
    worker.join(10)
    assert got == ["soon"]


def test_ten_thousand_delays_need_one_timer() -> None:
    """Case C46: far-future delays leave no timers; however many sleep, one of them keeps the time."""

    async def main() -> None:
        clock = FakeClock()
        queue: WorkQueue[int] = WorkQueue(clock=clock)
        tasks = [asyncio.create_task(queue.get_async()) for _ in range(3)]
        await clock.settle()
        for number in range(10_000):
            queue.add_after(number, 3600 + number)
        await clock.settle()
        assert clock.pending == 1
        await clock.advance_async(3602)
        assert {await task for task in tasks} == {0, 1, 2}
        queue.shut_down()

    asyncio.run(main())


def test_what_has_fallen_due_is_ready_though_nobody_asked() -> None:
    """`len` and `delayed` tell what is, not what was when a worker last came."""
    clock = FakeClock()
    queue: WorkQueue[int] = WorkQueue(clock=clock)
    for number in range(1000):
        queue.add_after(number, 10)
    clock.advance(10)
    assert (len(queue), queue.delayed, queue.due_in(0)) == (1000, 0, 0)


def test_a_wall_clock_that_jumps_changes_nothing() -> None:
    """Case C46: delays are measured on the monotonic clock."""
    clock = FakeClock()
    queue: WorkQueue[str] = WorkQueue(clock=clock)
    queue.add_after("k", 10)
    clock._wall_offset += 3600
    with pytest.raises(TimeoutError):
        queue.get(timeout=0)
    clock.advance(10)
    assert queue.get(timeout=0) == "k"


def test_failures_wait_longer_each_time_until_they_are_forgotten() -> None:
    """Invariant 246, regression 18: each key by itself, and also where the key is added again meanwhile."""
    clock = FakeClock()
    queue: WorkQueue[str] = WorkQueue(
        limiter=ItemExponentialFailureRateLimiter(1.0, 60.0, jitter=0), clock=clock
    )
    delays = []
    for _ in range(4):
        queue.add_rate_limited("one")
        delays.append(queue.due_in("one"))
        queue.add("one")  # a change comes in between: now beats any delay, the count stays
        queue.done(queue.get(timeout=0))
    queue.add_rate_limited("two")
    assert (delays, queue.num_requeues("one"), queue.due_in("two")) == ([1.0, 2.0, 4.0, 8.0], 4, 1.0)
    queue.forget("one")
    queue.add_rate_limited("one")
    assert (queue.num_requeues("one"), queue.due_in("one")) == (1, 1.0)


def test_a_block_acknowledges_by_itself() -> None:
    """Done and forgotten where it ends well, back with its priority after a delay where it raises."""
    clock = FakeClock(random_value=0.0)
    queue: WorkQueue[str] = WorkQueue(clock=clock)
    queue.add("good", 1)
    queue.add("bad", 5)
    with pytest.raises(KeyError), queue.processing() as key:
        raise KeyError(key)
    assert (queue.num_requeues("bad"), queue.due_in("bad")) == (1, 0.005)
    with queue.processing() as key:
        assert key == "good"
    clock.advance(0.005)
    queue.add("good", 3)
    with queue.processing() as key:
        assert key == "bad"
    assert (queue.num_requeues("bad"), queue._core.is_idle, len(queue)) == (0, False, 1)


def test_a_block_acknowledges_in_a_task_that_is_cancelled() -> None:
    """The key of a run that was cut off comes again."""

    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        begun = asyncio.Event()

        async def work() -> None:
            async with queue.processing():
                begun.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await queue.get_async(timeout=10) == "a"

    asyncio.run(main())


def test_a_cancelled_getter_loses_no_key() -> None:
    """What it was woken for goes to another one, at whatever turn it is cancelled."""

    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        for turns in range(4):
            first = asyncio.create_task(queue.get_async())
            second = asyncio.create_task(queue.get_async())
            await asyncio.sleep(0)
            queue.add("a")  # it wakes the second one, which lay down last
            for _ in range(turns):
                await asyncio.sleep(0)
            second.cancel()
            await asyncio.wait((second,))
            if second.cancelled():
                assert await first == "a"
            else:
                assert second.result() == "a"
                first.cancel()
                await asyncio.wait((first,))
            queue.done("a")

    asyncio.run(asyncio.wait_for(main(), 30))


def test_tasks_that_never_wait_leave_turns_to_others() -> None:
    """A backlog that a worker adds to itself does not keep the loop from its other tasks."""

    async def main() -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("again")

        async def work() -> None:
            with suppress(ShutDown):
                while True:
                    async with queue.processing() as key:
                        queue.add(key)

        working = asyncio.create_task(work())
        for _ in range(5):
            await asyncio.sleep(0)
        queue.shut_down()
        await working

    asyncio.run(asyncio.wait_for(main(), 30))


def test_time_runs_out_for_threads_and_tasks() -> None:
    """`get(timeout)` raises TimeoutError, and nobody is left in the line."""

    async def main() -> None:
        clock = FakeClock()
        queue: WorkQueue[str] = WorkQueue(clock=clock)
        getting = asyncio.create_task(queue.get_async(timeout=5))
        await clock.advance_async(5)
        with pytest.raises(TimeoutError):
            await getting
        assert (sleepers(queue), clock.pending) == (0, 0)

    asyncio.run(main())
    queue: WorkQueue[str] = WorkQueue()
    with pytest.raises(TimeoutError):
        queue.get(timeout=0.001)
    assert sleepers(queue) == 0


def test_a_closed_loop_takes_no_key_with_it() -> None:
    """A task that slept on a loop which is gone is passed over."""
    queue: WorkQueue[str] = WorkQueue()
    loop = asyncio.new_event_loop()
    task = loop.create_task(queue.get_async())
    loop.run_until_complete(asyncio.sleep(0))
    assert sleepers(queue) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
    queue.add("a")
    assert queue.get(timeout=0) == "a"
