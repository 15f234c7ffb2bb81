"""LoadGate: a few loads at a time, in order, and none that holds up the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import given
from hypothesis import strategies as st
from tests.cache.scripted_server import Recorder, ScriptedServer, listed, pod

from kubeinformer.cache.background_errors import ErrorReporter
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.cache.informer_options import InformerOptions
from kubeinformer.cache.list_watch import ListWatch
from kubeinformer.cache.load_gate import LOADS, PATIENCE, LoadGate
from kubeinformer.cache.reflector import Reflector
from kubeinformer.cache.watches import Watches
from kubeinformer.errors import NetworkError
from kubeinformer.resources import parse_resource
from kubeinformer.testing.fake_clock import FakeClock


def _play(scene: Callable[[FakeClock], Awaitable[None]]) -> None:
    clock = FakeClock(random_value=0.0)
    asyncio.run(scene(clock))  # type: ignore[arg-type]  # a coroutine function
    assert clock.pending == 0


def test_as_many_as_there_are_places_and_then_one_for_one() -> None:
    """Who comes first goes first; leaving twice makes one place."""

    async def scene(clock: FakeClock) -> None:
        gate = LoadGate(clock, size=2)
        entered: list[int] = []

        async def load(number: int) -> Callable[[], None]:
            leave = await gate.enter()
            entered.append(number)
            return leave

        tasks = [asyncio.create_task(load(number)) for number in range(5)]
        await clock.settle()
        assert entered == [0, 1]
        tasks[1].result()()
        tasks[1].result()()
        await clock.settle()
        assert entered == [0, 1, 2]
        tasks[0].result()()
        tasks[2].result()()
        await clock.settle()
        assert entered == [0, 1, 2, 3, 4]
        for task in tasks:
            task.result()()

    _play(scene)


def test_a_load_that_hangs_makes_room_after_a_while() -> None:
    """It goes on itself, and its end later makes no second place."""

    async def scene(clock: FakeClock) -> None:
        gate = LoadGate(clock, size=1)
        leave_hung = await gate.enter()
        second = asyncio.create_task(gate.enter())
        third = asyncio.create_task(gate.enter())
        await clock.advance_async(PATIENCE - 0.1)
        assert not second.done()
        await clock.advance_async(0.2)
        assert second.done()
        leave_hung()
        await clock.settle()
        assert not third.done()
        second.result()()
        (await third)()

    _play(scene)


class _Crowd:
    """Tasks that want in, are in, leave, and give up."""

    def __init__(self, clock: FakeClock, gate: LoadGate) -> None:
        self._clock = clock
        self._gate = gate
        self._tasks: list[asyncio.Task[Callable[[], None]]] = []

    @property
    def inside(self) -> list[asyncio.Task[Callable[[], None]]]:
        return [task for task in self._tasks if task.done() and not task.cancelled()]

    @property
    def waiting(self) -> list[asyncio.Task[Callable[[], None]]]:
        return [task for task in self._tasks if not task.done()]

    async def enter(self) -> None:
        self._tasks.append(asyncio.create_task(self._gate.enter()))

    async def leave(self) -> None:
        for task in self.inside[:1]:
            self._tasks.remove(task)
            task.result()()

    async def cancel(self) -> None:
        for task in self.waiting[:1]:
            task.cancel()

    async def wait(self) -> None:
        await self._clock.settle()


@given(st.lists(st.sampled_from(["enter", "leave", "cancel", "wait"]), max_size=40), st.integers(1, 3))
def test_places_are_neither_lost_nor_made(steps: list[str], size: int) -> None:
    """Whoever is cancelled while waiting, or at the moment it is let in, leaks none."""

    async def scene(clock: FakeClock) -> None:
        crowd = _Crowd(clock, LoadGate(clock, size=size))
        for step in steps:
            await getattr(crowd, step)()
        await clock.settle()
        assert len(crowd.inside) == min(size, len(crowd.inside) + len(crowd.waiting))
        while crowd.inside or crowd.waiting:
            await crowd.leave()
            await clock.settle()
        for _ in range(size + 1):
            await crowd.enter()
        await clock.settle()
        assert (len(crowd.inside), len(crowd.waiting)) == (size, 1)
        for _ in range(size + 1):
            await crowd.leave()
            await clock.settle()

    _play(scene)


class _Hanging(ScriptedServer):
    """Its lists wait until they are let go."""

    def __init__(self) -> None:
        super().__init__(listed("5", pod("a", "3")))
        self.open = asyncio.Event()

    async def list(self, parameters: object) -> bytes:
        body = await super().list(parameters)  # type: ignore[arg-type]  # passed through
        await self.open.wait()
        return body


def test_a_page_that_is_asked_for_again_waits_for_its_turn() -> None:
    """A load that backs off makes room, and comes back like any other."""

    async def scene(clock: FakeClock) -> None:
        gate = LoadGate(clock, size=1)
        server = ScriptedServer(listed("5", token="t"), NetworkError("reset"), listed("5"))
        reflector = Reflector(server, Recorder(), clock, scope=None, name="pods", gate=gate)
        task = asyncio.create_task(reflector.run())
        await clock.settle()
        assert reflector.status.state == "waiting"
        leave = await gate.enter()
        await clock.advance_async(1.0)
        assert (reflector.status.state, len(server.asked("list"))) == ("queued", 2)
        leave()
        await clock.settle()
        assert (reflector.status.state, len(server.asked("list"))) == ("watching", 3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    _play(scene)


def test_many_reflectors_begin_a_few_at_a_time() -> None:
    """At the start, and when a restart sends all of them back to the list; a stop while they wait leaks nothing."""

    async def scene(clock: FakeClock) -> None:
        server = _Hanging()
        reporter = ErrorReporter(clock, None)

        def connect(_options: InformerOptions, _scope: str | None) -> ListWatch:
            return server

        watches = Watches(connect, clock, reporter)
        for number in range(10):
            options = InformerOptions(parse_resource("pods"), label_selector=f"app={number}")
            informer = SharedIndexInformer(
                options, {}, resync_period=0.0, clock=clock, reporter=reporter, on_change=lambda: None
            )
            watches.start(informer)
        await clock.advance_async()
        assert len(server.asked("list")) == LOADS
        states = [informer.status.state for informer in watches.informers]
        assert states == ["listing"] * LOADS + ["queued"] * (10 - LOADS)
        server.open.set()
        await clock.advance_async()
        assert len(server.asked("list")) == 10
        assert all(informer.has_synced for informer in watches.informers)
        assert {informer.status.state for informer in watches.informers} == {"watching"}
        server.open.clear()
        for stream in server.streams:
            stream.send(b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","code":410}}\n')
        await clock.advance_async(60.0)
        assert 10 + LOADS <= len(server.asked("list")) < 20 + 10 * 60 / PATIENCE
        await watches.stop_all()

    _play(scene)
