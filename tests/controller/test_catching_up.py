"""Waiting until a cache is as new as the server, whoever wrote."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.controller.conftest import config_map

from kubeinformer import Client, NotCovered, NotSynced, SharedInformerFactory, StaleCache, UsageError, aio
from kubeinformer.testing import APIServer
from kubeinformer.testing.waiting import eventually


def test_what_others_wrote_is_shown_after_it(server: APIServer, factory: SharedInformerFactory) -> None:
    """Regression 24: additions, changes, deletions and re-creations, each by somebody else, at once."""
    for name in ("changed", "deleted", "reborn", "kept"):
        server.create("configmaps", config_map(name))
    maps = factory.informer("configmaps")
    factory.start()
    factory.wait_for_cache_sync()
    for number in range(20):
        server.create("configmaps", config_map(f"new-{number}"))
        server.patch("configmaps", "changed", {"data": {"k": str(number)}}, "default")
        for name in ("deleted", "reborn"):
            server.delete("configmaps", name, "default")
        born = server.create("configmaps", config_map("reborn"))
        maps.catch_up()
        names = {found.name for found in maps.lister.list()}
        assert names == {"changed", "reborn", "kept", *(f"new-{earlier}" for earlier in range(number + 1))}
        assert maps.lister.get("changed", "default")["data"] == {"k": str(number)}
        assert maps.lister.get("reborn", "default").uid == born["metadata"]["uid"]
        server.create("configmaps", config_map("deleted"))


def test_it_waits_for_a_watch_that_is_broken(server: APIServer, factory: SharedInformerFactory) -> None:
    """And says so where that takes too long; what other resources do does not matter."""
    server.create("configmaps", config_map("a"))
    maps = factory.informer("configmaps", label_selector="!hidden")
    factory.start()
    factory.wait_for_cache_sync()
    with server.every_request(verb="watch", resource="configmaps").answers(500):
        server.close_watches()
        eventually(lambda: maps.status.stale_since is not None)
        server.create("secrets", config_map("a"))
        server.create("configmaps", config_map("hidden", labels={"hidden": "yes"}))
        maps.catch_up(timeout=0)
        server.delete("configmaps", "a", "default")
        with pytest.raises(StaleCache, match="the cache is at version"):
            maps.catch_up(timeout=0.05)
        catching_up = threading.Thread(target=maps.catch_up, daemon=True)
        catching_up.start()
        eventually(lambda: bool(maps.shared.freshness._waiting))
    catching_up.join(30)
    assert not catching_up.is_alive()
    assert not len(maps.lister)


def test_many_objects_and_several_namespaces(server: APIServer) -> None:
    """Page by page, namespace by namespace, metadata alone."""
    for number in range(700):
        server.create("configmaps", config_map(f"map-{number}"))
    server.create("configmaps", config_map("system", "kube-system"))
    with SharedInformerFactory(server.config, namespaces=["default", "kube-system"]) as factory:
        maps = factory.informer("configmaps")
        with pytest.raises(NotSynced):
            maps.catch_up()
        factory.start()
        factory.wait_for_cache_sync()
        before = server.requests.count("list", "configmaps")
        server.delete("configmaps", "system", "kube-system")
        maps.catch_up()
        assert len(maps.lister) == 700
        lists = server.requests.matching("list", "configmaps")[before:]
        assert len(lists) == 3
        server.create("configmaps", config_map("system", "kube-system"))
        gone = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}
        with server.every_request(matching=lambda request: "continue" in request.query).answers(
            410, body=gone
        ):
            maps.catch_up()  # its pages expire: it asks for all at once
        assert len(maps.lister) == 701


def test_it_is_awaited_in_the_asyncio_face(server: APIServer) -> None:
    """The same, beside other tasks."""

    async def main() -> None:
        async with aio.SharedInformerFactory(server.config) as factory:
            maps = factory.informer("configmaps")
            await factory.start()
            await factory.wait_for_cache_sync()
            server.create("configmaps", config_map("a"))
            await maps.catch_up()
            assert len(maps.lister) == 1

    asyncio.run(main())


def test_it_works_on_both_servers(kubernetes_server: APIServer, kubernetes_namespace: str) -> None:
    """The real one, too, whose lists have versions of their own."""
    with (
        SharedInformerFactory(kubernetes_server.config, namespaces=[kubernetes_namespace]) as factory,
        Client(kubernetes_server.config) as client,
    ):
        maps = factory.informer("configmaps", label_selector="mine=yes")
        factory.start()
        factory.wait_for_cache_sync()
        for number in range(10):
            client.create(
                "configmaps", config_map(f"map-{number}", kubernetes_namespace, labels={"mine": "yes"})
            )
            if number % 2:
                client.delete("configmaps", f"map-{number - 1}", kubernetes_namespace)
            maps.catch_up()
            assert len(maps.lister) == number // 2 + 1


def test_what_a_transform_drops_does_not_hold_it_up(server: APIServer) -> None:
    """The server has what the cache never shows: the cache is as new as the server all the same."""

    def keep(found: dict[str, Any]) -> dict[str, Any] | None:
        return found if found.get("data") else None

    with SharedInformerFactory(server.config) as factory:
        maps = factory.informer("configmaps", transform=keep)
        factory.start()
        factory.wait_for_cache_sync()
        for number in range(10):
            server.create("configmaps", config_map(f"empty-{number}"))
            server.create("configmaps", {**config_map(f"full-{number}"), "data": {"k": "v"}})
            server.create("configmaps", config_map(f"last-{number}"))
            server.create(
                "secrets", config_map(f"other-{number}")
            )  # the list is of a version that no watch brings
            maps.catch_up(timeout=None)
            assert len(maps.lister) == number + 1


def test_a_namespace_that_is_not_loaded_has_seen_nothing(server: APIServer) -> None:
    """Whatever another namespace's watch has seen; and of one that is not watched nothing ever comes."""
    refused = server.every_request(matching=lambda request: request.namespace == "kube-system")
    with (
        refused.answers(403),
        SharedInformerFactory(server.config, namespaces=["default", "kube-system"]) as factory,
    ):
        maps = factory.informer("configmaps")
        factory.start()
        eventually(lambda: maps.resource_version == {"default": str(server.resource_version)})
        hidden = server.create("configmaps", config_map("hidden", "kube-system"))["metadata"]
        maps.wait_for(factory.client.create("configmaps", config_map("shown")))
        with pytest.raises(StaleCache):
            maps.wait_for(hidden["resourceVersion"], timeout=0, namespace="kube-system")
        with pytest.raises(UsageError, match="several namespaces are watched"):
            maps.wait_for(hidden["resourceVersion"])
        with pytest.raises(NotCovered, match="'elsewhere' is not watched"):
            maps.wait_for(hidden["resourceVersion"], namespace="elsewhere")


def test_an_informer_that_is_stopped_keeps_nobody_waiting(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """Without a time-out, too: its cache will never be newer."""
    maps = factory.informer("configmaps")
    factory.start()
    factory.wait_for_cache_sync()
    future = str(server.resource_version + 1000)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(maps.wait_for, future, None)
        eventually(lambda: bool(maps.shared.freshness._waiting))
        maps.stop()
        with pytest.raises(UsageError, match="the informer was stopped"):
            waiting.result(30)
    with pytest.raises(UsageError, match="the informer was stopped"):
        maps.wait_for(future)
    server.create("configmaps", config_map("a"))
    with pytest.raises(UsageError, match="the informer was stopped"):
        maps.catch_up()
