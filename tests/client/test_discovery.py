"""A name finds its resource on servers new and old, whole and half broken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.client.discovery_trees import TREE, aggregated, listed, stale, unavailable, unreadable
from tests.client.fake_connection import FakeConnection

from kubeinformer.client.discovery import Discovery
from kubeinformer.client.discovery_documents import read_version
from kubeinformer.errors import Forbidden, InvalidResponse, NetworkError, NotFound, StatusError
from kubeinformer.resources import Resource, parse_resource


def resolve(connection: FakeConnection, *names: str) -> list[Resource]:
    """Resolve names one after the other, all with one memory."""

    async def run() -> list[Resource]:
        discovery = Discovery(connection)
        return [await discovery.resolve(parse_resource(name)) for name in names]

    return asyncio.run(run())


both_forms = pytest.mark.parametrize("form", [aggregated, listed])


@both_forms
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("pods", "v1/pods"),  # the core group first, though the server lists another one before it
        ("pods.metrics.k8s.io", "metrics.k8s.io/v1beta1/pods"),
        ("nodes", "metrics.k8s.io/v1beta1/nodes"),
        ("Pod", "v1/pods"),  # a singular goes before a short name
        ("po", "example.com/v1/po"),  # a plural in any group goes before a short name
        ("ns", "v1/namespaces"),
        ("deployment", "apps/v1/deployments"),
        ("deploy", "apps/v1/deployments"),
        ("v1/pods", "v1/pods"),
        ("apps/v1/deployments", "apps/v1/deployments"),
        ("deployments.v1.apps", "apps/v1/deployments"),
        ("hpa", "autoscaling/v2/horizontalpodautoscalers"),  # the preferred version
        ("autoscaling/v1/hpa", "autoscaling/v1/horizontalpodautoscalers"),
    ],
)
def test_a_name_means_what_it_means_to_kubectl(form: Any, asked: str, found: str) -> None:
    """Plural, singular, short and full names find the same resource in both forms of discovery."""
    [resource] = resolve(FakeConnection(form()), asked)
    assert f"{resource.api_version}/{resource.name}" == found


@both_forms
def test_a_resource_is_described_whole(form: Any) -> None:
    """Kind, scope, verbs and names are the server's, and those of subresources are not mixed in."""
    pods, namespaces = resolve(FakeConnection(form()), "pods", "namespaces")
    assert pods == Resource("", "v1", "pods", "Pod", True, ("list", "watch"), "pod", ("po",))
    assert namespaces == Resource(
        "", "v1", "namespaces", "Namespace", False, ("list", "watch"), "namespace", ("ns",)
    )


def test_a_new_server_is_asked_twice_in_all() -> None:
    """Aggregated discovery is asked for with a way back to the old form, and answered from memory after that."""
    connection = FakeConnection(aggregated())
    resolve(connection, "pods", "deployments", "hpa")
    assert {request.headers["Accept"].rpartition(",")[2] for request in connection.asked} == {
        "application/json"
    }
    assert all("v=v2;as=APIGroupDiscoveryList" in request.headers["Accept"] for request in connection.asked)
    assert connection.paths == ["/api", "/apis"]


def test_an_old_server_is_asked_only_for_groups_that_may_have_it() -> None:
    """One request a group version, until the plural name is found, and none for a version that was read."""
    connection = FakeConnection(listed())
    resolve(connection, "pods", "apps/v1/deployments", "v1/namespaces")
    assert connection.paths == ["/api", "/apis", "/api/v1", "/apis/apps/v1"]


half_broken = pytest.mark.parametrize(
    ("broken", "whole"), [(stale, aggregated), (unavailable, listed), (unreadable, aggregated)]
)


@half_broken
def test_a_broken_group_is_named_and_disturbs_no_other(broken: Any, whole: Any) -> None:
    """Case C18: 503 with the group's name for what it may have, while the others work; found once it is back."""

    async def run() -> None:
        connection = FakeConnection(broken("metrics.k8s.io"))
        discovery = Discovery(connection)
        assert (await discovery.resolve(parse_resource("deployments"))).group == "apps"
        for name in ("nodes", "nodes.metrics.k8s.io", "metrics.k8s.io/v1beta1/nodes"):
            with pytest.raises(StatusError, match=r"metrics\.k8s\.io/v1beta1") as told:
                await discovery.resolve(parse_resource(name))
            assert told.value.code == 503
        with pytest.raises(NotFound):  # a healthy group's word counts
            await discovery.resolve(parse_resource("nodes.apps"))
        connection.answers = whole()
        assert (await discovery.resolve(parse_resource("nodes"))).kind == "NodeMetrics"

    asyncio.run(run())


@pytest.mark.parametrize(
    "item", ["7", {"metadata": {"name": 7}}, {"metadata": {"name": "lost"}, "versions": 7}]
)
def test_a_group_that_cannot_even_be_named_is_doubted(item: Any) -> None:
    """What is missing may be in it, so it is no certain absence; what others have is found."""
    documents = aggregated()
    documents["/apis"]["items"].insert(0, item)
    assert resolve(FakeConnection(documents), "deployments")[0].group == "apps"
    with pytest.raises(StatusError, match="cannot be read") as told:
        resolve(FakeConnection(documents), "gadgets")
    assert told.value.code == 503


def test_a_group_that_goes_while_it_is_asked_is_absent() -> None:
    """A 404 for a group version that was listed a moment ago is an absence and no fault."""
    documents = listed()
    del documents["/apis/apps/v1"]
    with pytest.raises(NotFound) as told:
        resolve(FakeConnection(documents), "deployments.apps")
    assert told.value.reason == "ResourceNotFound"


@pytest.mark.parametrize(
    ("form", "asked", "hint"),
    [
        (aggregated, "depoyments", "there is: deployments.apps"),
        (listed, "depoyments", "there is: deployments.apps"),
        (aggregated, "apps/v2/deployments", "there is: apps/v1/deployments"),
    ],
)
def test_what_is_close_is_suggested(form: Any, asked: str, hint: str) -> None:
    """A misspelt name, or another version of it, is answered with what there is."""
    with pytest.raises(NotFound, match=hint) as told:
        resolve(FakeConnection(form()), "deployments", asked)
    assert (told.value.code, told.value.reason) == (404, "ResourceNotFound")


def test_what_was_not_found_is_asked_afresh() -> None:
    """A resource that comes later is found without a word, and what is known costs no request."""

    async def run() -> None:
        without = {group: versions for group, versions in TREE.items() if group != "apps"}
        connection = FakeConnection(aggregated(without))
        discovery = Discovery(connection)
        with pytest.raises(NotFound):
            await discovery.resolve(parse_resource("deployments"))
        connection.answers = aggregated()
        assert (await discovery.resolve(parse_resource("deployments"))).group == "apps"
        assert connection.paths == ["/api", "/apis"] * 2
        await discovery.resolve(parse_resource("deployments"))
        assert connection.paths == []
        connection.answers = aggregated(without)
        with pytest.raises(NotFound):
            await discovery.resolve(parse_resource("deployments"), fresh=True)

    asyncio.run(run())


class GatedConnection(FakeConnection):
    """Answers when it is told to."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__(answers)
        self.gate = asyncio.Event()

    async def request(self, method: str, path: str, **details: Any) -> Any:
        await self.gate.wait()
        return await super().request(method, path, **details)


@pytest.mark.parametrize("fresh", [False, True])
def test_concurrent_callers_share_one_round(fresh: bool) -> None:
    """Many informers that start at once cost two requests, and one that is cancelled takes nobody along."""

    async def run() -> None:
        connection = GatedConnection(aggregated())
        discovery = Discovery(connection)
        names = ["pods", "deployments", "hpa", "ns"]
        tasks = [asyncio.create_task(discovery.resolve(parse_resource(name), fresh=fresh)) for name in names]
        await asyncio.sleep(0)
        tasks[0].cancel()
        connection.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert [result.name for result in results[1:] if isinstance(result, Resource)] == [
            "deployments",
            "horizontalpodautoscalers",
            "namespaces",
        ]
        assert connection.paths == ["/api", "/apis"]

    asyncio.run(run())


def test_concurrent_callers_read_a_group_of_an_old_server_once() -> None:
    """Each document of the old form is fetched once, whoever waits for it."""

    async def run() -> None:
        connection = FakeConnection(listed())
        discovery = Discovery(connection)
        await asyncio.gather(*(discovery.resolve(parse_resource("pods")) for _ in range(5)))
        assert connection.paths == ["/api", "/apis", "/api/v1"]

    asyncio.run(run())


@pytest.mark.parametrize(
    "failure", [Forbidden(403, "Forbidden", "no"), NetworkError("refused"), InvalidResponse("a login page")]
)
def test_a_failure_is_told_and_not_remembered(failure: Exception) -> None:
    """Discovery that fails as a whole fails its callers as it is, and works again when the server does."""

    async def run() -> None:
        connection = FakeConnection({**aggregated(), "/apis": failure})
        discovery = Discovery(connection)
        with pytest.raises(type(failure)):
            await discovery.resolve(parse_resource("pods"))
        connection.answers = aggregated()
        assert (await discovery.resolve(parse_resource("pods"))).kind == "Pod"

    asyncio.run(run())


@pytest.mark.parametrize(
    "body", [b"<html>", b"\xff", b"[]", b"7", b'{"kind":"PodList"}', b"{}", b"[" * 10_000]
)
def test_what_is_no_discovery_document_is_refused(body: bytes) -> None:
    """A captive portal or a wrong port is named with the path that was asked."""
    with pytest.raises(InvalidResponse, match="discover /api: not a discovery document"):
        resolve(FakeConnection({**aggregated(), "/api": body}), "pods")


def test_the_servers_version_is_asked_once_and_again_after_a_fresh_round() -> None:
    """It is remembered until discovery is asked afresh, for the server may have been upgraded by then."""

    async def run() -> None:
        connection = FakeConnection({**aggregated(), "/version": {"major": "1", "minor": "33+"}})
        discovery = Discovery(connection)
        asked = await asyncio.gather(*(discovery.server_version() for _ in range(3)))
        assert [*asked, await discovery.server_version()] == [(1, 33)] * 4
        assert connection.paths == ["/version"]
        connection.answers["/version"] = {"major": "1", "minor": "34"}
        await discovery.resolve(parse_resource("pods"), fresh=True)
        assert await discovery.server_version() == (1, 34)

    asyncio.run(run())


def test_a_server_that_hides_its_version_is_asked_on() -> None:
    """A refusal is no version, and is not remembered; no answer at all is an error."""

    async def run() -> None:
        connection = FakeConnection({"/version": Forbidden(403, "Forbidden", "no")})
        discovery = Discovery(connection)
        assert await discovery.server_version() is None
        connection.answers["/version"] = NetworkError("reset")
        with pytest.raises(NetworkError):
            await discovery.server_version()
        connection.answers["/version"] = {"major": "1", "minor": "35"}
        assert await discovery.server_version() == (1, 35)

    asyncio.run(run())


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"major":"1"}', b'{"major":"1","minor":"x"}'])
def test_an_unclear_version_is_none(body: bytes) -> None:
    """What says no version clearly is no version, and no error."""
    assert read_version(body) is None
