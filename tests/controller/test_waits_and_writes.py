"""Waits for one object; owners."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.controller.conftest import config_map

from kubeinformer import (
    Client,
    KubernetesObject,
    SharedInformerFactory,
    UsageError,
    WaitTimeout,
    aio,
    all_of,
    condition,
    deleted,
    exists,
    not_,
    owner_reference,
    set_controller_reference,
    wait_until,
)
from kubeinformer.controller.conditions import describe
from kubeinformer.objects import decode_object
from kubeinformer.resources import Resource
from kubeinformer.testing import APIServer
from kubeinformer.testing.waiting import eventually


@pytest.fixture
def client(server: APIServer) -> Iterator[Client]:
    with Client(server.config) as made:
        yield made


def pod(name: str = "web") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }


def make_ready(server: APIServer, status: str = "True") -> None:
    conditions = [{"type": "Ready", "status": status}]
    with Client(server.config) as client:
        body = {"status": {"phase": "Running", "conditions": conditions}}
        client.patch("pods", "web", body, "default", subresource="status")


def is_running(found: KubernetesObject | None) -> bool:
    assert found is not None
    return bool(found["status"]["phase"] == "Running")


def test_a_condition_is_waited_for_on_a_cache(server: APIServer, factory: SharedInformerFactory) -> None:
    """The informer is started if need be; what is so already is found at once."""
    server.create("pods", pod())
    pods = factory.informer("pods")
    found = wait_until(pods, "web", exists, namespace="default")
    assert found is not None
    later = threading.Timer(0.05, make_ready, [server])
    later.start()
    ready = wait_until(pods, "web", all_of(exists, condition("Ready")), namespace="default")
    later.join()
    assert ready is not None
    assert ready["status"]["phase"] == "Running"
    running = wait_until(pods, "web", is_running, namespace="default")
    assert running is not None


def test_absence_is_waited_for(server: APIServer, factory: SharedInformerFactory) -> None:
    """Of an object that never was, of one that goes, and of one whose name another one has taken."""
    created = server.create("pods", pod())
    pods = factory.informer("pods")
    assert wait_until(pods, "none", not_(exists), namespace="default") is None
    deleting = threading.Timer(0.05, server.delete, ["pods", "web", "default"])
    deleting.start()
    assert wait_until(pods, "web", deleted(), namespace="default") is None
    deleting.join()
    server.create("pods", pod())
    other = wait_until(pods, "web", deleted(created["metadata"]["uid"]), namespace="default")
    assert other is None or other.uid != created["metadata"]["uid"]


def test_a_cache_that_is_behind_is_not_asked_for_absence(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """What the program has just made is not gone because the cache has not seen it; where lists fail it has the word."""
    pods = factory.informer("pods")
    factory.start()
    factory.wait_for_cache_sync()
    with server.stall(lambda request: request.verb == "watch"):
        uid = server.create("pods", {"metadata": {"name": "web"}})["metadata"]["uid"]
        with pytest.raises(WaitTimeout):
            wait_until(pods, "web", deleted(uid), 0.5, namespace="default")
        with server.deny(verbs=("list",)):
            assert wait_until(pods, "web", deleted(uid), namespace="default") is None
    wait_until(pods, "web", exists, namespace="default")
    server.delete("pods", "web")
    assert wait_until(pods, "web", deleted(uid), namespace="default") is None


def test_a_resource_is_enough(server: APIServer) -> None:
    """A watch of that one object is made for the wait, and closed; also for resources without namespaces."""
    server.create("pods", pod())
    server.create("pods", pod("other"))
    later = threading.Timer(0.05, make_ready, [server])
    later.start()
    assert wait_until("pods", "web", condition("Ready"), config=server.config) is not None
    later.join()
    assert wait_until("namespaces", "default", exists, config=server.config) is not None
    lists = server.requests.matching("list", "pods")
    assert [request.query["fieldSelector"] for request in lists] == ["metadata.name=web"]


def test_the_namespace_may_be_left_out(server: APIServer, factory: SharedInformerFactory) -> None:
    """It is in the name, the only one that is watched, or the default; a resource without namespaces needs none."""
    server.create("pods", pod())
    server.create("configmaps", config_map("settings", "kube-system"))
    assert wait_until(factory.informer("pods"), "web", exists, 20) is not None
    assert wait_until(factory.informer("configmaps"), "kube-system/settings", exists, 20) is not None
    only = factory.informer("configmaps", namespaces=["kube-system"])
    assert wait_until(only, "settings", exists, 20) is not None
    assert wait_until(factory.informer("namespaces"), "kube-system", exists, 20) is not None
    assert wait_until("configmaps", "kube-system/settings", exists, 20, config=server.config) is not None


def test_a_broken_watch_does_not_end_a_wait(server: APIServer, factory: SharedInformerFactory) -> None:
    """It goes on when the server does, also where the history is gone."""
    server.create("pods", pod())
    pods = factory.informer("pods")
    wait_until(pods, "web", exists, namespace="default")

    def trouble() -> None:
        with server.stall():
            server.close_watches()
            server.expire_history()
            server.patch("pods", "web", {"metadata": {"labels": {"k": "v"}}}, "default")
            server.delete("pods", "web", "default")

    later = threading.Timer(0.05, trouble)
    later.start()
    assert wait_until(pods, "web", deleted(), namespace="default") is None
    later.join()


def test_a_time_out_says_what_was_missing_and_what_was_seen(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """In words, without the body of the object."""
    server.create("pods", pod())
    make_ready(server, "False")
    pods = factory.informer("pods")
    expected = (
        r"pods default/web: not met in 0\.2 s: Ready is False, not True; "
        r"last seen: resourceVersion \d+, phase Running, Ready=False"
    )
    with pytest.raises(WaitTimeout, match=expected):
        wait_until(pods, "web", all_of(exists, condition("Ready")), 0.2, namespace="default")
    with pytest.raises(WaitTimeout, match=r"found no 'nodeName'; last seen"):
        wait_until(pods, "web", lambda found: found["spec"]["nodeName"], 0.2, namespace="default")  # type: ignore[index]  # as people write
    with (
        server.deny(resources=("secrets",)),
        pytest.raises(WaitTimeout, match=r"nothing seen in .* 403 Forbidden"),
    ):
        wait_until("secrets", "web", exists, 0.5, config=server.config)


def test_what_a_condition_raises_comes_out(server: APIServer, factory: SharedInformerFactory) -> None:
    """A mistake is no reason to wait; nothing is left behind."""
    server.create("pods", pod())
    pods = factory.informer("pods")

    def mistaken(_: object) -> bool:
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        wait_until(pods, "web", mistaken, namespace="default")
    eventually(lambda: not pods.shared.handlers)


def test_a_condition_is_of_the_present_generation(server: APIServer, factory: SharedInformerFactory) -> None:
    """As in kubectl: what a controller said before it saw the change is not believed, wherever it says of which one."""
    deployment = {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    }
    server.create("deployments", deployment)
    deployments = factory.informer("deployments")
    wait_until(deployments, "default/web", exists)

    def say(of_the_status: int | None, of_the_condition: int | None) -> None:
        entry = {"type": "Available", "status": "True", "observedGeneration": of_the_condition}
        status = {"observedGeneration": of_the_status, "conditions": [entry]}
        with Client(server.config) as client:
            said = client.patch("deployments", "web", {"status": status}, "default", subresource="status")
        deployments.wait_for(said)

    server.patch("deployments", "web", {"spec": {"replicas": 2}}, "default")
    for generations in ((1, None), (2, 1)):
        say(*generations)
        with pytest.raises(WaitTimeout, match="Available is True for generation 1, not yet for 2"):
            wait_until(deployments, "default/web", condition("Available"), 2)
    for present in ((2, None), (1, 2), (None, None)):
        say(*present)
        assert wait_until(deployments, "default/web", condition("Available"), 30) is not None


@pytest.mark.parametrize(
    "status",
    [
        None,
        {"conditions": None},
        {"conditions": 5},
        {"conditions": {"Ready": "True"}},
        {"conditions": [None, 1]},
    ],
)
def test_any_status_can_be_asked(status: object) -> None:
    """A resource of one's own may have anything under the name: it has no condition then, and can be described."""
    raw = msgspec.json.encode({"metadata": {"name": "a", "resourceVersion": "7"}, "status": status})
    found = decode_object(raw, Resource("example.com", "v1", "things", "Thing"))
    assert condition("Ready").missing(found) == "it has no condition Ready"
    assert describe(found) == "resourceVersion 7"


def test_waits_are_awaited_in_the_asyncio_face(server: APIServer) -> None:
    """The same, beside other tasks; cancelling leaves nothing behind."""

    async def main() -> None:
        server.create("pods", pod())
        async with aio.SharedInformerFactory(server.config) as factory:
            pods = factory.informer("pods")
            found = await aio.wait_until(pods, "web", exists, namespace="default")
            assert found is not None
            waiting = asyncio.create_task(
                aio.wait_until(pods, "web", condition("Ready"), namespace="default")
            )
            await asyncio.to_thread(make_ready, server)
            assert await waiting is not None
            with pytest.raises(WaitTimeout, match="it is still there"):
                await aio.wait_until(pods, "web", deleted(), 0.1, namespace="default")
            hopeless = asyncio.create_task(aio.wait_until(pods, "web", deleted(), namespace="default"))
            await asyncio.sleep(0)
            hopeless.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hopeless
            assert not pods.shared.handlers
        assert await aio.wait_until("pods", "web", exists, config=server.config) is not None

    asyncio.run(main())


def test_an_owner_is_named_as_asked(client: Client) -> None:
    """A foreground deletion waits for what it manages, unless something else is said."""
    owner = client.create("configmaps", config_map("owner"))

    def flags(reference: dict[str, Any]) -> tuple[bool, bool]:
        return reference["controller"], reference["blockOwnerDeletion"]

    assert flags(owner_reference(owner)) == (True, True)
    assert flags(owner_reference(owner, controller=False)) == (False, False)
    assert flags(owner_reference(owner, controller=False, block_owner_deletion=True)) == (False, True)
    body: dict[str, Any] = {"metadata": {"name": "a"}}
    set_controller_reference(owner, body, block_owner_deletion=False)
    assert flags(body["metadata"]["ownerReferences"][0]) == (True, False)


def test_a_managing_owner_is_set_once(client: Client) -> None:
    """It is replaced by itself, keeps other owners, and refuses a second manager and other namespaces."""
    owner = client.create("configmaps", config_map("owner"))
    other = client.create("configmaps", config_map("other"))
    body: dict[str, Any] = {
        "metadata": {
            "name": "child",
            "ownerReferences": [{"apiVersion": "v1", "kind": "A", "uid": "x", "name": "x"}],
        }
    }
    for _ in range(2):
        assert set_controller_reference(owner, body) is body
    assert body["metadata"]["namespace"] == "default"
    assert [reference["uid"] for reference in body["metadata"]["ownerReferences"]] == ["x", owner.uid]
    assert body["metadata"]["ownerReferences"][1] == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    created = client.create("configmaps", body)
    assert created.owner_references[1].controller
    with pytest.raises(UsageError, match="managed by ConfigMap owner already"):
        set_controller_reference(other, body)
    with pytest.raises(UsageError, match="it is in another namespace"):
        set_controller_reference(owner, {"metadata": {"name": "x", "namespace": "kube-system"}})
    namespace: KubernetesObject = client.get("namespaces", "default")
    assert set_controller_reference(namespace, {"metadata": {"name": "x", "namespace": "kube-system"}})
