"""Waits for one object, writes that take several requests, owners."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.controller.conftest import config_map

from kubeinformer import (
    Client,
    Conflict,
    KubernetesObject,
    SharedInformerFactory,
    UsageError,
    WaitTimeout,
    aio,
    all_of,
    condition,
    create_or_update,
    deleted,
    exists,
    not_,
    set_controller_reference,
    wait_until,
)
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


def set_data(body: dict[str, Any]) -> None:
    body["data"] = {"k": "v"}


def test_an_object_is_created_updated_or_left_alone(server: APIServer, client: Client) -> None:
    """Whatever there is, it ends as it should be; what is right already is not written."""
    operations = []
    for _ in range(2):
        written = create_or_update(client, "configmaps", "a", set_data, "default")
        operations.append(written.operation)
    server.patch("configmaps", "a", {"data": {"k": "other", "more": "x"}}, "default")
    last = create_or_update(client, "configmaps", "a", set_data, "default")
    assert [*operations, last.operation] == ["created", "unchanged", "updated"]
    assert last.object["data"] == {"k": "v"}


def test_another_writer_leads_to_another_try(server: APIServer, client: Client) -> None:
    """On the latest state; who loses five times gives up."""
    calls = 0

    def late(body: dict[str, Any]) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:  # somebody creates it in between; later, somebody changes it
            server.create("configmaps", config_map("a"))
        if calls == 2:
            server.patch("configmaps", "a", {"data": {"theirs": "x"}}, "default")
        body.setdefault("data", {})["ours"] = "y"

    written = create_or_update(client, "configmaps", "a", late, "default")
    assert (calls, written.operation, written.object["data"]) == (3, "updated", {"theirs": "x", "ours": "y"})
    with server.every_request(verb="update").answers(409), pytest.raises(Conflict):
        create_or_update(client, "configmaps", "a", set_data, "default")
    assert server.requests.count("update", "configmaps") == 2 + 5


def test_writes_are_awaited_in_the_asyncio_face(server: APIServer) -> None:
    """The same, with an asyncio client."""

    async def main() -> None:
        async with aio.Client(server.config) as client:
            written = await aio.create_or_update(client, "configmaps", "a", set_data, "default")
            assert written.operation == "created"

    asyncio.run(main())


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
