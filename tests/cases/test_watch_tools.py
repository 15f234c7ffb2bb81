"""What client-go has a RetryWatcher and an informer watcher for: one stream of events that survives what servers do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.hasty_clock import HastyClock

from kubeinformer import (
    Added,
    BackgroundError,
    Deleted,
    DeletedFinalStateUnknown,
    Events,
    Informer,
    SharedInformerFactory,
    Updated,
)
from kubeinformer.cache.notifications import Notification
from kubeinformer.testing import APIServer, eventually, eventually_equal
from kubeinformer.testing.api_server.fault_control import Requests
from kubeinformer.testing.api_server.refusals import expired_list

WAIT = 60.0
MAPS = "configmaps"


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running


@pytest.fixture
def errors() -> list[BackgroundError]:
    return []


@pytest.fixture
def factory(
    server: APIServer, errors: list[BackgroundError], monkeypatch: pytest.MonkeyPatch
) -> Iterator[SharedInformerFactory]:
    """A factory whose back-offs take a quarter of their time."""
    monkeypatch.setattr("kubeinformer.cache.factory.SystemClock", lambda: HastyClock(4.0))
    with SharedInformerFactory(server.config, on_error=errors.append) as made:
        yield made


@pytest.fixture
def maps(factory: SharedInformerFactory) -> Informer:
    return factory.informer(MAPS)


@pytest.fixture
def events(maps: Informer) -> Events:
    return maps.events()


def write(server: APIServer, name: str, resource: str = MAPS) -> str:
    """Create an object and return its version."""
    made: dict[str, Any] = server.create(resource, {"metadata": {"name": name}})
    return str(made["metadata"]["resourceVersion"])


def take(events: Events, count: int) -> list[Notification]:
    """Wait until so many events can be read, and read them."""
    eventually(lambda: events.pending >= count, WAIT)
    return [next(events) for _ in range(count)]


def said(events: list[Notification]) -> list[str]:
    """Return events in words such as `Added a`."""
    return [
        f"{type(event).__name__} {(event.new if isinstance(event, Updated) else event.object).name}"
        for event in events
    ]


def starts(server: APIServer) -> list[str]:
    """Return the versions that watches were asked for from."""
    return [request.query.get("resourceVersion", "") for request in server.requests.matching("watch", MAPS)]


def whole_lists(server: APIServer) -> int:
    """Return how many lists there were, but for those of one object, which ask what the server has reached."""
    return sum(request.query.get("limit") != "1" for request in server.requests.matching("list", MAPS))


def is_open(server: APIServer, watches: int) -> None:
    """Wait until that many watches were asked for, and one runs."""
    server.requests.wait_for(watches, "watch", MAPS, timeout=WAIT)
    server.wait_for_watches(1, MAPS, WAIT)


def quiet(server: APIServer, maps: Informer, events: Events) -> None:
    """Wait until all that was written has reached the stream, and make sure that nothing is left to read."""
    server.wait_for_watches(1, MAPS, WAIT)
    write(server, f"mark-{server.resource_version}", "secrets")
    reached = str(server.resource_version)
    server.send_bookmarks(MAPS)
    eventually(lambda: maps.resource_version == reached, WAIT)
    assert events.pending == 0


def test_no_watch_begins_without_a_version(
    server: APIServer, factory: SharedInformerFactory, events: Events, errors: list[BackgroundError]
) -> None:
    """Invariant 255: a list that has none is refused and asked for again, and no watch begins at "" or 0."""
    write(server, "a")
    server.next_request(verb="list", resource=MAPS).answers_badly("no version")
    factory.start()
    assert said(take(events, 1)) == ["Added a"]
    is_open(server, 1)
    assert not {"", "0"} & set(starts(server))
    assert "no resourceVersion" in str(errors[0].error)


@pytest.mark.parametrize(
    "fails",
    [
        lambda requests: requests.answers(500),
        lambda requests: requests.answers(504, "upstream timed out"),
        lambda requests: requests.answers(410, expired_list().document()),
        lambda requests: requests.resets(),
        lambda requests: requests.closes(),
        lambda requests: requests.answers(200, ""),
    ],
    ids=["500", "504", "410", "reset", "closed", "no stream"],
)
def test_a_watch_that_cannot_be_opened_is_opened_again(
    server: APIServer, factory: SharedInformerFactory, events: Events, fails: Callable[[Requests], object]
) -> None:
    """Invariant 256: from the same version, or after 410, which client-go asks forever, from that of a new list."""
    write(server, "a")
    fails(server.next_request(verb="watch", resource=MAPS))
    factory.start()
    assert said(take(events, 1)) == ["Added a"]
    server.requests.wait_for(1, "watch", MAPS, timeout=WAIT)
    written = write(server, "b")
    assert said(take(events, 1)) == ["Added b"]
    is_open(server, 2)
    first, second = starts(server)[:2]
    gone = server.requests.matching("watch", MAPS)[0].status == 410
    assert second in ({first, written} if gone else {first})
    assert whole_lists(server) == 1 + gone


def test_nothing_is_told_from_before_the_list(
    server: APIServer, factory: SharedInformerFactory, maps: Informer, events: Events
) -> None:
    """Invariant 257: the history of what is listed is not replayed; where nothing changes the stream stays open."""
    write(server, "a")
    server.patch(MAPS, "a", {"data": {"k": "v"}})
    write(server, "gone")
    server.delete(MAPS, "gone")
    factory.start()
    [told] = take(events, 1)
    assert isinstance(told, Added)
    assert told.initial
    assert told.object["data"] == {"k": "v"}
    quiet(server, maps, events)
    assert (len(starts(server)), whole_lists(server)) == (1, 1)


def test_410_in_the_stream_is_made_up_for_by_a_list(
    server: APIServer, factory: SharedInformerFactory, maps: Informer, events: Events
) -> None:
    """Invariant 258: client-go's watcher ends there; this one lists once, tells the difference and goes on."""
    for name in ("a", "b"):
        write(server, name)
    factory.start()
    take(events, 2)
    is_open(server, 1)
    expired = {"type": "ERROR", "object": expired_list().document()}
    server.send_raw_to_watches(json.dumps(expired).encode() + b"\n", MAPS)
    eventually(lambda: maps.status.errors == 1, WAIT)
    server.delete(MAPS, "b")
    write(server, "c")
    assert sorted(said(take(events, 2))) == ["Added c", "Deleted b"]
    is_open(server, 2)
    quiet(server, maps, events)
    assert whole_lists(server) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_watch_that_is_not_allowed_is_waited_for(
    server: APIServer, factory: SharedInformerFactory, maps: Informer, events: Events, status: int
) -> None:
    """Invariant 259: client-go's watcher ends there; this one says so, keeps its place, and goes on when it may."""
    write(server, "a")
    refusal = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": "no"}
    with server.every_request(verb="watch", resource=MAPS).answers(status, refusal) as refused:
        factory.start()
        assert said(take(events, 1)) == ["Added a"]
        eventually(lambda: refused.hits >= 2, WAIT)
        assert f"watch {MAPS}: {status}" in str(maps.status.last_error)
        write(server, "b")
    assert said(take(events, 1)) == ["Added b"]
    quiet(server, maps, events)


@pytest.mark.parametrize(
    "found",
    [
        {"kind": "Status", "code": 504, "reason": "Timeout", "status": "Failure", "message": "timed out"},
        {"kind": "Status", "code": 500, "reason": "InternalError", "status": "Failure", "message": "no"},
        {"kind": "Status", "code": 555, "reason": "Odd", "status": "Failure", "message": "odd"},
        {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "odd", "namespace": "default"}},
        {},
    ],
    ids=["timeout", "internal error", "unknown code", "not a Status", "nothing"],
)
def test_an_error_in_the_stream_costs_nothing(
    server: APIServer,
    factory: SharedInformerFactory,
    maps: Informer,
    events: Events,
    found: dict[str, object],
) -> None:
    """Invariant 260: the next watch goes on from the last event, and everything is told once."""
    factory.start()
    is_open(server, 1)
    last = write(server, "a")
    server.send_raw_to_watches(json.dumps({"type": "ERROR", "object": found}).encode() + b"\n", MAPS)
    eventually(lambda: maps.status.errors == 1, WAIT)
    write(server, "b")
    is_open(server, 2)
    write(server, "c")
    assert said(take(events, 3)) == ["Added a", "Added b", "Added c"]
    assert (starts(server)[1], whole_lists(server)) == (last, 1)
    quiet(server, maps, events)


@pytest.mark.parametrize(
    ("count", "every", "foreign"),
    [(1, 1, 0), (2, 1, 0), (2, 1, 3), (5, 1, 0), (5, 2, 3), (30, 7, 0), (30, 7, 3)],
)
def test_closed_watches_are_resumed_without_gaps_or_doubles(
    server: APIServer,
    factory: SharedInformerFactory,
    maps: Informer,
    events: Events,
    count: int,
    every: int,
    foreign: int,
) -> None:
    """Invariant 261: each watch starts at the last version that was told, however far apart the versions are."""
    factory.start()
    is_open(server, 1)
    expected_starts, written = starts(server), []
    for number in range(count):
        for other in range(foreign):
            write(server, f"other-{number}-{other}", "secrets")
        written.append(write(server, f"map-{number}"))
        if (number + 1) % every == 0:
            is_open(server, len(expected_starts))
            server.close_watches(MAPS)
            expected_starts.append(written[-1])
    told = take(events, count)
    assert said(told) == [f"Added map-{number}" for number in range(count)]
    assert [event.object.resource_version for event in told if isinstance(event, Added)] == written
    is_open(server, len(expected_starts))
    assert starts(server) == expected_starts
    assert whole_lists(server) == 1
    quiet(server, maps, events)


@pytest.mark.parametrize("end", ["close", "informer", "factory"])
def test_a_stream_ends_with_events_unread(
    server: APIServer, factory: SharedInformerFactory, maps: Informer, events: Events, end: str
) -> None:
    """Invariants 262, 266 and 267: whoever waits for the next event is let go, the rest is dropped; twice is fine."""
    before = set(threading.enumerate())
    for name in ("a", "b", "c"):
        write(server, name)
    waited_for = maps.events()
    read: list[Notification] = []
    reader = threading.Thread(target=lambda: read.extend(waited_for), daemon=True)
    factory.start()
    reader.start()
    eventually_equal(lambda: (len(read), events.pending, waited_for.pending), (3, 3, 0), WAIT)
    for _ in range(2):
        if end == "informer":
            maps.stop()
        elif end == "factory":
            factory.stop()
        else:
            waited_for.close()
            events.close()
    reader.join(WAIT)
    assert not reader.is_alive()
    assert said(read) == ["Added a", "Added b", "Added c"]
    assert (list(events), events.pending) == ([], 0)
    events.close()
    factory.stop()
    assert not set(threading.enumerate()) - before


@pytest.mark.parametrize("is_read", [False, True], ids=["unread", "read meanwhile"])
def test_a_thousand_events_keep_their_order(
    server: APIServer, factory: SharedInformerFactory, events: Events, is_read: bool
) -> None:
    """Invariant 266: as they were written, across all objects, whether somebody reads meanwhile or nobody does."""
    factory.start()
    is_open(server, 1)
    read: list[Notification] = []
    reader = threading.Thread(target=lambda: read.extend(take(events, 1)[0] for _ in range(1000)))
    if is_read:
        reader.start()
    written = []
    for number in range(250):
        written.append(write(server, f"map-{number}"))
        for value in ("1", "2"):
            changed = server.patch(MAPS, f"map-{number}", {"data": {"k": value}})
            written.append(changed["metadata"]["resourceVersion"])
        server.delete(MAPS, f"map-{number}")
        written.append(str(server.resource_version))
    if not is_read:
        reader.start()
    reader.join(WAIT)
    versions = [
        (event.new if isinstance(event, Updated) else event.object).resource_version for event in read
    ]
    assert versions == written
    assert [type(event) for event in read] == [Added, Updated, Updated, Deleted] * 250


@pytest.mark.parametrize("load", ["list", "watch"])
def test_what_is_there_comes_first(server: APIServer, factory: SharedInformerFactory, load: Any) -> None:
    """Invariant 267: as Added, by a list as by a watch, whose closing bookmark is not told; then what happens."""
    for name in ("a", "b"):
        write(server, name)
    maps = factory.informer(MAPS, load=load)
    with maps.events() as events:
        factory.start()
        first = take(events, 2)
        assert sorted(said(first)) == ["Added a", "Added b"]
        assert all(isinstance(event, Added) and event.initial for event in first)
        is_open(server, 1)
        server.patch(MAPS, "a", {"data": {"k": "v"}})
        server.delete(MAPS, "b")
        write(server, "c")
        live = take(events, 3)
        assert said(live) == ["Updated a", "Deleted b", "Added c"]
        assert isinstance(live[2], Added)
        assert not live[2].initial
        quiet(server, maps, events)
    assert whole_lists(server) == (load == "list")


def test_what_a_list_lacks_is_told_as_deleted(
    server: APIServer, factory: SharedInformerFactory, maps: Informer, events: Events
) -> None:
    """Invariant 268: with the last state that was known, once, and marked as a guess."""
    write(server, "a")
    server.create(MAPS, {"metadata": {"name": "b", "labels": {"n": "b"}}, "data": {"k": "last"}})
    factory.start()
    take(events, 2)
    is_open(server, 1)
    with server.refuse_connections():
        server.delete(MAPS, "b")
        server.expire_history()
    [gone] = take(events, 1)
    assert isinstance(gone, Deleted)
    assert isinstance(gone.object, DeletedFinalStateUnknown)
    assert (gone.object.name, dict(gone.object.labels)) == ("b", {"n": "b"})
    assert gone.object["data"] == {"k": "last"}
    quiet(server, maps, events)
