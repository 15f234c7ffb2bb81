"""DeliveryThread: one call at a time, in order, on a thread that comes late and leaves on close."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator

import pytest
from tests.cache.store_builders import DEADLINE, Calls, in_threads, no_thread_left

from kubeinformer.cache.delivery import waits_for_itself
from kubeinformer.cache.delivery_thread import DeliveryThread


class _Numbers:
    """A buffer that notes what is finished."""

    def __init__(self) -> None:
        self.waiting: deque[int] = deque()
        self.done = Calls()

    def put(self, items: Iterable[int]) -> None:
        self.waiting.extend(items)

    def take(self) -> int | None:
        return self.waiting.popleft() if self.waiting else None

    def finished(self, item: int) -> None:
        self.done.note(item)

    def clear(self) -> None:
        self.waiting.clear()

    def __len__(self) -> int:
        return len(self.waiting)


class _Gate:
    """A `handle` that waits inside its calls until it is opened."""

    def __init__(self) -> None:
        self.entered = Calls()
        self.opened = threading.Event()

    def __call__(self, item: int) -> None:
        self.entered.note(item)
        assert self.opened.wait(DEADLINE)


@pytest.fixture(autouse=True)
def _threads_end() -> Iterator[None]:
    with no_thread_left():
        yield


def test_hands_over_in_order_and_one_at_a_time() -> None:
    """From any number of putting threads; each one's items keep their order (Invariants 78 and 315)."""
    calls, inside, together = Calls(), threading.Lock(), Calls()

    def handle(item: int) -> None:
        if not inside.acquire(blocking=False):
            together.note(item)
        calls.note(item)
        inside.release()

    thread = DeliveryThread("numbers", _Numbers(), handle)

    def put(start: int) -> None:
        for number in range(start, start + 100, 5):
            thread.put(range(number, number + 5))

    in_threads(lambda: put(1000), lambda: put(2000))
    seen = [item for (item,) in calls.wait_for(200)]
    for start in (1000, 2000):
        assert [item for item in seen if item // 1000 == start // 1000] == list(range(start, start + 100))
    assert together.seen == []
    thread.close()


def test_starts_with_the_first_item() -> None:
    """Not before, and not for nothing; it bears its name and is a daemon, so that it never holds up an exit."""
    found = Calls()
    thread = DeliveryThread("numbers", _Numbers(), lambda _: found.note(threading.current_thread()))
    before = threading.enumerate()
    assert thread.put(()) == 0
    assert threading.enumerate() == before
    thread.put((1,))
    [(running,)] = found.wait_for(1)
    assert (running.name, running.daemon) == ("numbers", True)
    thread.close()
    assert thread.join(DEADLINE)
    assert running not in threading.enumerate()


def test_all_items_are_handled_on_one_thread() -> None:
    """The second burst wakes the thread of the first one."""
    calls = Calls()
    thread = DeliveryThread("numbers", _Numbers(), lambda item: calls.note(item, threading.get_ident()))
    for burst in range(3):
        thread.put((burst,))
        calls.wait_for(burst + 1)
    assert len({ident for _, ident in calls.seen}) == 1
    thread.close()


def test_put_does_not_wait_and_says_how_many_waited() -> None:
    """However slow the handling: the writer goes on, and learns how far behind it is."""
    gate = _Gate()
    thread = DeliveryThread("numbers", _Numbers(), gate)
    thread.put((0,))
    gate.entered.wait_for(1)
    assert [thread.put((1,)), thread.put((2, 3)), thread.put((4,))] == [0, 1, 3]
    gate.opened.set()
    assert [item for (item,) in gate.entered.wait_for(5)] == [0, 1, 2, 3, 4]
    thread.close()


def test_close_drops_what_waits_and_lets_the_call_in_flight_end() -> None:
    """Nothing begins after it, what is put later is dropped, and the call in flight still counts as finished."""
    gate, numbers = _Gate(), _Numbers()
    thread = DeliveryThread("numbers", numbers, gate)
    thread.put((1, 2, 3))
    gate.entered.wait_for(1)
    thread.close()
    thread.close()
    assert thread.put((4,)) == 0
    assert not thread.join(0)
    gate.opened.set()
    assert thread.join(DEADLINE)
    assert gate.entered.seen == numbers.done.seen == [(1,)]


def test_close_before_the_first_item_leaves_nothing_to_wait_for() -> None:
    """No thread comes into being any more (Invariant 194)."""
    calls = Calls()
    thread = DeliveryThread("numbers", _Numbers(), calls.note)
    thread.close()
    before = threading.enumerate()
    thread.put((1,))
    assert threading.enumerate() == before
    assert thread.join()


def test_its_methods_may_be_called_from_inside_a_call() -> None:
    """A call may put, look, close and join without waiting for itself (Invariant 321)."""
    calls = Calls()

    def handle(item: int) -> None:
        if item == 1:
            thread.put((2,))
        else:
            waiting = thread.locked(lambda: len(numbers))
            thread.put((3,))
            thread.close()
            calls.note(waiting, thread.join())
        calls.note(item, waits_for_itself())

    numbers = _Numbers()
    thread = DeliveryThread("numbers", numbers, handle)
    thread.put((1,))
    assert calls.wait_for(3) == [(1, True), (0, False), (2, True)]
    assert thread.join(DEADLINE)
    assert not waits_for_itself()


def test_two_calls_that_join_each_other_do_not_hang() -> None:
    """Inside one delivery thread, joining another one returns at once, and says that it may be running."""
    both, results = threading.Barrier(2), Calls()

    def handle(item: int) -> None:
        both.wait(DEADLINE)
        results.note(threads[1 - item].join())
        both.wait(DEADLINE)

    threads = [DeliveryThread(str(number), _Numbers(), handle) for number in range(2)]
    for number, thread in enumerate(threads):
        thread.put((number,))
    assert results.wait_for(2) == [(False,), (False,)]
    for thread in threads:
        thread.close()


def test_an_item_is_finished_when_its_call_has_returned() -> None:
    """Not when it was taken out (Invariant 114)."""
    gate, numbers = _Gate(), _Numbers()
    thread = DeliveryThread("numbers", numbers, gate)
    thread.put((1,))
    gate.entered.wait_for(1)
    assert numbers.done.seen == []
    gate.opened.set()
    numbers.done.wait_for(1)
    thread.close()


def test_a_thread_that_could_not_be_started_is_started_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the machine has no thread to give, that is logged, the writer goes on, and the items wait."""
    calls = Calls()
    thread = DeliveryThread("numbers", _Numbers(), calls.note)

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        thread.put((1,))
        assert thread.join()
    [record] = caplog.records
    assert record.getMessage().startswith("numbers: not started")
    assert thread.put((2,)) == 1
    assert calls.wait_for(2) == [(1,), (2,)]
    thread.close()
