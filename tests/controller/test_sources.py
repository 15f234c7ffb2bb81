"""Keys from elsewhere: iterables, queues, timers."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.controller.conftest import Noting

from kubeinformer import Controller, aio, changed, every
from kubeinformer.testing.waiting import eventually, eventually_async, eventually_equal


def test_a_queue_of_keys_is_read_until_the_end() -> None:
    """`queue.Queue`: keys, several keys, or whatever a mapper makes keys of."""
    triggers: queue.Queue[object] = queue.Queue()
    numbers: queue.Queue[int] = queue.Queue()
    reconcile = Noting()
    controller = Controller("triggered", reconcile)
    controller.watch(triggers)
    controller.watch(numbers, lambda number: f"number/{number}")
    with controller:
        triggers.put("default/a")
        triggers.put(["default/b", "default/c"])
        numbers.put(7)
        eventually_equal(lambda: sorted(reconcile.keys), ["default/a", "default/b", "default/c", "number/7"])
    assert {request.reason for request in reconcile.requests} == {"external trigger"}


def test_an_iterable_is_read_on_a_thread_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """It may wait; what it raises ends it, and is logged; a bad item costs that item."""
    go_on = threading.Event()

    def keys() -> Iterator[object]:
        yield "one"
        yield 2
        go_on.wait(30)
        yield "three"
        raise RuntimeError("no more")

    reconcile = Noting()
    controller = Controller("iterating", reconcile)
    controller.watch(keys())
    with controller:
        eventually_equal(lambda: reconcile.keys, ["one"])
        go_on.set()
        eventually_equal(lambda: reconcile.keys, ["one", "three"])
        eventually(lambda: "a source of keys, which is over raised RuntimeError" in caplog.text)
    assert "a mapper returns keys ('namespace/name'), objects, or None; not int" in caplog.text


def test_async_iterables_and_queues_are_read_on_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    """The asyncio forms, ended with the run."""

    async def keys() -> AsyncIterator[str]:
        yield "one"
        yield "two"
        raise RuntimeError("no more")

    async def main() -> None:
        triggers: asyncio.Queue[str] = asyncio.Queue()
        seen: list[str] = []

        async def reconcile(request: aio.Request) -> None:
            seen.append(request.key)

        controller = aio.Controller("async", reconcile)
        controller.watch(triggers)
        controller.watch(keys())
        async with controller:
            await triggers.put("three")
            await eventually_async(lambda: sorted(seen) == ["one", "three", "two"])

    asyncio.run(main())
    assert "a source of keys, which is over raised RuntimeError" in caplog.text


class _ShutDown(Exception):
    """What queues raise from Python 3.13 on, for the versions before."""


class _ShutDownQueue(queue.Queue[str]):
    def get(self, block: bool = True, timeout: float | None = None) -> str:
        if self.empty():
            raise getattr(queue, "ShutDown")  # noqa: B009  # not before Python 3.13
        return super().get(block, timeout)


class _ShutDownAsyncQueue(asyncio.Queue[str]):
    async def get(self) -> str:
        if self.empty():
            raise getattr(asyncio, "QueueShutDown")  # noqa: B009  # not before Python 3.13
        return await super().get()


@pytest.mark.parametrize("kind", [_ShutDownQueue, _ShutDownAsyncQueue])
def test_a_queue_that_is_shut_down_ends_without_a_word(
    kind: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`shutdown()` of queues, since Python 3.13: what is in one is taken, and that is all; the controller goes on."""
    if not hasattr(queue, "ShutDown"):
        monkeypatch.setattr(queue, "ShutDown", _ShutDown, raising=False)
        monkeypatch.setattr(asyncio, "QueueShutDown", _ShutDown, raising=False)
    reconcile = Noting()
    controller = Controller("shut down", reconcile)
    triggers = kind()
    triggers.put_nowait("default/a")
    controller.watch(triggers)
    with controller:
        eventually_equal(lambda: reconcile.keys, ["default/a"])
        eventually(lambda: not any(each.name == "kubeinformer-source" for each in threading.enumerate()))
        controller.enqueue("default/b")
        eventually_equal(lambda: reconcile.keys, ["default/a", "default/b"])
    assert "a source of keys" not in caplog.text


def test_an_async_iterable_without_end_leaves_the_loop_to_others() -> None:
    """One that never waits, too: the controller works meanwhile, and can be stopped."""

    async def numbers() -> AsyncIterator[str]:
        while True:
            yield "default/a"

    seen: list[str] = []

    async def reconcile(request: aio.Request) -> None:
        seen.append(request.key)

    controller = Controller("flooded", reconcile)
    controller.watch(numbers())
    with controller:
        eventually(lambda: len(seen) > 3)


def test_a_timer_asks_again_and_again(caplog: pytest.LogCaptureFixture) -> None:
    """The same keys once a period, or what a function says; where it raises, the next tick may be better."""
    reconcile = Noting()
    controller = Controller("ticking", reconcile)
    answers = iter([["a"], RuntimeError("no"), ["b", "c"]])

    def keys() -> object:
        answer = next(answers, None)
        if isinstance(answer, Exception):
            raise answer
        return answer

    controller.watch(every(0.01, keys))  # type: ignore[arg-type]  # a function that says many things
    controller.watch(every(0.01, "tick"))
    with controller:
        eventually(lambda: {"a", "b", "c"} <= set(reconcile.keys))
        eventually(lambda: reconcile.counts["tick"] > 3)
    assert "a timer's function raised RuntimeError('no')" in caplog.text
    assert reconcile.of("tick")[0].reason == "every 0.01 s"
    with pytest.raises(ValueError, match="in seconds"):
        every(0, "tick")


def test_what_is_no_source_is_refused() -> None:
    """A string is a key, not an iterable of keys; predicates are for informers."""
    controller = Controller("strict", Noting())
    for source in ("default/a", 3, None):
        with pytest.raises(TypeError, match="a controller watches informers"):
            controller.watch(source)

    async def mapper(_: object) -> str:
        return "never"

    for mistake in (mapper, "default/a"):
        with pytest.raises(TypeError, match="mapper is a plain function"):
            controller.watch(["a"], mistake)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(TypeError, match="`when` compares objects"):
        controller.watch(["a"], when=changed(lambda found: found.labels))


def test_keys_may_be_asked_for_before_the_run() -> None:
    """They wait for it; a higher priority comes first."""
    reconcile = Noting()
    controller = Controller("eager", reconcile)
    controller.enqueue("second")
    controller.enqueue("first", 10, reason="somebody wants it")
    with controller:
        eventually_equal(lambda: reconcile.keys, ["first", "second"])
    assert reconcile.requests[0].reason == "somebody wants it"
    controller.enqueue("late")
    assert controller.explain("late").due_in is None
