"""What a controller finds in its caches when it runs for the first time."""

from __future__ import annotations

import logging
import threading

import pytest
from tests.controller.conftest import Noting, config_map

from kubeinformer import (
    CacheSyncTimeout,
    Controller,
    KubernetesObject,
    Request,
    SharedInformerFactory,
    requeue_after,
)
from kubeinformer.testing import APIServer
from kubeinformer.testing.waiting import eventually, eventually_equal

OBJECTS = 3_000


def test_indexes_are_full_before_the_first_run(server: APIServer, factory: SharedInformerFactory) -> None:
    """Regression 19: with one worker and thousands of objects in pages, also those of a resource that only is read."""
    for number in range(OBJECTS):
        server.create("configmaps", config_map(f"map-{number}", labels={"half": str(number % 2)}))
        server.create("secrets", config_map(f"secret-{number}"))
    maps = factory.informer("configmaps", indexers={"half": lambda found: [found.labels["half"]]})
    secrets = factory.informer("secrets")
    seen: list[tuple[int, int, int]] = []

    def look(_: Request) -> None:
        halves = [len(maps.indexer.by_index("half", half)) for half in "01"]
        seen.append((*halves, len(secrets.lister)))  # type: ignore[arg-type]  # two halves

    reconcile = Noting(look)
    controller = Controller("indexing", reconcile)
    controller.watch(maps)
    controller.watch(secrets, lambda _: None)
    with controller:
        eventually_equal(lambda: len(reconcile.counts), OBJECTS, timeout=60)
    assert set(seen) == {(OBJECTS // 2, OBJECTS // 2, OBJECTS)}
    assert set(reconcile.counts.values()) == {1}


def test_a_cache_that_is_only_read_is_filled_before_the_first_run(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """No watch of the controller names it; where it does not fill the time-out does."""
    server.create("configmaps", config_map("a"))
    secrets = factory.informer("secrets")
    controller = Controller("reading", lambda _: None, sync_timeout=2)
    controller.watch(factory.informer("configmaps"))
    with server.deny(resources=("secrets",)), pytest.raises(CacheSyncTimeout, match="list secrets: 403"):
        controller.run()
    read = Controller("reading", lambda _: requeue_after(3600 + len(secrets.lister)))
    read.watch(factory.informer("configmaps"))
    with read:
        eventually(lambda: read.explain("default/a").last is not None)
        assert read.explain("default/a").history[-1].result == "requeue_after"


def test_a_mapper_may_read_a_cache_that_fills_later(
    server: APIServer, factory: SharedInformerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """As mappers from namespaces to what is copied into them do: no key is missed, and nothing fails."""
    caplog.set_level(logging.ERROR)
    for name in ("a", "b"):
        server.create("configmaps", config_map(name))
    server.create("secrets", config_map("trigger"))
    maps, secrets = factory.informer("configmaps"), factory.informer("secrets")
    reconcile = Noting()
    controller = Controller("mapping", reconcile)
    controller.watch(secrets, lambda _: maps.lister.list())
    refusals = server.next_request(2, verb="list", resource="configmaps").answers(503)
    with controller:
        eventually_equal(lambda: sorted(reconcile.keys), ["default/a", "default/b"])
    assert (refusals.hits, caplog.messages) == (2, [])


def test_a_mapper_that_waits_for_a_cache_does_not_hold_up_the_end(
    server: APIServer, factory: SharedInformerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """Stopped while a cache does not fill: the run is over, and so is the wait."""
    caplog.set_level(logging.ERROR)
    server.create("secrets", config_map("trigger"))
    maps, secrets = factory.informer("configmaps"), factory.informer("secrets")
    mapping = threading.Event()

    def mapper(_: KubernetesObject) -> list[KubernetesObject]:
        mapping.set()
        return maps.lister.list()

    controller = Controller("mapping", Noting(), grace_period=0)
    controller.watch(secrets, mapper)
    with server.every_request(verb="list", resource="configmaps").answers(503):
        starting = threading.Thread(target=controller.start, daemon=True)
        starting.start()
        assert mapping.wait(10)
        controller.stop()
        starting.join(10)
        factory.stop()
    assert not starting.is_alive()
    assert "NotSynced" not in caplog.text
