"""A controller's life: caches first, then work; and what ends it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import weakref

import pytest
from tests.controller.conftest import Noting, config_map
from tests.programs import running

from kubeinformer import CacheSyncTimeout, Controller, Request, SharedInformerFactory, UsageError, run_all
from kubeinformer.controller.controller import prepare
from kubeinformer.testing import APIServer
from kubeinformer.testing.waiting import eventually, eventually_equal


def test_nothing_is_reconciled_before_every_cache_is_filled(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """Whichever cache a reconcile reads, what is not there is not there."""
    server.create("configmaps", config_map("a"))
    server.create("secrets", config_map("a"))
    seen: list[int] = []
    secrets = factory.informer("secrets")
    reconcile = Noting(lambda _: seen.append(len(secrets.lister)))
    controller = Controller("patient", reconcile)
    controller.watch(factory.informer("configmaps"))
    controller.watch(secrets)
    with server.stall(lambda request: request.resource == "secrets"):
        starting = threading.Thread(target=controller.start, daemon=True)
        starting.start()
        eventually(lambda: server.requests.count("watch", "configmaps") > 0)
        assert not reconcile.requests
        assert starting.is_alive()
    starting.join(30)
    eventually_equal(lambda: seen, [1])
    controller.stop()


def test_a_cache_that_does_not_fill_is_named(server: APIServer, factory: SharedInformerFactory) -> None:
    """The sync time-out names the resource, the verb and the reason; nothing was reconciled."""
    reconcile = Noting()
    controller = Controller("narrow", reconcile, sync_timeout=2)
    controller.watch(factory.informer("configmaps"))
    controller.watch(factory.informer("secrets"))
    with (
        server.deny(resources=("secrets",)),
        pytest.raises(CacheSyncTimeout, match=r"list secrets: 403 Forbidden") as caught,
    ):
        controller.run()
    assert list(caught.value.reasons) == ["secrets"]
    assert not reconcile.requests


def test_one_resource_that_fails_does_not_hold_up_another(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """Regression 15: once all caches were filled, a broken watch delays its own triggers only."""
    reconcile = Noting()
    controller = Controller("two", reconcile)
    controller.watch(factory.informer("configmaps"))
    controller.watch(factory.informer("secrets"))
    with controller, server.every_request(resource="secrets").answers(500):
        server.close_watches(resource="secrets")
        eventually(lambda: server.requests.count("watch", "secrets") > 1)
        server.create("configmaps", config_map("a"))
        eventually_equal(lambda: reconcile.keys, ["default/a"])


def test_several_controllers_share_a_run(server: APIServer, factory: SharedInformerFactory) -> None:
    """`run_all`: one list and one watch a resource, and the end of one is the end of all."""
    server.create("configmaps", config_map("a"))
    server.create("secrets", config_map("a"))
    reconciles = [Noting(), Noting()]
    controllers = [Controller(f"c{number}", each) for number, each in enumerate(reconciles)]
    for controller in controllers:
        controller.watch(factory.informer("configmaps"))
    secrets = factory.informer("secrets")
    running = threading.Thread(target=run_all, args=(*controllers, factory), daemon=True)
    running.start()
    for each in reconciles:
        eventually_equal(lambda each=each: each.keys, ["default/a"])  # type: ignore[misc]  # the loop's
    assert len(secrets.lister) == 1
    assert server.requests.count("list", "configmaps") == 1
    controllers[0].stop()
    running.join(30)
    assert not running.is_alive()


def test_factories_alone_can_be_run(server: APIServer, factory: SharedInformerFactory) -> None:
    """A program may want nothing but caches, filled and kept until it ends."""
    maps = factory.informer("configmaps")
    run = prepare((factory,), None)
    running = threading.Thread(target=asyncio.run, args=(run.run(),), daemon=True)
    running.start()
    run.ready.result(30)
    assert maps.has_synced
    run.stop()
    running.join(30)
    assert not running.is_alive()


def test_what_cannot_be_run_is_refused(factory: SharedInformerFactory) -> None:
    """Nothing, something else, the same twice, a source that is added too late."""
    with pytest.raises(UsageError, match="nothing to run"):
        run_all()
    with pytest.raises(TypeError, match="only controllers and factories"):
        run_all("controller")  # type: ignore[arg-type]  # the mistake
    controller = Controller("once", Noting())
    with controller:
        with pytest.raises(UsageError, match="runs once"):
            controller.run()
        with pytest.raises(UsageError, match=r"watch\(\) comes before run\(\)"):
            controller.watch(factory.informer("configmaps"))
    with pytest.raises(UsageError, match="runs once"):
        controller.start()
    for arguments in ({"name": ""}, {"name": "x", "workers": 0}):
        with pytest.raises(ValueError, match="needs a name, and one worker"):
            Controller(**{"reconcile": Noting(), **arguments})  # type: ignore[arg-type]  # the mistake
    with pytest.raises(TypeError, match="not callable"):
        Controller("x", None)  # type: ignore[arg-type]  # the mistake


def test_a_factory_that_stops_ends_the_run(server: APIServer, caplog: pytest.LogCaptureFixture) -> None:
    """A controller without its caches would decide on what is old."""
    caplog.set_level(logging.INFO)
    factory = SharedInformerFactory(server.config)
    controller = Controller("orphan", Noting())
    controller.watch(factory.informer("configmaps"))
    running = threading.Thread(target=controller.run, daemon=True)
    running.start()
    eventually(lambda: server.requests.count("watch") > 0)
    factory.stop()
    running.join(30)
    assert not running.is_alive()


def threads_of(*names: str) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(names)]


def test_caches_of_several_factories_fill_at_a_time(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """One time-out for all of them, which names each cache that is missing, whichever factory it is of."""
    with SharedInformerFactory(server.config) as another:
        controller = Controller("wide", Noting(), sync_timeout=2)
        for each, resource in ((factory, "configmaps"), (another, "configmaps"), (another, "secrets")):
            controller.watch(each.informer(resource))
        with server.deny(), pytest.raises(CacheSyncTimeout, match="after 2 s") as caught:
            controller.run()
    assert set(caught.value.reasons) == {"configmaps", "secrets"}
    assert caught.value.reasons["configmaps"].count("list configmaps: 403 Forbidden") == 2


def test_a_run_that_is_refused_leaves_its_controllers_as_they_were() -> None:
    """They can be stopped, which would wait for ever for the end of a run that never began, and run after all."""
    reconcile = Noting()
    used, fresh = Controller("used", Noting()), Controller("fresh", reconcile)
    with used:
        pass
    with pytest.raises(UsageError, match="used: a controller runs once"):
        run_all(fresh, used)
    with pytest.raises(UsageError, match="fresh is there twice"):
        run_all(fresh, fresh)
    fresh.stop()
    fresh.enqueue("a")
    with fresh:
        eventually_equal(lambda: reconcile.keys, ["a"])


def test_a_run_that_cannot_begin_takes_no_keys(server: APIServer, factory: SharedInformerFactory) -> None:
    """Where one informer is stopped the others do not go on to feed a queue that nobody empties."""
    with SharedInformerFactory(server.config) as another:
        secrets = another.informer("secrets")
        another.start()
    maps = factory.informer("configmaps")
    controller = Controller("half", Noting())
    controller.watch(maps)
    controller.watch(secrets)
    with pytest.raises(UsageError, match="stopped"):
        controller.run()
    factory.start()
    factory.wait_for_cache_sync(30)
    created = server.create("configmaps", config_map("a"))
    maps.wait_for(created["metadata"]["resourceVersion"])
    assert not maps.shared._processor._registrations


def test_a_factory_does_not_keep_what_has_run(factory: SharedInformerFactory) -> None:
    """One that outlives many controllers holds neither their queues nor their histories."""
    engines = []
    for number in range(3):
        controller = Controller(f"passing-{number}", Noting())
        controller.watch(factory.informer("configmaps"))
        with controller:
            engines.append(weakref.ref(controller.engine))
        del controller
    gc.collect()
    assert [engine() for engine in engines] == [None] * 3


def test_a_stop_ends_a_start_that_waits(server: APIServer, factory: SharedInformerFactory) -> None:
    """From another thread, while the caches fill; nothing is reconciled and no thread is left."""
    reconcile = Noting()
    controller = Controller("brief", reconcile)
    controller.watch(factory.informer("configmaps"))
    controller.enqueue("a")
    with server.stall():
        starting = threading.Thread(target=controller.start, daemon=True)
        starting.start()
        eventually(lambda: bool(threads_of("kubeinformer-run")))
        controller.stop()
        starting.join(30)
        assert not starting.is_alive()
    eventually(lambda: not threads_of("kubeinformer-run", "kubeinformer-brief"))
    assert not reconcile.requests


def test_a_reconcile_that_stops_its_controller_leaves_no_thread() -> None:
    """Nobody else needs to stop it again."""

    def stop(_: Request) -> None:
        controller.stop()

    controller = Controller("ending", stop)
    controller.start()
    controller.enqueue("a")
    eventually(lambda: not threads_of("kubeinformer-run", "kubeinformer-ending"))
    controller.stop()


def test_a_thread_that_cannot_start_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes out at once, not after the grace period."""
    begin = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "kubeinformer-many-1":
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    controller = Controller("many", Noting(), workers=3, grace_period=3600)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        controller.start()
    eventually(lambda: not threads_of("kubeinformer-run", "kubeinformer-many"))


def test_a_start_that_fails_leaves_nothing_behind(server: APIServer, factory: SharedInformerFactory) -> None:
    """The error comes out of `start`; `stop` is harmless after it, and no thread is left."""
    controller = Controller("failing", Noting(), sync_timeout=0.3)
    controller.watch(factory.informer("configmaps"))
    with server.deny(resources=("configmaps",)), pytest.raises(CacheSyncTimeout):
        controller.start()
    controller.stop()
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("kubeinformer-run", "kubeinformer-failing"))]


FORKS = """
import os
import signal
from kubeinformer import Controller, UsageError

with Controller("forked", lambda request: None) as controller:
    controller.enqueue("before")
    while controller.explain("before").last is None:
        pass
    if child := os.fork():
        _, status = os.waitpid(child, 0)
    else:
        status = 1
        try:
            controller.enqueue("after")
            assert controller.explain("before").last.result == "success"
            controller.stop()
            try:
                controller.run()
            except UsageError as error:
                status = 0 if "made before the fork" in str(error) else 2
        finally:
            os._exit(status)
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_of_a_fork_does_not_wait_for_its_parents_run() -> None:
    """In the child `stop` returns at once, and `run` says what to do."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


STUCK = """
import threading
from kubeinformer import Controller

def reconcile(request):
    print(request.key, flush=True)
    threading.Event().wait()

controller = Controller("stuck", reconcile, grace_period=3600)
controller.enqueue("a")
controller.run()
print("ended", flush=True)
"""
STUCK_ASYNC = """
import asyncio
from kubeinformer.aio import Controller

async def reconcile(request):
    print(request.key, flush=True)
    await asyncio.Event().wait()

async def main():
    controller = Controller("stuck", reconcile, grace_period=3600)
    controller.enqueue("a")
    await controller.run()

asyncio.run(main())
print("ended", flush=True)
"""


@pytest.mark.parametrize("face", [STUCK, STUCK_ASYNC], ids=["blocking", "asyncio"])
def test_a_second_signal_ends_a_run_at_once(face: str) -> None:
    """Who presses Ctrl-C again waits for no reconcile any more, whatever its grace period."""
    with running([sys.executable, "-c", face]) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "a\n"
        program.send_signal(signal.SIGINT)
        program.send_signal(signal.SIGTERM)  # another one: equal ones that come together are one
        output, errors = program.communicate(timeout=60)
    assert (output, program.returncode) == ("ended\n", 0)
    assert "a second signal: what is under way is not waited for" in errors
