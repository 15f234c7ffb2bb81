"""What counts as seen: writes whose answers do not name the version at which a cache shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.controller.conftest import Noting, config_map

from kubeinformer import Controller, NotFound, Request, SharedInformerFactory
from kubeinformer.cache.informer_options import InformerOptions
from kubeinformer.client.writes import Write
from kubeinformer.controller.own_writes import OwnWrites
from kubeinformer.controller.sources import InformerSource
from kubeinformer.objects import KubernetesObject, decode_object
from kubeinformer.resources import Resource, parse_resource
from kubeinformer.testing import APIServer, ControlPlane
from kubeinformer.testing.fake_clock import FakeClock
from kubeinformer.testing.waiting import eventually, eventually_equal

MAPS = Resource("", "v1", "configmaps", "ConfigMap")


def made(version: int, **metadata: Any) -> KubernetesObject:
    metadata = {"uid": "first", "name": "a", **metadata, "namespace": "n", "resourceVersion": str(version)}
    return decode_object(json.dumps({"metadata": metadata}).encode(), MAPS)


class Cache:
    """A cache that is as far as the test says, and the writes that a run told of."""

    resource = MAPS

    def __init__(self, **options: Any) -> None:
        self.options = InformerOptions(parse_resource("configmaps"), **options)
        self.freshness = self.indexer = self
        self.version = 0
        self.stored: KubernetesObject | None = None
        config = SimpleNamespace(server="https://here")
        engine = SimpleNamespace(core=SimpleNamespace(session=SimpleNamespace(config=config)), portal=self)
        engine.core.catch_up = None
        self.source = cast("InformerSource", SimpleNamespace(informer=self, engine=engine))
        self.rounds: list[Future[None]] = []
        self.clock = FakeClock()
        self.writes = OwnWrites(lambda: [self.source], 10, self.clock.now, lambda _: None)
        self._observe = self.writes.observer("key")

    def listen(self, _: object) -> None:
        """Nothing arrives here: the test says what is stored."""

    def submit(self, *_: object) -> Future[None]:
        self.rounds.append(Future())
        return self.rounds[-1]

    def has_seen(self, version: str, _: str | None) -> bool:
        return self.version >= int(version)

    def get_by_key(self, _: str) -> KubernetesObject | None:
        return self.stored

    def show(self, version: int, stored: KubernetesObject | None) -> None:
        self.version, self.stored = version, stored

    def waking(self, wake: Callable[[str], object]) -> OwnWrites:
        """Return what waits for this cache, too, and wakes its keys."""
        return OwnWrites(lambda: [self.source], 10, self.clock.now, wake)

    def write(self, result: KubernetesObject | None, deleted_uid: str | None = None, **fields: Any) -> Write:
        name = "a" if result is None else result.name
        write = Write(MAPS, "n", name, result, deleted_uid, server="https://here")
        return replace(write, **fields)

    def wrote(self, result: KubernetesObject | None, deleted_uid: str | None = None, **fields: Any) -> None:
        self._observe(self.write(result, deleted_uid, **fields))

    def is_behind(self) -> bool:
        return bool(self.writes.missing("key")[0])


def test_what_a_run_made_and_deleted_is_to_be_gone() -> None:
    """Regression 24: the creation alone is not enough, though the cache held nothing when the deletion was sent."""
    cache = Cache()
    cache.wrote(made(5))
    cache.wrote(None, "first")
    assert cache.is_behind()
    cache.show(5, made(5))
    assert cache.is_behind()
    cache.show(6, None)
    assert not cache.is_behind()
    assert len(cache.writes) == 0


def test_what_took_the_place_of_a_deleted_object_does_not_hold_it_up() -> None:
    """Somebody else made one of the same name: that is not what the run deleted, even where it came at once."""
    cache = Cache()
    cache.show(7, made(7, uid="second"))
    cache.wrote(None, "first")
    assert not cache.is_behind()


def test_the_last_finalizer_is_seen_when_the_object_is_gone() -> None:
    """Its patch answers with the version at which the object was marked, which the cache has long since seen."""
    deleted: dict[str, Any] = {"deletionTimestamp": "2030-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}
    cache = Cache()
    cache.show(5, made(5, finalizers=["example.com/mine"], **deleted))
    cache.wrote(made(5, **deleted))
    assert cache.is_behind()
    cache.show(6, None)
    assert not cache.is_behind()


@pytest.mark.parametrize("held", [{"finalizers": ["example.com/other"]}, {"deletionGracePeriodSeconds": 30}])
def test_a_deletion_that_is_held_up_is_seen_by_its_mark(held: dict[str, Any]) -> None:
    """The object stays for a while: its run is not to wait for that."""
    cache = Cache()
    cache.show(4, made(4))
    cache.wrote(made(5, deletionTimestamp="2030-01-01T00:00:00Z", **held), "first")
    assert cache.is_behind()
    cache.show(5, made(5, deletionTimestamp="2030-01-01T00:00:00Z", **held))
    assert not cache.is_behind()


def test_an_object_that_leaves_the_selection_in_the_run_that_made_it_is_waited_for() -> None:
    """The cache shows it for a moment, and that moment is not the last word."""
    cache = Cache(label_selector="mine=yes")
    cache.wrote(made(5, labels={"mine": "yes"}))
    cache.wrote(made(6, labels={}))
    cache.show(5, made(5, labels={"mine": "yes"}))
    assert cache.is_behind()
    cache.show(6, None)
    assert not cache.is_behind()


def test_a_key_waits_for_so_long_and_says_once_what_for() -> None:
    """After its time it goes on, and does not wait for the same again."""
    cache = Cache()
    cache.wrote(made(5))
    assert cache.writes.missing("key") == ("configmaps n/a", False)
    cache.clock.advance(10)
    assert cache.writes.missing("key") == ("configmaps n/a", True)
    assert cache.writes.missing("key") == ("", False)


def test_what_a_field_selector_may_not_select_holds_nobody_up(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """Which objects those are only the server knows: one list tells, where the watch would say nothing."""
    pods = factory.informer("pods", field_selector="spec.nodeName=here")

    def reconcile(request: Request) -> None:
        for name, node in (("mine", "here"), ("theirs", "there")):
            if request.attempt == 1 and server.count("pods") < 2:
                spec = {"nodeName": node, "containers": [{"name": "main", "image": "main"}]}
                factory.client.create("pods", {"metadata": {"name": name}, "spec": spec}, "default")

    noting = Noting(reconcile)
    controller = Controller("careful", noting, read_your_writes=3600)
    controller.watch(pods, lambda _: None)
    with controller:
        controller.enqueue("key")
        eventually_equal(lambda: server.count("pods"), 2)
        controller.enqueue("key")
        eventually_equal(lambda: noting.counts["key"], 2)
        assert [pod.name for pod in pods.lister.list()] == ["mine"]


def test_a_deletion_of_what_the_cache_has_not_shown_is_waited_for(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """The run knew it from elsewhere; the cache is behind, and its creation must not come as news."""
    secrets = factory.informer("secrets")
    states: list[int] = []

    def reconcile(request: Request) -> None:
        states.append(len(secrets.lister))
        if len(states) == 1:
            factory.client.delete("secrets", "unseen", "default")

    controller = Controller("careful", Noting(reconcile), read_your_writes=True)
    controller.watch(secrets, lambda _: None)
    with controller:
        with server.stall(lambda request: request.verb == "watch"):
            server.create("secrets", config_map("unseen"))
            controller.enqueue("key")
            eventually(lambda: controller.explain("key").last is not None)
            controller.enqueue("key")
            controller.enqueue("after")
            eventually(lambda: controller.explain("after").last is not None)
        eventually(lambda: len(controller.explain("key").history) == 2)
    assert states[-1] == 0


def test_a_finalizer_is_taken_once(
    kubernetes_api_server: APIServer | ControlPlane, kubernetes_namespace: str
) -> None:
    """On both servers: after its last write the object is gone for the reconcile, too."""
    seen: list[tuple[str, ...]] = []
    with SharedInformerFactory(kubernetes_api_server.config, namespaces=[kubernetes_namespace]) as factory:
        maps = factory.informer("configmaps", label_selector="mine")

        def reconcile(request: Request) -> None:
            try:
                found = maps.lister.get(request.name, request.namespace)
            except NotFound:
                return
            if found.deletion_timestamp is not None:
                seen.append(found.finalizers)
                patch = {"metadata": {"finalizers": None}}
                factory.client.patch("configmaps", found.name, patch, found.namespace)
                controller.enqueue(request.key)  # a trigger that comes at once

        controller = Controller("careful", Noting(reconcile), read_your_writes=True)
        controller.watch(maps)
        with controller:
            held = {"finalizers": ["example.com/mine"], "labels": {"mine": "yes"}}
            for name in (f"map-{number}" for number in range(20)):
                factory.client.create("configmaps", config_map(name, kubernetes_namespace, **held))
                factory.client.delete("configmaps", name, kubernetes_namespace)
            eventually_equal(lambda: len(seen), 20)
            eventually_equal(lambda: len(maps.lister), 0)
    assert seen == [("example.com/mine",)] * 20
