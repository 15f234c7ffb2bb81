"""Writes that take several requests: whatever there is, and whoever writes beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tests.controller.conftest import config_map

from kubeinformer import Client, Conflict, NotFound, UsageError, aio, create_or_update
from kubeinformer.testing import APIServer, ControlPlane

Body = dict[str, Any]


@pytest.fixture
def client(server: APIServer) -> Iterator[Client]:
    with Client(server.config) as made:
        yield made


def set_data(body: Body) -> None:
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


def test_an_object_may_have_no_namespace(client: Client) -> None:
    """It is made, and found again, by its name alone."""

    def label(body: Body) -> None:
        body["metadata"].setdefault("labels", {})["k"] = "v"

    written = [create_or_update(client, "namespaces", "new", label) for _ in range(2)]
    assert [each.operation for each in written] == ["created", "unchanged"]
    assert create_or_update(client, "namespaces", "default", label).operation == "updated"


def test_another_writer_leads_to_another_try(server: APIServer, client: Client) -> None:
    """On the latest state; who loses five times gives up."""
    calls = 0

    def late(body: Body) -> None:
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


def test_a_change_may_make_the_metadata_anew(server: APIServer, client: Client) -> None:
    """It is guarded all the same: what somebody wrote meanwhile is not lost, and the change's own dict stays as it is."""
    server.create("configmaps", config_map("a"))
    template = {"labels": {"k": "v"}}
    calls = 0

    def anew(body: Body) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            server.patch("configmaps", "a", {"data": {"theirs": "x"}}, "default")
        body["metadata"] = template
        body.setdefault("data", {})["ours"] = "y"

    written = create_or_update(client, "configmaps", "a", anew, "default")
    assert (calls, written.object["data"]) == (2, {"theirs": "x", "ours": "y"})
    assert dict(written.object.labels) == template["labels"]
    assert template == {"labels": {"k": "v"}}


def test_who_deletes_first_leads_to_another_try(server: APIServer, client: Client) -> None:
    """Gone between the look and the write, it is created; gone each of five times, that is an error."""
    lives = 1

    def late(body: Body) -> None:
        nonlocal lives
        if lives and "uid" in body["metadata"]:
            lives -= 1
            server.delete("configmaps", "a", "default")
        elif lives:
            raise AssertionError("it is there again before each look")
        set_data(body)

    server.create("configmaps", config_map("a"))
    assert create_or_update(client, "configmaps", "a", late, "default").operation == "created"
    refusal = server.every_request(verb="update").answers(404)
    with refusal, pytest.raises(NotFound):
        create_or_update(client, "configmaps", "a", lambda body: body["data"].clear(), "default")
    assert refusal.hits == 5


def test_a_namespace_that_is_not_there_is_no_race(server: APIServer, client: Client) -> None:
    """Where nothing can be created, NotFound is raised at once."""
    with pytest.raises(NotFound, match='namespaces "nowhere" not found'):
        create_or_update(client, "configmaps", "a", set_data, "nowhere")
    assert server.requests.count("create", "configmaps") == 1


@pytest.mark.parametrize("field", ["name", "namespace"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_change_cannot_mean_another_object(
    server: APIServer, client: Client, field: str, *, exists: bool
) -> None:
    """As in controller-runtime: another name or namespace is an error, and neither object is written."""
    if exists:
        server.create("configmaps", config_map("a"))
    server.create("configmaps", config_map("kube-system"))
    before = server.resource_version

    def move(body: Body) -> None:
        body["metadata"][field] = "kube-system"

    with pytest.raises(UsageError, match=f"change must not turn {field} .* into kube-system"):
        create_or_update(client, "configmaps", "a", move, "default")
    assert server.resource_version == before


def test_a_change_may_say_the_namespace(client: Client) -> None:
    """Where the call does not (an owner's, say): it is found there the next time, too."""

    def say(body: Body) -> None:
        body["metadata"]["namespace"] = "kube-system"

    written = [create_or_update(client, "configmaps", "a", say) for _ in range(2)]
    assert [(each.operation, each.object.namespace) for each in written] == [
        ("created", "kube-system"),
        ("unchanged", "kube-system"),
    ]


def test_a_change_has_one_name(client: Client) -> None:
    """`generateName` does not make another object each time: the name of the call stays."""

    def generate(body: Body) -> None:
        body["metadata"] = {"generateName": "a-"}

    for _ in range(2):
        create_or_update(client, "configmaps", "a", generate, "default")
    assert [found.name for found in client.list("configmaps", "default")] == ["a"]


def test_a_change_that_nobody_awaits_is_an_error(server: APIServer) -> None:
    """An `async def` change would have changed nothing: neither face writes an empty object."""

    async def change(body: Body) -> None:
        set_data(body)

    async def main() -> None:
        async with aio.Client(server.config) as client:
            await aio.create_or_update(client, "configmaps", "a", change, "default")

    with pytest.raises(UsageError, match="change is a plain function"):
        asyncio.run(main())
    with Client(server.config) as client, pytest.raises(UsageError, match="change is a plain function"):
        create_or_update(client, "configmaps", "a", change, "default")
    assert server.requests.count("create", "configmaps") == 0


def test_what_the_server_fills_in_is_no_change(
    kubernetes_server: APIServer | ControlPlane, kubernetes_namespace: str
) -> None:
    """A body without the server's defaults is `unchanged` from the second time on, and its version stays."""

    def serve(body: Body) -> None:
        body["spec"] = {"ports": [{"port": 80}], "selector": {"app": "web"}}

    with Client(kubernetes_server.config) as client:
        written = [create_or_update(client, "services", "web", serve, kubernetes_namespace) for _ in range(3)]
    assert [each.operation for each in written] == ["created", "unchanged", "unchanged"]
    assert len({each.object.resource_version for each in written}) == 1
