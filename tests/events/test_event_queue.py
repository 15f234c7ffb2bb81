"""The queue that any thread puts into: it never waits, loses nothing, and counts what it drops."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import pytest

from kubeinformer.events.event_documents import EventKey, ObjectReference, Occurrence
from kubeinformer.events.event_queue import EventQueue
from kubeinformer.events.event_series import EventWrite
from kubeinformer.testing import FakeClock


def occurrence(name: str = "a", reason: str = "Done", uid: str = "") -> Occurrence:
    """Return an event about a pod."""
    key = EventKey("Normal", "Do", reason, ObjectReference("v1", "Pod", name, "default", uid))
    return Occurrence(key, "", 1_800_000_000.0)


def make_queue(wakes: list[int] | None = None) -> EventQueue:
    """Return a queue that notes each time it wakes its writer."""
    noted = [] if wakes is None else wakes
    return EventQueue(FakeClock(), lambda: noted.append(1))


def taken(queue: EventQueue) -> EventWrite:
    """Return the write that is due."""
    write = queue.take()
    assert write is not None
    return write


def test_every_event_is_counted_once() -> None:
    """Invariant 296: equal ones fold, the 26th new one about an object is spam, what folds is not."""
    queue = make_queue()
    for number in range(30):
        queue.put(occurrence(reason=f"R{number}"))
    for number in range(30):
        queue.put(occurrence(reason=f"R{number}"))
    assert queue.counts == {
        "written": 0,
        "folded": 25,
        "dropped_full": 0,
        "dropped_spam": 10,
        "dropped_closed": 0,
        "failed": 0,
    }


def test_the_thousand_and_first_is_dropped() -> None:
    """It costs no place among what an object may have, and equal ones are still counted into their series."""
    queue = make_queue()
    for number in range(1100):
        queue.put(occurrence(f"p{number}"))
    queue.put(occurrence("p0"))
    assert (queue.counts["dropped_full"], queue.counts["folded"]) == (100, 1)
    assert queue.table.uncreated == 1000


def test_names_differ_though_the_clock_stands_still() -> None:
    """Invariant 298: two events of one moment are two objects."""
    queue = make_queue()
    queue.put(occurrence(reason="One"))
    queue.put(occurrence(reason="Two"))
    names = {write.name for write in (queue.take(), queue.take()) if write is not None}
    assert len(names) == 2


def test_the_writer_is_woken_when_there_is_work_and_once() -> None:
    """A thousand events before it looks are one call, and a count that waits for its pause is none at all."""
    wakes: list[int] = []
    queue = make_queue(wakes)
    for number in range(500):
        queue.put(occurrence(f"p{number}"))
    assert len(wakes) == 1
    while (write := queue.take()) is not None:
        queue.written(write, write.verb)
    assert queue.rest(is_busy=False) == 360.0
    queue.put(occurrence("p0"))
    assert len(wakes) == 2
    write = queue.take()
    assert write is not None
    queue.written(write, write.verb)
    queue.rest(is_busy=False)
    queue.put(occurrence("p0"))  # its count is due in a minute: earlier than what the writer waits for
    assert len(wakes) == 3
    assert queue.rest(is_busy=False) == 60.0
    queue.put(occurrence("p0"))
    queue.rest(is_busy=True)
    queue.put(occurrence("new"))
    assert len(wakes) == 3


def test_put_does_not_wait_for_the_lock() -> None:
    """Invariant 287: whoever holds it takes in what came meanwhile: a signal handler in the middle of a put, say."""
    queue = make_queue()
    with queue._lock:
        queue.put(occurrence())
        assert queue.table.uncreated == 0
    queue.put(occurrence("b"))
    assert queue.table.uncreated == 2


class InterruptedClock(FakeClock):
    """A clock that is asked in the middle of something: then something else happens, once."""

    def __init__(self) -> None:
        super().__init__()
        self.interrupts: list[Callable[[], None]] = []

    def now(self) -> float:
        if self.interrupts:
            self.interrupts.pop()()
        return super().now()


@pytest.mark.parametrize(
    "operate",
    [
        lambda queue, write: queue.written(write, "create"),
        lambda queue, write: queue.exists(write, "create"),
        lambda queue, write: queue.failed(write, "create", is_final=False),
        lambda queue, _: queue.rest(is_busy=False),
        lambda queue, _: queue.begin_flush(),
    ],
    ids=["written", "exists", "failed", "rest", "begin_flush"],
)
def test_what_is_put_in_the_middle_is_taken_in(operate: Callable[[EventQueue, EventWrite], object]) -> None:
    """Invariant 287: by whatever holds the lock, with no further event to help it, and the writer is woken for it."""
    clock = InterruptedClock()
    wakes: list[int] = []
    queue = EventQueue(clock, lambda: wakes.append(1))
    queue.put(occurrence())
    write = taken(queue)
    queue.rest(is_busy=False)
    wakes.clear()
    clock.interrupts.append(lambda: queue.put(occurrence("b")))
    operate(queue, write)
    assert not clock.interrupts
    assert not queue._incoming
    assert wakes == [1]


def test_what_was_put_before_the_end_is_kept() -> None:
    """Invariant 287: closing is in the order of the events, whoever takes them in; later ones are counted and dropped."""
    queue = make_queue()
    with queue._lock:
        queue.put(occurrence("a"))
        queue.close()
        queue.put(occurrence("b"))
    queue.put(occurrence("c"))
    assert (queue.table.uncreated, queue.counts["dropped_closed"]) == (1, 2)
    assert queue.abandon() == 1
    assert queue.counts["failed"] == 1


def fail(queue: EventQueue, clock: FakeClock, times: int) -> list[float | None]:
    """Let tries fail one after the other, and return how long each time was to be waited."""
    delays = []
    for _ in range(times):
        write = taken(queue)
        delays.append(queue.failed(write, write.verb, is_final=False))
        clock.advance(20.0)
    return delays


def test_what_the_last_try_finds_there_counts_as_written() -> None:
    """Invariant 290: eleven answers were lost, the twelfth says that it exists: the event is in one count, `written`."""
    clock = FakeClock()
    queue = EventQueue(clock, lambda: None)
    queue.put(occurrence())
    fail(queue, clock, 11)
    queue.exists(taken(queue), "create")
    assert (queue.counts["written"], queue.counts["failed"], queue.table.uncreated) == (1, 0, 0)


def test_the_twelfth_failure_is_said_to_be_the_last() -> None:
    """Invariant 289: who logs it hears of a wait after eleven of them, and of none after the twelfth."""
    clock = FakeClock()
    queue = EventQueue(clock, lambda: None)
    queue.put(occurrence())
    delays = fail(queue, clock, 12)
    assert delays[-1] is None
    assert None not in delays[:-1]


def test_each_write_has_its_twelve_tries() -> None:
    """Invariant 289: those of an earlier one that succeeded in the end are not held against it."""
    clock = FakeClock()
    queue = EventQueue(clock, lambda: None)
    queue.put(occurrence())
    fail(queue, clock, 11)
    queue.written(taken(queue), "create")
    queue.put(occurrence())
    assert None not in fail(queue, clock, 11)
    queue.written(taken(queue), "patch")
    assert (queue.counts["written"], queue.counts["failed"]) == (1, 0)


def test_a_flush_tries_what_was_given_up_once() -> None:
    """Invariant 302: what happens again while it goes on waits for its pause, as at any other time."""
    clock = FakeClock()
    queue = EventQueue(clock, lambda: None)
    queue.put(occurrence())
    queue.failed(taken(queue), "create", is_final=True)
    [(series, _)] = queue.begin_flush()
    queue.failed(taken(queue), "create", is_final=True)
    queue.put(occurrence())
    assert queue.take() is None
    assert series.count == 2
    clock.advance(300.0)
    queue.written(taken(queue), "create")
    queue.put(occurrence())
    queue.written(taken(queue), "patch")
    queue.put(occurrence())
    assert taken(queue).count == 4  # once it was written, pauses are skipped again
    queue.end_flush()


def test_many_threads_lose_nothing() -> None:
    """Invariant 287: eight of them and a writer, switching all the time; the sum of the counts is right."""
    queue = make_queue()
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set() or queue.table.next_moment(0.0) == 0.0:
            while (taken := queue.take()) is not None:
                queue.written(taken, taken.verb)
            queue.rest(is_busy=False)

    def put(thread: int) -> None:
        for number in range(2000):
            queue.put(occurrence(f"p{thread}-{number % 50}"))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        writer = threading.Thread(target=write)
        putters = [threading.Thread(target=put, args=(number,)) for number in range(8)]
        for thread in (writer, *putters):
            thread.start()
        for thread in putters:
            thread.join()
        stop.set()
        writer.join()
    finally:
        sys.setswitchinterval(interval)
    assert queue.counts == {
        "written": 400,
        "folded": 15_600,
        "dropped_full": 0,
        "dropped_spam": 0,
        "dropped_closed": 0,
        "failed": 0,
    }
