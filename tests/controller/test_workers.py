"""Workers: how many, in what, for how long, and how they end."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import threading
from collections.abc import Callable

import pytest
from tests.controller.conftest import Noting, config_map
from tests.programs import running

from kubeinformer import Controller, RateLimiter, Request, SharedInformerFactory, aio
from kubeinformer.testing import APIServer
from kubeinformer.testing.fake_clock import FakeClock
from kubeinformer.testing.waiting import eventually, eventually_async, eventually_equal

KEYS = 40


def waiting_for(event: threading.Event) -> Callable[[Request], None]:
    def wait(_: Request) -> None:
        event.wait(30)

    return wait


@pytest.fixture
def maps(server: APIServer) -> None:
    for number in range(KEYS):
        server.create("configmaps", config_map(f"map-{number}"))


def test_a_plain_function_runs_in_so_many_threads(
    server: APIServer, factory: SharedInformerFactory, maps: None
) -> None:
    """Four workers reconcile four keys at a time, and no key twice."""
    barrier = threading.Barrier(4, timeout=30)
    threads: set[str] = set()

    def meet(_: Request) -> None:
        barrier.wait()
        threads.add(threading.current_thread().name)

    reconcile = Noting(meet)
    controller = Controller("threads", reconcile, workers=4)
    controller.watch(factory.informer("configmaps"))
    with controller:
        eventually_equal(lambda: len(reconcile.counts), KEYS)
    assert threads == {f"kubeinformer-threads-{number}" for number in range(4)}
    assert set(reconcile.counts.values()) == {1}
    assert not reconcile.doubled


def test_a_coroutine_function_runs_in_so_many_tasks(server: APIServer, maps: None) -> None:
    """On the loop of the program in the asyncio face: as many at a time as there are workers."""
    at_once = most = 0
    done: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def reconcile(request: Request) -> None:
            nonlocal at_once, most
            assert asyncio.get_running_loop() is loop
            at_once += 1
            most = max(most, at_once)
            for _ in range(5):
                await asyncio.sleep(0)
            at_once -= 1
            done.append(request.key)

        async with aio.SharedInformerFactory(server.config) as factory:
            controller = aio.Controller("tasks", reconcile, workers=10)
            controller.watch(factory.informer("configmaps"))
            async with controller:
                await eventually_async(lambda: len(done) == KEYS)

    asyncio.run(main())
    assert most == 10
    assert len(set(done)) == KEYS


def test_a_coroutine_function_runs_in_the_blocking_face_too(
    server: APIServer, factory: SharedInformerFactory, maps: None
) -> None:
    """On a loop of the run's own: what blocks there delays no cache."""
    done: list[str] = []

    async def reconcile(request: Request) -> None:
        await asyncio.sleep(0)
        done.append(threading.current_thread().name)

    controller = Controller("tasks", reconcile, workers=5)
    controller.watch(factory.informer("configmaps"))
    with controller:
        eventually(lambda: len(done) == KEYS)
    assert set(done) == {"kubeinformer-run"}


def test_a_plain_function_runs_in_the_asyncio_face_too(server: APIServer, maps: None) -> None:
    """In threads: it may block."""
    reconcile = Noting()

    async def main() -> None:
        async with aio.SharedInformerFactory(server.config) as factory:
            controller = aio.Controller("threads", reconcile, workers=2)
            controller.watch(factory.informer("configmaps"))
            async with controller:
                await eventually_async(lambda: len(reconcile.counts) == KEYS)

    asyncio.run(main())


def test_a_run_that_takes_too_long_is_cancelled_or_named(
    server: APIServer, factory: SharedInformerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """A task is cancelled at its time-out, counted and tried again; a thread is named, and goes on to its end."""
    server.create("configmaps", config_map("a"))
    may_end = threading.Event()
    attempts: list[int] = []

    async def hang(request: Request) -> None:
        attempts.append(request.attempt)
        if request.attempt == 1:
            await asyncio.Event().wait()

    tasks = Controller("tasks", hang, reconcile_timeout=0.05)
    threads = Controller("threads", Noting(waiting_for(may_end)), reconcile_timeout=0.05)
    for controller in (tasks, threads):
        controller.watch(factory.informer("configmaps"))
    with tasks, threads:
        eventually_equal(lambda: attempts, [1, 2])
        eventually(lambda: len(tasks.explain("default/a").history) == 2)
        assert tasks.explain("default/a").history[1].result == "timeout"
        eventually(lambda: "threads: default/a has been reconciled for more than 0.05 s" in caplog.text)
        may_end.set()
        eventually(lambda: threads.explain("default/a").last is not None)
    last = threads.explain("default/a").last
    assert last is not None
    assert last.result == "success"


def test_a_stop_lets_runs_end_and_begins_no_other(
    server: APIServer, factory: SharedInformerFactory, maps: None
) -> None:
    """What is under way has the grace period; what waits is left for the next start."""
    begun, may_end = threading.Event(), threading.Event()

    def wait(_: Request) -> None:
        begun.set()
        may_end.wait(30)

    reconcile = Noting(wait)
    controller = Controller("stopped", reconcile)
    controller.watch(factory.informer("configmaps"))
    controller.start()
    assert begun.wait(30)
    stopping = threading.Thread(target=controller.stop, daemon=True)
    stopping.start()
    eventually(lambda: controller._reconciling.queue.is_shut_down)
    assert stopping.is_alive()
    may_end.set()
    stopping.join(30)
    assert len(reconcile.requests) == 1
    runs = controller.explain(reconcile.keys[0]).history
    assert [run.result for run in runs] == ["success"]


def test_what_outlasts_the_grace_period_is_cancelled_or_named(
    server: APIServer, factory: SharedInformerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """A task is cut off; a thread cannot be, and is named in the log."""
    server.create("configmaps", config_map("a"))
    begun, may_end = [threading.Event(), threading.Event()], threading.Event()

    async def hang(_: Request) -> None:
        begun[0].set()
        await asyncio.Event().wait()

    def block(_: Request) -> None:
        begun[1].set()
        may_end.wait(30)

    controllers = [
        Controller("task", hang, grace_period=0.01),
        Controller("thread", block, grace_period=0.01),
    ]
    for controller, event in zip(controllers, begun, strict=True):
        controller.watch(factory.informer("configmaps"))
        controller.start()
        assert event.wait(30)
        controller.stop()
    cut_off = controllers[0].explain("default/a").last
    assert cut_off is not None
    assert cut_off.result == "cancelled"
    assert "thread: default/a is still being reconciled after stop" in caplog.text
    may_end.set()
    eventually(
        lambda: not [thread for thread in threading.enumerate() if thread.name == "kubeinformer-thread-0"]
    )
    assert "exception calling callback" not in caplog.text


def test_a_reconcile_may_stop_its_own_controller(server: APIServer, factory: SharedInformerFactory) -> None:
    """It does not wait for itself; nor does it where it stops the factory."""
    server.create("configmaps", config_map("a"))

    def stop(_: Request) -> None:
        controller.stop()
        factory.stop()

    controller = Controller("ending", stop)
    controller.watch(factory.informer("configmaps"))
    controller.run()
    eventually(lambda: controller.explain("default/a").last is not None)


def test_a_run_asks_for_itself_without_waiting(server: APIServer, factory: SharedInformerFactory) -> None:
    """Regression 14: a thousand keys added from inside a run with one worker: no deadlock, and none is lost."""
    server.create("configmaps", config_map("a"))

    def spread(request: Request) -> None:
        if request.key == "default/a":
            for number in range(1000):
                controller.enqueue(f"extra/{number}")

    reconcile = Noting(spread)
    controller = Controller("spreading", reconcile)
    controller.watch(factory.informer("configmaps"))
    with controller:
        eventually_equal(lambda: len(reconcile.counts), 1001)
    assert reconcile.of("extra/7")[0].reason == "asked for"


def test_many_keys_at_the_start_and_one_worker(server: APIServer, factory: SharedInformerFactory) -> None:
    """Regression 19: ten thousand keys and one worker: every key once, live changes before the rest, no deadlock."""
    for number in range(10_000):
        server.create("configmaps", config_map(f"map-{number}"))
    may_begin = threading.Event()
    reconcile = Noting(waiting_for(may_begin))
    maps = factory.informer("configmaps")
    controller = Controller("many", reconcile)
    controller.watch(maps)
    with controller:
        created = server.create("configmaps", config_map("live"))
        maps.wait_for(created["metadata"]["resourceVersion"])
        eventually(lambda: controller.explain("default/live").due_in is not None)
        may_begin.set()
        eventually_equal(lambda: len(reconcile.counts), 10_001, timeout=60)
    assert reconcile.keys.index("default/live") <= 1
    assert set(reconcile.counts.values()) == {1}


BLOCKING = """
from kubeinformer import Controller, SharedInformerFactory
with SharedInformerFactory(config) as factory:
    controller = Controller("main", lambda request: print(request.key, flush=True))
    controller.watch(factory.informer("configmaps"))
    controller.run()
"""
ASYNCIO = """
import asyncio
from kubeinformer.aio import Controller, SharedInformerFactory, run_all

async def reconcile(request):
    print(request.key, flush=True)

async def main():
    async with SharedInformerFactory(config) as factory:
        controller = Controller("main", reconcile)
        controller.watch(factory.informer("configmaps"))
        await run_all(controller, factory)

asyncio.run(main())
"""


@pytest.mark.parametrize("face", [BLOCKING, ASYNCIO], ids=["blocking", "asyncio"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_run(server: APIServer, face: str, number: int) -> None:
    """`run` as the main job of a program: SIGINT and SIGTERM end it in good order, with exit code 0."""
    head = f"from kubeinformer import Config; config = Config(server={server.url!r}, token={server.admin_token!r})"
    server.create("configmaps", config_map("a"))
    with running([sys.executable, "-c", f'{head}{face}print("ended", flush=True)']) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "default/a\n"
        process.send_signal(number)
        assert process.communicate(timeout=30) == ("ended\n", "")
        assert process.returncode == 0


def test_ten_thousand_keys_with_failures_end_well(
    server: APIServer, factory: SharedInformerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """One run in twenty fails, objects change meanwhile: every key ends reconciled against its last state."""
    caplog.set_level(logging.CRITICAL, "kubeinformer.controller")  # five hundred tracebacks say nothing more
    for number in range(10_000):
        server.create("configmaps", config_map(f"map-{number}"))
    clock = FakeClock(seed=7)
    reconciled: dict[str, str] = {}
    maps = factory.informer("configmaps")

    def reconcile(request: Request) -> None:
        latest = maps.lister.get(request.name, request.namespace).resource_version
        if clock.random() < 0.05:
            raise RuntimeError("one in twenty")
        reconciled[request.key] = latest

    controller = Controller("failing", reconcile, workers=4)
    controller.watch(maps)
    with controller:
        for number in range(0, 10_000, 10):
            server.patch("configmaps", f"map-{number}", {"data": {"k": "v"}}, "default")
        expected = {
            f"default/{found['metadata']['name']}": found["metadata"]["resourceVersion"]
            for found in server.list_objects("configmaps")
        }
        eventually(lambda: reconciled == expected, timeout=90)
        eventually(lambda: not controller._reconciling.runs)
        assert not controller._reconciling._reasons
        assert not controller._reconciling.queue._limiter._failures  # type: ignore[attr-defined]  # the default's
    gc.collect()


class Careless(RateLimiter[str]):
    """A limiter that raises whatever it is asked."""

    def when(self, _key: str, /) -> float:
        raise KeyError("when")

    def forget(self, _key: str, /) -> None:
        raise KeyError("forget")

    def num_requeues(self, _key: str, /) -> int:
        raise KeyError("num_requeues")


def test_a_limiter_that_raises_costs_no_worker_and_no_key(caplog: pytest.LogCaptureFixture) -> None:
    """The key comes again after a second, others go on, and the log says it."""
    fails = ["once"]

    def fail(request: Request) -> None:
        if request.key == "failing" and fails:
            raise RuntimeError(fails.pop())

    reconcile = Noting(fail)
    controller = Controller("limited", reconcile, limiter=Careless())
    for key in ("failing", "fine"):
        controller.enqueue(key)
    with controller:
        eventually(lambda: reconcile.counts == {"failing": 2, "fine": 1})
    assert "limited: the limiter raised KeyError('when')" in caplog.text
