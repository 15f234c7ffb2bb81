"""Reading one's own writes where servers answer oddly, lie elsewhere, or have just come back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import cast

import pytest
from tests.controller.conftest import Noting, config_map
from tests.controller.test_own_writes_seen import MAPS, Cache, made

from kubeinformer import (
    Client,
    Controller,
    InvalidObject,
    NetworkError,
    NotFound,
    Request,
    SharedInformerFactory,
)
from kubeinformer.cache.deltas import Changes, Delta, DeltaType, ReplacedAll
from kubeinformer.cache.freshness import Freshness
from kubeinformer.client.writes import Write, write_observer
from kubeinformer.objects import KubernetesObject, decode_object
from kubeinformer.resources import Resource
from kubeinformer.testing import APIServer, ControlPlane
from kubeinformer.testing.waiting import eventually, eventually_equal

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)


@pytest.mark.parametrize("body", [{"kind": "Status", "apiVersion": "v1"}, {"metadata": {"name": "a"}}])
def test_an_answer_that_says_nothing_is_a_write_that_may_have_been_done(
    server: APIServer, body: dict[str, object]
) -> None:
    """A proxy's 200 that is no object, and one without version or namespace: whoever waits has to ask the server."""
    server.create("configmaps", config_map("a"))
    heard: list[Write] = []
    with Client(server.config) as client:
        writes: dict[str, Callable[[], object]] = {
            "create": lambda: client.create("configmaps", config_map("b")),
            "update": lambda: client.update("configmaps", config_map("a")),
            "patch": lambda: client.patch("configmaps", "a", {}, "default"),
        }
        token = write_observer.set(heard.append)
        try:
            for verb, write in writes.items():
                server.next_request(verb=verb, resource="configmaps").answers(200, body=body)
                with suppress(InvalidObject):
                    write()
        finally:
            write_observer.reset(token)
    assert [(each.is_certain, each.result) for each in heard] == [(False, None)] * 3


def test_many_lost_answers_cost_one_list() -> None:
    """A server that comes back is not asked by each key: a list serves all whose writes came before it."""
    cache = Cache()
    observers = {f"key-{number}": cache.writes.observer(f"key-{number}") for number in range(1000)}
    for observe in observers.values():
        for _ in range(3):
            observe(Write(MAPS, "n", "", None, is_certain=False, server="https://here"))
    assert all(cache.writes.missing(key)[0] for key in observers)
    late = cache.writes.observer("late")
    late(Write(MAPS, "n", "", None, is_certain=False, server="https://here"))
    assert len(cache.rounds) == 1
    cache.rounds[0].set_result(None)
    assert not any(cache.writes.missing(key)[0] for key in observers)
    assert cache.writes.missing("late")[0] == "configmaps as the server has them after the run"
    assert len(cache.rounds) == 2  # its write may have come after the first list
    cache.rounds[1].set_result(None)
    assert cache.writes.missing("late") == ("", False)
    assert len(cache.writes) == 0


def test_a_list_that_fails_is_asked_for_again_a_second_later() -> None:
    """Not at once: many keys look again and again."""
    cache = Cache()
    cache.wrote(None, is_certain=False)
    assert cache.is_behind()
    cache.rounds[0].set_exception(NetworkError("cut"))
    for _ in range(10):
        assert cache.is_behind()
    assert len(cache.rounds) == 1
    cache.clock.advance(1)
    assert cache.is_behind()
    cache.rounds[1].set_result(None)
    assert not cache.is_behind()


def test_thousands_of_writes_of_one_run() -> None:
    """Each is noted in the same short time, and a message does not name them all."""
    cache = Cache()
    for number in range(1, 5001):
        cache.wrote(made(number, uid=str(number), name=f"map-{number}"))
    words, _ = cache.writes.missing("key")
    assert words.startswith("configmaps n/map-1, configmaps n/map-2, ")
    assert words.endswith(", and 4992 more")
    cache.show(5000, None)
    assert not cache.is_behind()


def test_a_write_to_another_cluster_is_not_waited_for(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """A controller of two clusters: what it wrote to one will never show in the other's cache."""
    with APIServer() as elsewhere, SharedInformerFactory(elsewhere.config) as far:
        for _ in range(50):
            elsewhere.create("secrets", config_map("counts"))  # its versions are ahead
            elsewhere.delete("secrets", "counts", "default")

        def reconcile(request: Request) -> None:
            far.client.apply("configmaps", config_map(request.name), request.namespace, field_manager="me")

        noting = Noting(reconcile)
        controller = Controller("copies", noting, read_your_writes=3600)
        controller.watch(factory.informer("configmaps"))
        copies = far.informer("configmaps")
        controller.watch(copies, lambda _: None)
        with controller:
            server.create("configmaps", config_map("a"))
            eventually(lambda: len(copies.lister) == 1)
            server.patch("configmaps", "a", {"data": {"k": "v"}}, "default")
            eventually_equal(lambda: noting.counts["default/a"], 2)


def test_a_namespace_that_is_being_emptied_holds_nobody_up(
    kubernetes_server: APIServer | ControlPlane, kubernetes_namespace: str
) -> None:
    """Its finalizer is in its spec: a deletion marks it, and its end may take minutes."""
    with SharedInformerFactory(kubernetes_server.config) as factory:
        namespaces = factory.informer("namespaces")

        def reconcile(_: Request) -> None:
            with suppress(NotFound):  # a test server may be through with it
                factory.client.delete("namespaces", kubernetes_namespace)

        noting = Noting(reconcile)
        controller = Controller("ends", noting, read_your_writes=3600)
        controller.watch(namespaces, lambda _: None)
        with controller:
            controller.enqueue("key")
            eventually(lambda: controller.explain("key").last is not None)
            controller.enqueue("key")
            eventually_equal(lambda: noting.counts["key"], 2)


def test_a_terminating_namespace_is_seen_by_its_mark() -> None:
    """As the real server answers, whose namespace controller has the last word."""
    cache = Cache()
    cache.resource = NAMESPACES
    body = b"""{"metadata": {"name": "n", "uid": "first", "resourceVersion": "5", "deletionTimestamp":
        "2030-01-01T00:00:00Z"}, "spec": {"finalizers": ["kubernetes"]}}"""
    marked = decode_object(body, NAMESPACES)
    cache.show(4, marked)
    cache.wrote(marked, "first", resource=NAMESPACES, namespace="", name="n")
    assert cache.is_behind()
    cache.show(5, marked)
    assert not cache.is_behind()


def scale(version: int) -> KubernetesObject:
    body = b'{"metadata": {"name": "a", "namespace": "n", "uid": "first", "resourceVersion": "%d"}}' % version
    return decode_object(body, Resource("autoscaling", "v1", "configmaps", "Scale"))


def test_a_scale_has_no_labels() -> None:
    """So a cache with a selector may come to show what was scaled, and the server has to be asked."""
    cache = Cache(label_selector="mine=yes")
    cache.wrote(scale(5))
    assert cache.is_behind()
    cache.rounds[0].set_result(None)
    assert not cache.is_behind()


def test_a_deletion_that_does_not_say_of_what_asks_the_server() -> None:
    """An aggregated API may confirm without a uid; what was made in the same run is not gone by that."""
    cache = Cache()
    cache.wrote(made(5))
    cache.wrote(None, "")
    cache.show(5, made(5))
    assert cache.is_behind()
    cache.show(6, None)
    cache.rounds[0].set_result(None)
    assert not cache.is_behind()


def test_what_a_transform_took_the_uid_from_is_there_until_it_is_gone() -> None:
    """A cache may keep next to nothing of its objects."""
    cache = Cache()
    cache.show(5, made(5, uid=""))
    cache.wrote(None, "first")
    assert cache.is_behind()
    cache.show(6, None)
    assert not cache.is_behind()


def test_what_has_left_by_another_hand_is_not_waited_for() -> None:
    """Somebody took the label before the run did: the watch says nothing of the run's own write."""
    cache = Cache(label_selector="mine=yes")
    cache.show(4, made(4, labels={"mine": "yes"}))
    cache.wrote(made(7, labels={}))
    assert cache.is_behind()
    cache.show(6, None)
    assert not cache.is_behind()


def test_keys_that_wait_are_woken_by_what_they_wait_for() -> None:
    """Nobody has to look again and again while a cache stands still: the change wakes its keys, and no others."""
    cache, woken = Cache(), list[str]()
    writes = cache.waking(woken.append)
    for number in range(1, 4):
        writes.observer(f"key-{number}")(cache.write(made(number, name=f"map-{number}")))
        assert writes.missing(f"key-{number}")[0]
    cache.show(2, None)
    change = Delta(DeltaType.ADDED, "n/map-2", made(2, name="map-2"))
    writes.arrived(cast("Freshness", cache), Changes((change,), "2"))
    writes.arrived(cast("Freshness", cache), Changes((change,), "2"))
    assert woken == ["key-2"]
    assert writes.missing("key-2") == ("", False)
    writes.arrived(cast("Freshness", cache), ReplacedAll([], "3"))
    assert sorted(woken) == ["key-1", "key-2", "key-3"]
    assert writes.missing("key-3")[0]
    writes.arrived(cast("Freshness", cache), Changes((change,), "3"))
    assert len(woken) == 3


def test_keys_that_wait_for_the_server_are_woken_by_its_answer() -> None:
    """By one that came: where none did, they look again by themselves, a thousand a second at most."""
    cache, woken = Cache(), list[str]()
    writes = cache.waking(woken.append)
    for number in range(3000):
        writes.observer(f"key-{number}")(cache.write(None, is_certain=False))
        assert writes.missing(f"key-{number}")[0]
    assert writes.look_again("key-0") == 3.0
    cache.rounds[0].set_exception(NetworkError("cut"))
    assert not woken
    cache.clock.advance(8)
    assert writes.look_again("key-0") == 2.0  # it waits for ten at most
    assert writes.missing("key-0")[0]
    cache.rounds[1].set_result(None)
    assert len(woken) == 3000
    assert not any(writes.missing(key)[0] for key in woken)
