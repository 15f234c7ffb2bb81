"""Namespaces on the in-memory server: they are made, hold objects, and end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.testing.asking import MERGE, ask

from kubeinformer.testing import APIServer

NAMESPACES = "/api/v1/namespaces"


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running


def test_a_new_namespace_is_active_and_carries_its_name(server: APIServer) -> None:
    """KEP-2161: the label; the finalizer that holds it until it is empty."""
    made = ask(server, "POST", NAMESPACES, {"metadata": {"name": "team"}}).body
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    assert (made["spec"], made["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})


def test_the_label_cannot_be_lost(server: APIServer) -> None:
    """Whoever removes or changes it gets it back."""
    server.create("namespaces", {"metadata": {"name": "team"}})
    change = {"metadata": {"labels": {"kubernetes.io/metadata.name": "other", "a": "b"}}}
    changed = ask(server, "PATCH", f"{NAMESPACES}/team", change, Content_Type=MERGE).body
    assert changed["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team", "a": "b"}


def test_deletion_ends_everything_in_it_first(server: APIServer) -> None:
    """Terminating, then its objects go, then it: in this order in the versions."""
    server.create("namespaces", {"metadata": {"name": "team"}})
    server.create("configmaps", {"metadata": {"name": "a"}}, "team")
    server.create("configmaps", {"metadata": {"name": "b"}}, "default")
    version = server.resource_version
    deleted = ask(server, "DELETE", f"{NAMESPACES}/team").body
    assert deleted["status"]["phase"] == "Terminating"
    assert "deletionTimestamp" in deleted["metadata"]
    watch = f"watch=1&resourceVersion={version}&timeoutSeconds=1"
    terminating, ended = ask(server, "GET", f"{NAMESPACES}?{watch}").body
    emptied = ask(server, "GET", f"/api/v1/configmaps?{watch}").body
    assert [event["type"] for event in (terminating, emptied, ended)] == ["MODIFIED", "DELETED", "DELETED"]
    versions = [
        int(event["object"]["metadata"]["resourceVersion"]) for event in (terminating, emptied, ended)
    ]
    assert versions == sorted(versions)
    assert server.count("configmaps", "default") == 1
    assert ask(server, "POST", NAMESPACES, {"metadata": {"name": "team"}}).status == 201


def test_finalizers_hold_a_terminating_namespace(server: APIServer) -> None:
    """It takes nothing new, and goes with the object that holds it."""
    server.create("namespaces", {"metadata": {"name": "team"}})
    server.create("configmaps", {"metadata": {"name": "a", "finalizers": ["example.org/hold"]}}, "team")
    server.create("configmaps", {"metadata": {"name": "b"}}, "team")
    ask(server, "DELETE", f"{NAMESPACES}/team")
    assert [found["metadata"]["name"] for found in server.list_objects("configmaps", "team")] == ["a"]
    status, _, refusal = ask(server, "POST", f"{NAMESPACES}/team/configmaps", {"metadata": {"name": "c"}})
    assert (status, refusal["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    assert ask(server, "DELETE", f"{NAMESPACES}/team").body["status"]["phase"] == "Terminating"
    released = {"metadata": {"finalizers": None}}
    ask(server, "PATCH", f"{NAMESPACES}/team/configmaps/a", released, Content_Type=MERGE)
    assert ask(server, "GET", f"{NAMESPACES}/team").status == 404


def test_a_namespaces_own_finalizer_holds_it_too(server: APIServer) -> None:
    """Empty, it stays until the finalizer in its metadata is gone."""
    server.create("namespaces", {"metadata": {"name": "team", "finalizers": ["example.org/hold"]}})
    ask(server, "DELETE", f"{NAMESPACES}/team")
    assert ask(server, "GET", f"{NAMESPACES}/team").body["status"]["phase"] == "Terminating"
    ask(server, "PATCH", f"{NAMESPACES}/team", {"metadata": {"finalizers": None}}, Content_Type=MERGE)
    assert ask(server, "GET", f"{NAMESPACES}/team").status == 404


def test_the_clusters_own_namespaces_stay(server: APIServer) -> None:
    """403, as the lifecycle admission says it."""
    status, _, refusal = ask(server, "DELETE", f"{NAMESPACES}/default")
    assert (status, refusal["message"]) == (
        403,
        'namespaces "default" is forbidden: this namespace may not be deleted',
    )
