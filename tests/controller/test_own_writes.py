"""Reading one's own writes: by a wait for a version, and by controllers that are asked to."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.controller.conftest import Noting, config_map

from kubeinformer import Controller, NotFound, Request, SharedInformerFactory, StaleCache, UsageError, aio
from kubeinformer.cache.deltas import Changes, Delta, DeltaType, ReplacedAll
from kubeinformer.cache.freshness import Freshness
from kubeinformer.objects import KubernetesObject, decode_object
from kubeinformer.resources import Resource
from kubeinformer.testing import APIServer
from kubeinformer.testing.fake_clock import FakeClock
from kubeinformer.testing.waiting import eventually, eventually_equal

MAPS = Resource("", "v1", "configmaps", "ConfigMap")


def test_a_write_is_read_after_the_wait(server: APIServer, factory: SharedInformerFactory) -> None:
    """Regression 24: never older than the write, whoever was faster."""
    maps = factory.informer("configmaps")
    factory.start()
    factory.wait_for_cache_sync()
    created = factory.client.create("configmaps", config_map("a"))
    for number in range(20):
        written = factory.client.patch("configmaps", "a", {"data": {"k": str(number)}}, "default")
        maps.wait_for(written)
        assert maps.lister.get("a", "default")["data"] == {"k": str(number)}
    maps.wait_for(created.resource_version, timeout=0)  # it is past that


def test_a_cache_that_is_behind_says_how_far(server: APIServer, factory: SharedInformerFactory) -> None:
    """Regression 24: with the watch cut, the wait ends in an error with the distance and the reason."""
    maps = factory.informer("configmaps")
    factory.start()
    factory.wait_for_cache_sync()
    with server.every_request(verb="watch", resource="configmaps").answers(500):
        server.close_watches()
        eventually(lambda: maps.status.last_error is not None)
        for name in ("a", "b", "c"):
            written = factory.client.create("configmaps", config_map(name))
        with pytest.raises(
            StaleCache, match=r"configmaps: the cache is at version \d+, 3 behind \d+ after 0\.1 s: "
        ) as caught:
            maps.wait_for(written, timeout=0.1)
    assert (caught.value.behind, caught.value.wanted) == (3, written.resource_version)
    maps.wait_for(written)


def test_a_wait_on_the_loop_does_not_hold_it_up(server: APIServer) -> None:
    """The asyncio form, which other tasks run beside."""

    async def main() -> None:
        async with aio.SharedInformerFactory(server.config) as factory:
            maps = factory.informer("configmaps")
            await factory.start()
            await factory.wait_for_cache_sync()
            future = server.resource_version + 2
            waiting = asyncio.create_task(maps.wait_for(str(future)))
            await factory.client.create("configmaps", config_map("a"))
            assert not waiting.done()
            written = await factory.client.create("configmaps", config_map("b"))
            await waiting
            assert maps.lister.get("b", "default").resource_version == written.resource_version

    asyncio.run(main())


def test_namespaces_are_waited_for_one_by_one(server: APIServer) -> None:
    """Where several are watched the write's own counts; an object knows it."""
    with SharedInformerFactory(server.config, namespaces=["default", "kube-system"]) as factory:
        maps = factory.informer("configmaps")
        factory.start()
        factory.wait_for_cache_sync()
        written = factory.client.create("configmaps", config_map("a"))
        maps.wait_for(written)
        maps.wait_for(written.resource_version, namespace="default")
        with pytest.raises(UsageError, match="several namespaces are watched"):
            maps.wait_for(written.resource_version)
        with pytest.raises(ValueError, match="no resource_version"):
            maps.wait_for("")


def made(name: str, version: str) -> KubernetesObject:
    text = f'{{"metadata": {{"name": "{name}", "namespace": "n", "uid": "{name}", "resourceVersion": "{version}"}}}}'
    return decode_object(text.encode(), MAPS)


def test_opaque_versions_are_reached_by_equality() -> None:
    """As the version of the cache, of an object in it, or of one that came and was overtaken in the same breath."""

    async def main() -> None:
        clock = FakeClock()
        versions: dict[str | None, str] = {None: "alpha"}
        held = {"beta"}
        freshness = Freshness(
            "maps", versions=lambda: versions, held=lambda: held, reason=lambda: "watching", clock=clock
        )
        assert freshness.has_seen("alpha")
        assert freshness.has_seen("beta")
        assert not freshness.has_seen("gamma")
        waiting = [
            asyncio.create_task(freshness.wait_for(version, 10)) for version in ("gamma", "delta", "no")
        ]
        await clock.settle()
        versions[None] = "delta"
        gamma = Delta(DeltaType.ADDED, "n/a", made("a", "gamma"))
        freshness.arrived(Changes((gamma,), "delta"))
        freshness.arrived(ReplacedAll([], "delta"))
        await clock.settle()
        assert [task.done() for task in waiting] == [True, True, False]
        await clock.advance_async(10)
        with pytest.raises(StaleCache, match="at version delta, not at no after 10 s: watching") as caught:
            await waiting[2]
        assert caught.value.behind is None
        assert not freshness._waiting

    asyncio.run(main())


def test_a_controller_waits_for_its_own_writes(server: APIServer, factory: SharedInformerFactory) -> None:
    """With the watch of the children silent, the second run of a key does not make a second child."""
    server.create("configmaps", config_map("parent"))
    parents = factory.informer("configmaps")
    children = factory.informer("secrets")

    def reconcile(request: Request) -> None:
        if not children.lister.list(request.namespace):
            factory.client.create("secrets", {"metadata": {"generateName": "child-"}}, request.namespace)

    noting = Noting(reconcile)
    controller = Controller("careful", noting, read_your_writes=True)
    controller.watch(parents)
    controller.watch(children, lambda _: "default/parent")
    with controller:
        eventually(lambda: controller.explain("default/parent").last is not None)
        eventually(lambda: len(children.lister) == 1)
    assert server.count("secrets") == 1


def test_a_stale_cache_holds_up_the_keys_that_wrote_and_no_other(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """While the watch is broken the writer waits, and others are reconciled; deletions are waited for alike."""
    server.create("secrets", config_map("old"))
    secrets = factory.informer("secrets")
    states: list[bool] = []

    def reconcile(request: Request) -> None:
        if request.key == "writer":
            try:
                secrets.lister.get("old", "default")
                states.append(True)
                factory.client.delete("secrets", "old", "default")
            except NotFound:
                states.append(False)

    noting = Noting(reconcile)
    controller = Controller("careful", noting, read_your_writes=True)
    controller.watch(secrets, lambda _: None)
    with controller:
        with server.every_request(verb="watch", resource="secrets").answers(500):
            server.close_watches()
            eventually(lambda: secrets.status.stale_since is not None)
            controller.enqueue("writer")
            eventually_equal(lambda: states, [True])
            controller.enqueue("writer")
            controller.enqueue("other")
            eventually(lambda: "other" in noting.keys)
            assert states == [True]
            assert controller.explain("writer").due_in is not None
        eventually_equal(lambda: states, [True, False])
    assert server.requests.count("delete", "secrets") == 1


def test_writes_are_those_of_the_run_whatever_thread_makes_them(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """Each key's writes are its own, with many workers, threads or tasks; what informers do not show is not waited for."""
    maps = factory.informer("configmaps", label_selector="mine=yes")
    done = threading.Semaphore(0)

    def reconcile(request: Request) -> None:
        body = config_map(request.key, labels={"mine": "yes"} if request.key.startswith("shown") else {})
        if request.attempt == 1 and request.key not in {found.name for found in maps.lister.list()}:
            factory.client.create("configmaps", body)
            factory.client.create("secrets", config_map(request.key))
        done.release()

    controller = Controller("many", reconcile, workers=4, read_your_writes=True)
    controller.watch(maps, lambda _: None)
    with controller, ThreadPoolExecutor(4) as pool:
        keys = [f"{kind}-{number}" for number in range(20) for kind in ("shown", "hidden")]
        list(pool.map(controller.enqueue, keys))
        assert all(done.acquire(timeout=30) for _ in keys)
        for key in keys:
            if key.startswith("shown"):
                controller.enqueue(key)
        assert all(done.acquire(timeout=30) for key in keys if key.startswith("shown"))
    writes = controller._reconciling.own_writes
    assert writes is not None
    assert not [key for key in keys if writes.missing(key)[0]]
    assert len(writes) == 0


def test_keys_that_never_come_again_are_forgotten(server: APIServer, factory: SharedInformerFactory) -> None:
    """Regression 29: what a key wrote in its last run is not kept for ever."""
    maps = factory.informer("configmaps")

    def reconcile(request: Request) -> None:
        factory.client.patch("configmaps", "a", {"data": {"by": request.key}}, "default")

    server.create("configmaps", config_map("a"))
    controller = Controller("forgetful", reconcile, workers=8, read_your_writes=True)
    controller.watch(maps, lambda _: None)
    writes = controller._reconciling.own_writes
    assert writes is not None
    with controller:
        for number in range(2500):
            controller.enqueue(f"once/{number}")
        eventually(lambda: len(controller._reconciling.queue) == 0 and not controller._reconciling.runs, 60)
    assert len(writes) < 2000
    assert not controller._reconciling._reasons


@pytest.mark.parametrize("is_done", [True, False])
def test_a_lost_answer_is_made_up_for(
    server: APIServer, factory: SharedInformerFactory, is_done: bool
) -> None:
    """Regression 24: a child may have been made or not: the key waits until its cache is as new as the server."""
    children = factory.informer("secrets", label_selector="child")

    def reconcile(request: Request) -> None:
        if request.key == "parent" and not children.lister.list():
            body = {"metadata": {"generateName": "child-", "labels": {"child": "yes"}}}
            factory.client.create("secrets", body, "default")

    controller = Controller("careful", Noting(reconcile), read_your_writes=True)
    controller.watch(children, lambda _: None)
    with controller:
        with server.stall(lambda request: request.verb == "watch"):
            creation = server.next_request(verb="create", resource="secrets")
            armed = creation.breaks_off(0) if is_done else creation.answers(503)
            controller.enqueue("parent")
            eventually(lambda: controller.explain("parent").last is not None)
            assert armed.hits == 1
            if is_done:
                for key in ("parent", "after"):  # one worker: by the time of the second it has seen the first
                    controller.enqueue(key)
                eventually(lambda: controller.explain("after").last is not None)
                assert len(controller.explain("parent").history) == 1
        eventually(lambda: controller.explain("parent").history[0].result == "success")
    assert server.count("secrets") == 1


def test_keys_that_wait_for_a_silent_cache_cost_nothing(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """Nobody looks again and again, and all go on at once when it speaks: their next look would be a minute away."""
    maps = factory.informer("configmaps")

    def reconcile(request: Request) -> None:
        if request.reason == "first":
            factory.client.create("configmaps", config_map(request.key))

    noting = Noting(reconcile)
    controller = Controller("patient", noting, workers=4, read_your_writes=3600, clock=FakeClock())
    controller.watch(maps, lambda _: None)
    keys = [f"key-{number}" for number in range(20)]
    with controller:
        with server.stall(lambda request: request.verb == "watch"):
            for reason in ("first", "again"):
                for key in keys:
                    controller.enqueue(key, reason=reason)
                eventually_equal(lambda: set(noting.keys), set(keys))
            eventually(lambda: controller._reconciling.queue.delayed == len(keys))
        eventually_equal(lambda: set(noting.counts.values()), {2})
