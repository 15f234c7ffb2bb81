"""DeliveryTask: one call at a time, in order, on the loop that asked for it, as one task a burst."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar

import pytest
from tests.cache.store_builders import DEADLINE, in_threads

from kubeinformer.cache.delivery import waits_for_itself
from kubeinformer.cache.delivery_task import LONGEST_TURN, DeliveryTask
from kubeinformer.errors import UsageError

SETTING: ContextVar[str] = ContextVar("SETTING", default="unset")


class Numbers:
    """A buffer that notes what is finished."""

    def __init__(self) -> None:
        self.waiting: deque[int] = deque()
        self.done: list[int] = []

    def put(self, items: Iterable[int]) -> None:
        self.waiting.extend(items)

    def take(self) -> int | None:
        return self.waiting.popleft() if self.waiting else None

    def finished(self, item: int) -> None:
        self.done.append(item)

    def clear(self) -> None:
        self.waiting.clear()

    def __len__(self) -> int:
        return len(self.waiting)


def play(scene: Callable[[], Awaitable[None]]) -> None:
    """Run a scene in debug mode, and see that it leaves no task."""

    async def run() -> None:
        await scene()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run(), debug=True)


async def until(delivery: DeliveryTask[int]) -> None:
    """Wait until a closed delivery has ended."""
    await asyncio.wait([asyncio.wrap_future(delivery.ended)], timeout=DEADLINE)
    assert delivery.ended.done()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_items_are_handled_in_order_one_at_a_time_on_the_loop() -> None:
    """Put from any number of threads; each one's items keep their order (Invariants 78 and 315)."""

    async def scene() -> None:
        numbers, seen, inside = Numbers(), [], 0
        mine, all_there = threading.get_ident(), asyncio.Event()

        async def handle(item: int) -> None:
            nonlocal inside
            assert (inside, threading.get_ident()) == (0, mine)
            inside += 1
            await asyncio.sleep(0)
            inside -= 1
            seen.append(item)
            if len(seen) == 200:
                all_there.set()

        delivery = DeliveryTask("numbers", numbers, handle)

        def put(start: int) -> None:
            for number in range(start, start + 100, 5):
                delivery.put(range(number, number + 5))

        threads = [threading.Thread(target=put, args=(start,)) for start in (1000, 2000)]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(all_there.wait(), DEADLINE)
        for start in (1000, 2000):
            assert [item for item in seen if item // 1000 == start // 1000] == list(range(start, start + 100))
        await settle()
        assert numbers.done == seen
        delivery.close()
        await until(delivery)
        in_threads(*(thread.join for thread in threads))

    play(scene)


def test_a_burst_is_one_task_and_one_wake_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many items; the next burst is the next one (Case C41)."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        woken: list[object] = []
        wake = loop.call_soon_threadsafe

        def count(*args: object) -> object:
            woken.append(args)
            return wake(*args)  # type: ignore[arg-type]  # passed on

        monkeypatch.setattr(loop, "call_soon_threadsafe", count)
        numbers = Numbers()

        async def handle(_: int) -> None:
            """Do nothing."""

        delivery = DeliveryTask("numbers", numbers, handle)
        for burst in range(3):
            for number in range(100):
                delivery.put((number,))
            await settle()
            assert (len(woken), len(numbers.done)) == (burst + 1, 100 * (burst + 1))
        delivery.close()

    play(scene)


def test_put_does_not_wait_and_says_how_many_waited() -> None:
    """However slow the handling: the writer goes on, and learns how far behind it is (Invariant 320)."""

    async def scene() -> None:
        gate, numbers = asyncio.Event(), Numbers()

        async def handle(_: int) -> None:
            await gate.wait()

        delivery = DeliveryTask("numbers", numbers, handle)
        delivery.put((0,))
        await settle()
        assert [delivery.put((1,)), delivery.put((2, 3)), delivery.put((4,))] == [0, 1, 3]
        assert delivery.locked(lambda: len(numbers)) == 4
        gate.set()
        await settle()
        assert numbers.done == [0, 1, 2, 3, 4]
        delivery.close()

    play(scene)


def test_calls_that_never_wait_leave_turns_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst that is all work gives the loop back every few milliseconds."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        now = 0.0
        numbers, turns = Numbers(), 0

        async def handle(_: int) -> None:
            nonlocal now
            now += LONGEST_TURN / 2

        async def other() -> None:
            nonlocal turns
            while len(numbers.done) < 100:
                turns += 1
                await asyncio.sleep(0)

        monkeypatch.setattr(loop, "time", lambda: now)
        delivery = DeliveryTask("numbers", numbers, handle)
        delivery.put(range(100))
        await other()
        assert turns >= 100 / 3
        delivery.close()

    asyncio.run(scene())


def test_close_drops_what_waits_and_lets_the_call_in_flight_end() -> None:
    """Nothing begins after it; `join` on the loop itself does not wait, elsewhere it does."""

    async def scene() -> None:
        gate, numbers, entered = asyncio.Event(), Numbers(), []

        async def handle(item: int) -> None:
            entered.append(item)
            await gate.wait()

        delivery = DeliveryTask("numbers", numbers, handle)
        delivery.put((1, 2, 3))
        await settle()
        delivery.close()
        delivery.close()
        assert delivery.put((4,)) == 0
        assert not delivery.join(DEADLINE)
        assert not await asyncio.to_thread(delivery.join, 0.0)
        joining = asyncio.create_task(asyncio.to_thread(delivery.join, DEADLINE))
        gate.set()
        assert await joining
        assert delivery.join()
        assert entered == numbers.done == [1]

    play(scene)


def test_close_before_the_first_turn_ends_it_at_once() -> None:
    """No call comes of what was put a moment before."""

    async def scene() -> None:
        calls: list[int] = []

        async def handle(item: int) -> None:
            calls.append(item)

        idle, woken = (DeliveryTask("numbers", Numbers(), handle) for _ in range(2))
        idle.close()
        assert idle.ended.done()
        woken.put((1,))
        woken.close()
        await until(woken)
        assert calls == []

    play(scene)


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_an_interrupted_call_ends_with_its_own_cancellation(turns: int) -> None:
    """Before its first step or in flight; the delivery is over then, and so it is when asyncio.run ends it."""

    async def scene() -> None:
        ended: list[str] = []

        async def handle(_: int) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("in good order")

        delivery = DeliveryTask("numbers", Numbers(), handle)
        delivery.interrupt()  # nothing is in flight yet
        delivery.put((1, 2))
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()} if turns == 1 else ():
            task.cancel()  # before its first step
        delivery.interrupt()
        if turns == 0:
            delivery.close()
        await until(delivery)
        assert ended == (["in good order"] if turns == 2 else [])
        assert delivery.put((3,)) == 0

    play(scene)


def test_its_methods_may_be_called_from_inside_a_call() -> None:
    """A call may put, look, close and join without waiting for itself (Invariant 321)."""

    async def scene() -> None:
        seen: list[object] = []
        numbers = Numbers()

        async def handle(item: int) -> None:
            if item == 1:
                delivery.put((2,))
            else:
                seen.append(delivery.locked(lambda: len(numbers)))
                delivery.put((3,))
                delivery.close()
                seen.append(delivery.join())
            seen.append((item, waits_for_itself()))

        delivery = DeliveryTask("numbers", numbers, handle)
        delivery.put((1,))
        await settle()
        assert seen == [(1, True), 0, False, (2, True)]
        assert not waits_for_itself()

    play(scene)


def test_the_context_variables_are_those_of_its_making() -> None:
    """What a call sets, the next one finds, also in the next burst, and nobody else."""

    async def scene() -> None:
        seen: list[str] = []

        async def handle(_: int) -> None:
            seen.append(SETTING.get())
            SETTING.set("set by a call")

        SETTING.set("registration")
        delivery = DeliveryTask("numbers", Numbers(), handle)
        SETTING.set("later")
        for _ in range(2):
            delivery.put((1, 2))
            await settle()
        assert seen == ["registration"] + ["set by a call"] * 3
        assert SETTING.get() == "later"
        delivery.close()

    play(scene)


def test_a_closed_loop_is_told_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    """That is logged once; the writer goes on, and nothing is in flight."""

    async def handle(_: int) -> None:
        raise AssertionError("never")

    async def make() -> DeliveryTask[int]:
        return DeliveryTask("numbers", Numbers(), handle)

    delivery = asyncio.run(make())
    assert delivery.put((1,)) == 0
    assert delivery.put((2,)) == 0
    assert delivery.join(DEADLINE)
    delivery.interrupt()
    assert caplog.messages == ["numbers: its event loop is closed; it hears nothing any more"]


def test_it_needs_a_running_loop() -> None:
    """Made where none runs, it says what to do."""

    async def handle(_: int) -> None:
        """Do nothing."""

    with pytest.raises(UsageError, match=r"numbers: .* none runs here; register it inside a coroutine"):
        DeliveryTask("numbers", Numbers(), handle)
