"""Lists and watches ask for exactly what a reflector means: path, query, media type and patience."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest
from tests.client.discovery_trees import aggregated
from tests.client.fake_connection import Asked, FakeConnection

from kubeinformer.client.discovery import Discovery
from kubeinformer.client.list_watch import ResourceListWatch
from kubeinformer.client.transport import Connection
from kubeinformer.errors import Expired, Forbidden, InvalidResponse, NetworkError, NotFound
from kubeinformer.resources import parse_resource

PODS = b'{"kind":"PodList","items":[]}'


class NotedStream:
    """Stands for the stream of an open watch."""


def stage(connection: FakeConnection, resource: str = "pods", **options: Any) -> ResourceListWatch:
    """Return a list-watch on a connection that answers from its table."""
    return ResourceListWatch(
        cast("Connection", connection),  # the two methods that a list-watch calls
        Discovery(connection),
        parse_resource(resource),
        **options,
    )


def ask(verb: str, resource: str, path: str, query: Mapping[str, str], **options: Any) -> Asked:
    """List or watch once at a path that must be the right one, and return the request."""
    answer: object = PODS if verb == "list" else NotedStream()
    connection = FakeConnection({**aggregated(), path: answer})

    async def run() -> object:
        return await getattr(stage(connection, resource, **options), verb)(query)

    assert asyncio.run(run()) is answer
    return connection.asked[-1]


@pytest.mark.parametrize("verb", ["list", "watch"])
@pytest.mark.parametrize(
    ("resource", "namespace", "path"),
    [
        ("pods", None, "/api/v1/pods"),
        ("pods", "blue", "/api/v1/namespaces/blue/pods"),
        ("deploy", "blue", "/apis/apps/v1/namespaces/blue/deployments"),
        ("namespaces", "blue", "/api/v1/namespaces"),  # it has no namespace
    ],
)
def test_a_collection_has_one_path(verb: str, resource: str, namespace: str | None, path: str) -> None:
    """List and watch go to the same collection, of one namespace or of all, named in full for messages."""
    asked = ask(verb, resource, path, {}, namespace=namespace)
    assert (asked.path, asked.verb) == (path, verb)
    assert asked.resource == ("deployments.apps" if resource == "deploy" else resource)


def test_selectors_go_with_both() -> None:
    """Selectors restrict the list and the watch alike, next to the reflector's own parameters."""
    options = {"label_selector": "app=web", "field_selector": "spec.nodeName=n1"}
    selectors = {"labelSelector": "app=web", "fieldSelector": "spec.nodeName=n1"}
    listed = ask("list", "pods", "/api/v1/pods", {"limit": "500"}, **options)
    watched = ask("watch", "pods", "/api/v1/pods", {"resourceVersion": "7"}, **options)
    assert listed.query == {"limit": "500", **selectors}
    assert watched.query == {"watch": "true", "resourceVersion": "7", **selectors}


def test_no_selector_is_no_parameter() -> None:
    """An empty selector is left out, as client-go does."""
    assert ask("list", "pods", "/api/v1/pods", {}).query == {}
    assert ask("watch", "pods", "/api/v1/pods", {}).query == {"watch": "true"}


def test_metadata_alone_is_asked_for_with_a_way_back() -> None:
    """KEP-2334: the list form for lists, the object form for watches, and whole objects from a server without it."""
    listed = ask("list", "pods", "/api/v1/pods", {}, metadata_only=True).headers["Accept"]
    watched = ask("watch", "pods", "/api/v1/pods", {}, metadata_only=True).headers["Accept"]
    assert listed == "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
    assert watched == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
    assert ask("list", "pods", "/api/v1/pods", {}).headers == {}


def test_a_long_list_is_not_cut_short() -> None:
    """A page has no total time-out, for a big one may take minutes to come."""
    assert ask("list", "pods", "/api/v1/pods", {}).timeout is None


def test_a_success_that_is_no_list_is_no_list() -> None:
    """A 2xx other than 200 is not taken for an empty collection."""

    async def run() -> None:
        connection = FakeConnection({**aggregated(), "/api/v1/pods": PODS})
        source = stage(connection)
        await source.resolve(fresh=False)
        connection.status = 204
        with pytest.raises(InvalidResponse, match="list pods: 204 is no answer to a list") as told:
            await source.list({})
        assert (told.value.code, told.value.verb, told.value.resource) == (204, "list", "pods")

    asyncio.run(run())


@pytest.mark.parametrize("verb", ["list", "watch"])
@pytest.mark.parametrize(
    "failure", [Expired(410, "Expired", "too old"), Forbidden(403, "Forbidden", "no"), NetworkError("reset")]
)
def test_failures_come_through_as_they_are(verb: str, failure: Exception) -> None:
    """Whoever lists or watches decides what a failure means."""
    connection = FakeConnection({**aggregated(), "/api/v1/pods": failure})

    async def run() -> None:
        await getattr(stage(connection), verb)({})

    with pytest.raises(type(failure)) as told:
        asyncio.run(run())
    assert told.value is failure


def test_the_latest_answer_of_discovery_counts() -> None:
    """A resource that moved to another version is listed and watched there once it is resolved afresh."""

    async def run() -> None:
        connection = FakeConnection(aggregated({"": [], "example.com": [_widgets("v1")]}))
        source = stage(connection, "widgets")
        assert (await source.resolve(fresh=False)).version == "v1"
        connection.answers = aggregated({"": [], "example.com": [_widgets("v2")]})
        connection.answers["/apis/example.com/v2/widgets"] = PODS
        with pytest.raises(NotFound):
            await source.list({})
        assert (await source.resolve(fresh=True)).version == "v2"
        assert await source.list({}) == PODS

    asyncio.run(run())


def test_a_resource_is_resolved_once_for_many_requests() -> None:
    """Lists and watches that follow cost no discovery."""

    async def run() -> None:
        connection = FakeConnection({**aggregated(), "/api/v1/pods": PODS})
        source = stage(connection)
        for _ in range(3):
            await source.list({})
        assert connection.paths == ["/api", "/apis", *["/api/v1/pods"] * 3]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("version", "consistent"),
    [
        ({"major": "1", "minor": "33"}, False),
        ({"major": "1", "minor": "34"}, True),
        ({"major": "1", "minor": "34+"}, True),
        ({"major": "2", "minor": "0"}, True),
        ({"major": "", "minor": ""}, True),
        (Forbidden(403, "Forbidden", "no"), True),
    ],
)
def test_consistent_lists_come_from_the_cache_since_1_34(version: object, consistent: bool) -> None:
    """An older server is known by its version; one that does not tell is taken for a new one."""

    async def run() -> bool:
        return await stage(FakeConnection({"/version": version})).serves_consistent_lists()

    assert asyncio.run(run()) is consistent


def _widgets(version: str) -> tuple[str, list[dict[str, Any]]]:
    return version, [{"plural": "widgets", "kind": "Widget", "short": [], "scope": "Namespaced"}]
