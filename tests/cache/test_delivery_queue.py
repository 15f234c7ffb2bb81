"""DeliveryQueue: the program takes what waits, and is woken when there is something."""

from __future__ import annotations

import threading

from tests.cache.store_builders import DEADLINE, Calls, in_threads
from tests.cache.test_delivery_task import Numbers

from kubeinformer.cache.delivery_queue import DeliveryQueue


def test_items_are_taken_in_order_and_finished_by_that() -> None:
    """Nothing is called, so nothing is in flight, and there is nothing to join."""
    numbers = Numbers()
    queue = DeliveryQueue("numbers", numbers)
    assert [queue.put((1,)), queue.put((2, 3))] == [0, 1]
    assert [queue.take() for _ in range(4)] == [1, 2, 3, None]
    assert numbers.done == [1, 2, 3]
    queue.interrupt()
    assert queue.join(0)


def test_who_waits_is_woken_once() -> None:
    """By an item, or by the end; where there is something already, nobody has to wait."""
    woken = Calls()
    queue = DeliveryQueue("numbers", Numbers())

    def wake() -> None:
        woken.note()

    assert queue.wake_on_change(wake)
    queue.put((1,))
    queue.put((2,))
    assert len(woken.seen) == 1
    assert not queue.wake_on_change(wake)
    assert (queue.take(), queue.take()) == (1, 2)
    assert queue.wake_on_change(wake)
    queue.close()
    assert len(woken.seen) == 2
    assert not queue.wake_on_change(wake)


def test_who_gave_up_is_not_woken() -> None:
    """And forgetting what was woken is harmless."""
    woken = Calls()
    queue = DeliveryQueue("numbers", Numbers())
    assert queue.wake_on_change(woken.note)
    queue.forget(woken.note)
    queue.forget(woken.note)
    queue.put((1,))
    assert woken.seen == []


def test_close_drops_what_waits() -> None:
    """Nothing comes any more; closing twice is harmless."""
    queue = DeliveryQueue("numbers", Numbers())
    queue.put((1, 2))
    queue.close()
    queue.close()
    assert (queue.put((3,)), queue.take(), queue.is_closed) == (0, None, True)


def test_two_threads_get_each_item_once() -> None:
    """Whoever takes it; both end when it is closed."""
    queue = DeliveryQueue("numbers", Numbers())
    taken = Calls()

    def read() -> None:
        while True:
            item = queue.take()
            if item is not None:
                taken.note(item)
            elif queue.is_closed:
                return
            else:
                changed = threading.Event()
                if queue.wake_on_change(changed.set):
                    assert changed.wait(DEADLINE)

    def write() -> None:
        for number in range(500):
            queue.put((number,))
        taken.wait_for(500)
        queue.close()

    in_threads(read, read, write)
    assert sorted(number for (number,) in taken.seen) == list(range(500))
