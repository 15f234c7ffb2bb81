"""A controller's life: caches first, then work; and what ends it."""

from __future__ import annotations

import logging
import threading

import pytest
from tests.controller.conftest import Noting, config_map

from kubeinformer import CacheSyncTimeout, Controller, SharedInformerFactory, UsageError, run_all
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


def test_a_start_that_fails_leaves_nothing_behind(server: APIServer, factory: SharedInformerFactory) -> None:
    """The error comes out of `start`; `stop` is harmless after it, and no thread is left."""
    controller = Controller("failing", Noting(), sync_timeout=0.3)
    controller.watch(factory.informer("configmaps"))
    with server.deny(resources=("configmaps",)), pytest.raises(CacheSyncTimeout):
        controller.start()
    controller.stop()
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("kubeinformer-run", "kubeinformer-failing"))]
