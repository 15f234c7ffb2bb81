"""The in-memory API server says over HTTP what a real one says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.testing.asking import MERGE, ask

from kubeinformer.testing import APIServer

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running


def make(server: APIServer, *names: str) -> None:
    for name in names:
        server.create("configmaps", {"metadata": {"name": name}}, namespace="default")


def test_pages_are_one_snapshot(server: APIServer) -> None:
    """A token leads on through the list as it was, at one version, whatever is written meanwhile."""
    make(server, "a", "b", "c")
    first = ask(server, "GET", f"{MAPS}?limit=2").body
    make(server, "d")
    second = ask(server, "GET", f"{MAPS}?limit=2&continue={first['metadata']['continue']}").body
    assert [item["metadata"]["name"] for item in first["items"] + second["items"]] == ["a", "b", "c"]
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]
    assert "continue" not in second["metadata"]
    assert "kind" not in first["items"][0]


def test_versions_of_lists_follow_the_real_rules(server: APIServer) -> None:
    """Zero ignores the limit, a match needs a version, a future version is too large, an expired one is gone."""
    make(server, "a", "b")
    assert len(ask(server, "GET", f"{MAPS}?limit=1&resourceVersion=0").body["items"]) == 2
    assert ask(server, "GET", f"{MAPS}?resourceVersionMatch=NotOlderThan").status == 422
    status, _, body = ask(server, "GET", f"{MAPS}?resourceVersion=999999&resourceVersionMatch=NotOlderThan")
    assert (status, body["details"]["causes"][0]["reason"]) == (504, "ResourceVersionTooLarge")
    page = ask(server, "GET", f"{MAPS}?limit=1").body
    make(server, "c")
    server.expire_history()
    status, _, body = ask(server, "GET", f"{MAPS}?limit=1&continue={page['metadata']['continue']}")
    assert (status, body["reason"]) == (410, "Expired")


def test_a_watch_tells_what_came_after_its_version(server: APIServer) -> None:
    """History, then what is live; the deletion carries its own version; an old version is gone, inside a 200."""
    make(server, "a")
    version = ask(server, "GET", MAPS).body["metadata"]["resourceVersion"]
    server.patch("configmaps", "a", {"data": {"x": "1"}}, namespace="default")
    server.delete("configmaps", "a", namespace="default")
    status, _, events = ask(server, "GET", f"{MAPS}?watch=1&resourceVersion={version}&timeoutSeconds=1")
    assert (status, [event["type"] for event in events]) == (200, ["MODIFIED", "DELETED"])
    first, last = (int(event["object"]["metadata"]["resourceVersion"]) for event in events)
    assert last > first > int(version)
    server.expire_history()
    status, _, gone = ask(server, "GET", f"{MAPS}?watch=1&resourceVersion={version}&timeoutSeconds=1")
    assert (status, gone["type"], gone["object"]["code"]) == (200, "ERROR", 410)


def test_writes_are_guarded(server: APIServer) -> None:
    """Twice the same name, a stale version, a missing namespace, a body that is none."""
    body = {"metadata": {"name": "a"}}
    status, _, created = ask(server, "POST", MAPS, body)
    assert (status, created["kind"], created["metadata"]["namespace"]) == (201, "ConfigMap", "default")
    assert ask(server, "POST", MAPS, body).status == 409
    ask(server, "PATCH", f"{MAPS}/a", {"data": {"x": "1"}}, Content_Type=MERGE)
    assert ask(server, "PUT", f"{MAPS}/a", created).status == 409
    assert ask(server, "POST", MAPS.replace("default", "nowhere"), body).status == 404
    assert ask(server, "POST", MAPS, []).status == 400
    assert ask(server, "GET", "/api/v1/unicorns").status == 404


def test_finalizers_hold_an_object(server: APIServer) -> None:
    """Deletion is asked for, and done when the last finalizer goes."""
    held = {"metadata": {"name": "a", "finalizers": ["example.com/hold"]}}
    server.create("configmaps", held, namespace="default")
    ask(server, "DELETE", f"{MAPS}/a")
    assert "deletionTimestamp" in ask(server, "GET", f"{MAPS}/a").body["metadata"]
    ask(server, "PATCH", f"{MAPS}/a", {"metadata": {"finalizers": None}}, Content_Type=MERGE)
    assert ask(server, "GET", f"{MAPS}/a").status == 404


def test_it_leaves_nothing_behind() -> None:
    """Threads, port and files go with the server; the log of requests stays."""
    before = set(threading.enumerate())
    with APIServer() as server:
        kubeconfig = Path(server.kubeconfig)
        assert kubeconfig.exists()
        ask(server, "GET", "/version")
    assert set(threading.enumerate()) == before
    assert not kubeconfig.exists()
    assert [record.path for record in server.requests] == ["/version"]
