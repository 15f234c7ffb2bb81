"""The in-memory server's time is a clock's, and a FakeClock stands still until the test moves it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from tests.testing.asking import Reply, ask

from kubeinformer.testing import APIServer, FakeClock

MAPS = "/api/v1/namespaces/default/configmaps"
NEW_YEAR = 1_798_761_600.0  # 2027-01-01T00:00:00Z
WAIT = 30.0


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer(clock=FakeClock(wall_time=NEW_YEAR), bookmark_interval=60) as running:
        yield running


@contextmanager
def watching(server: APIServer, query: str) -> Iterator[Future[Reply]]:
    """Watch on a thread for the length of a block; the watch runs when the block begins."""
    with ThreadPoolExecutor(1) as threads:
        watch = threads.submit(ask, server, "GET", f"{MAPS}?watch=1&{query}")
        server.wait_for_watches()
        yield watch
        watch.result(WAIT)


def versions(events: list[dict[str, Any]], kind: str) -> list[int]:
    return [int(event["object"]["metadata"]["resourceVersion"]) for event in events if event["type"] == kind]


def test_timestamps_are_those_of_the_clock(server: APIServer) -> None:
    """Of creations, field managers, deletions that finalizers hold up, tokens and the log of requests."""
    body = {"metadata": {"name": "a", "finalizers": ["example.com/hold"]}}
    made = ask(server, "POST", f"{MAPS}?fieldManager=tests", body).body["metadata"]
    assert made["creationTimestamp"] == made["managedFields"][0]["time"] == "2027-01-01T00:00:00Z"
    server.advance(3600)
    ended = ask(server, "DELETE", f"{MAPS}/a").body["metadata"]
    assert ended["creationTimestamp"] == "2027-01-01T00:00:00Z"
    assert ended["deletionTimestamp"] == "2027-01-01T01:00:00Z"
    assert server.requests[-1].time - server.requests[0].time == 3600
    server.create("serviceaccounts", {"metadata": {"name": "robot"}})
    path = "/api/v1/namespaces/default/serviceaccounts/robot/token"
    token = ask(server, "POST", path, {"spec": {"expirationSeconds": 600}}).body
    assert token["status"]["expirationTimestamp"] == "2027-01-01T01:10:00Z"


def test_a_watch_ends_when_its_time_on_the_clock_is_up(server: APIServer) -> None:
    """`timeoutSeconds` of an hour is over in a moment, and not a second early."""
    with watching(server, "timeoutSeconds=3600") as watch:
        server.advance(3599)
        assert server.watches
        assert not watch.done()
        server.create("configmaps", {"metadata": {"name": "late"}})
        server.advance(1)
        assert watch.result(WAIT).body["object"]["metadata"]["name"] == "late"
    assert server.requests[-1].duration == 3600


def test_bookmarks_come_as_the_clock_goes(server: APIServer) -> None:
    """One a minute, each with the version of its moment, however much time is skipped at once."""
    with watching(server, "timeoutSeconds=200&allowWatchBookmarks=true") as watch:
        server.advance(60)
        server.create("configmaps", {"metadata": {"name": "a"}})
        written = server.resource_version
        server.advance(140)
        events = watch.result(WAIT).body
    assert [event["type"] for event in events] == ["BOOKMARK", "ADDED", "BOOKMARK", "BOOKMARK"]
    assert versions(events, "BOOKMARK")[1:] == [written, written]
    assert versions(events, "BOOKMARK")[0] < written


def test_a_watch_that_runs_is_on_the_clock(server: APIServer) -> None:
    """Right after `wait_for_watches`, time moves it: no watch misses the step."""
    for _ in range(50):
        with watching(server, "timeoutSeconds=5"):
            server.advance(5)


def test_time_moves_while_nothing_is_served() -> None:
    """Before the start and after the stop, too."""
    server = APIServer(clock=FakeClock(wall_time=NEW_YEAR))
    server.advance(60)
    with server:
        made = server.create("configmaps", {"metadata": {"name": "a"}})
    assert made["metadata"]["creationTimestamp"] == "2027-01-01T00:01:00Z"
    server.advance(60)
    again = server.create("configmaps", {"metadata": {"name": "b"}})
    assert again["metadata"]["creationTimestamp"] == "2027-01-01T00:02:00Z"


def test_the_machines_time_is_not_to_be_moved(server: APIServer) -> None:
    """Only a FakeClock is, and that only forwards."""
    with pytest.raises(TypeError, match=r"APIServer\(clock=FakeClock\(\)\)"):
        APIServer().advance(1)
    with pytest.raises(ValueError, match="backwards"):
        server.advance(-1)
