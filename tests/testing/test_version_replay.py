"""What client-go's fake source promises of versions, promised by the in-memory server over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.testing.asking import ask

from kubeinformer.testing import APIServer, eventually

MAPS = "/api/v1/namespaces/default/configmaps"
WAIT = 30.0


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running


def watch(server: APIServer, version: int | str) -> list[dict[str, Any]]:
    """Return what a watch from a version tells until it is closed, which happens once it runs."""
    with ThreadPoolExecutor(1) as thread:
        asked = server.requests.count("watch")
        answer = thread.submit(ask, server, "GET", f"{MAPS}?watch=1&resourceVersion={version}")
        server.requests.wait_for(asked + 1, "watch", timeout=WAIT)

        def closed() -> bool:
            server.close_watches()
            return answer.done()

        eventually(closed, WAIT)
        body = answer.result(WAIT).body
    return body if isinstance(body, list) else [body] if body else []


def told(events: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [
        (
            event["type"],
            event["object"]["metadata"]["name"],
            int(event["object"]["metadata"]["resourceVersion"]),
        )
        for event in events
    ]


def test_each_change_is_one_version(server: APIServer) -> None:
    """Invariant 310: creations, updates and deletions of any resource raise the version by one; what changes nothing does not."""
    before = server.resource_version
    versions = []
    changes: list[Callable[[], object]] = [
        lambda: server.create("configmaps", {"metadata": {"name": "a"}}),
        lambda: server.patch("configmaps", "a", {"data": {"k": "v"}}),
        lambda: server.create("secrets", {"metadata": {"name": "a"}}),
        lambda: server.delete("configmaps", "a"),
        lambda: server.delete("secrets", "a"),
    ]
    for change in changes:
        change()
        versions.append(server.resource_version - before)
    assert versions == [1, 2, 3, 4, 5]
    made = server.create("configmaps", {"metadata": {"name": "b"}, "data": {"k": "v"}})
    again = server.patch("configmaps", "b", {"data": {"k": "v"}})
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_a_watch_replays_what_came_after_its_version(server: APIServer) -> None:
    """Invariant 310: from n on n + 1 and all that follows, whatever n is; from the present nothing."""
    before = server.resource_version
    server.create("configmaps", {"metadata": {"name": "a"}})
    server.patch("configmaps", "a", {"data": {"k": "v"}})
    server.create("configmaps", {"metadata": {"name": "b"}})
    server.delete("configmaps", "a")
    history = [
        ("ADDED", "a", before + 1),
        ("MODIFIED", "a", before + 2),
        ("ADDED", "b", before + 3),
        ("DELETED", "a", before + 4),
    ]
    for missed in range(5):
        assert told(watch(server, before + 4 - missed)) == history[4 - missed :]


def test_lost_history_is_said(server: APIServer) -> None:
    """Invariant 310: after `expire_history` older versions are Expired, the current one works and what follows it comes."""
    server.create("configmaps", {"metadata": {"name": "a"}})
    old = server.resource_version
    server.patch("configmaps", "a", {"data": {"k": "v"}})
    now = server.resource_version
    server.expire_history()
    [refused] = watch(server, old)
    status = refused.get("object", refused)
    assert (status["code"], status["reason"]) == (410, "Expired")
    assert watch(server, now) == []
    listed = ask(server, "GET", MAPS).body
    assert listed["metadata"]["resourceVersion"] == str(now)
    server.create("configmaps", {"metadata": {"name": "b"}})
    assert told(watch(server, now)) == [("ADDED", "b", now + 1)]
