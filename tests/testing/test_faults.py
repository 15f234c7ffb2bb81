"""Faults of the in-memory server, as clients see them, and informers that live through them."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.history import History, eventually
from tests.testing.asking import ask

from kubeinformer import SharedInformerFactory
from kubeinformer.testing import APIServer, FakeClock
from kubeinformer.testing.api_server.bad_lines import BAD_ANSWERS, BAD_LINES

PODS = "/api/v1/pods"
WAIT = 60.0


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        running.create("pods", {"metadata": {"name": "first", "labels": {"k": "v"}}})
        yield running


def raw(server: APIServer, path: str, count: int = -1, timeout: float = 5.0) -> bytes:
    """Return the bytes of an answer, up to the end of the connection or to `count`."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
            if 0 <= count <= len(received):
                break
        return received


def test_the_next_request_of_a_kind_is_answered_otherwise(server: APIServer) -> None:
    """Once, with status, headers and body; others are not hit."""
    fault = server.next_request(verb="list", resource="pods").answers(
        429, {"a": 1}, headers={"Retry-After": "7"}
    )
    assert ask(server, "GET", "/api/v1/nodes").status == 200
    refused = ask(server, "GET", PODS)
    assert (refused.status, refused.headers["retry-after"], refused.body) == (429, "7", {"a": 1})
    assert ask(server, "GET", PODS).status == 200
    assert fault.hits == 1


def test_several_requests_are_hit_and_no_more(server: APIServer) -> None:
    """A count is a count."""
    server.next_request(2).answers(503)
    assert [ask(server, "GET", PODS).status for _ in range(3)] == [503, 503, 200]


def test_every_request_is_hit_until_the_block_ends(server: APIServer) -> None:
    """`with` takes the fault back, and tells how many it hit."""
    with server.every_request(resource="pods").answers(500) as fault:
        assert [ask(server, "GET", PODS).status for _ in range(3)] == [500] * 3
    assert ask(server, "GET", PODS).status == 200
    assert fault.hits == 3


def test_a_fault_can_last_for_a_time() -> None:
    """On the server's clock, which a test may move."""
    with APIServer(clock=FakeClock()) as server:
        server.every_request(for_seconds=30).answers(503)
        assert ask(server, "GET", PODS).status == 503
        server.advance(29)
        assert ask(server, "GET", PODS).status == 503
        server.advance(2)
        assert ask(server, "GET", PODS).status == 200


def test_a_predicate_chooses_requests(server: APIServer) -> None:
    """It sees the whole record."""
    server.every_request(matching=lambda record: record.query.get("limit") == "1").answers(500)
    assert [ask(server, "GET", f"{PODS}?limit={limit}").status for limit in (1, 2)] == [500, 200]


@pytest.mark.parametrize("how", ["resets", "closes"])
def test_connections_end_without_an_answer(server: APIServer, how: str) -> None:
    """By RST or by FIN, before a byte of the answer."""
    getattr(server.next_request(), how)()
    with pytest.raises(ConnectionResetError if how == "resets" else http.client.RemoteDisconnected):
        ask(server, "GET", PODS)
    assert ask(server, "GET", PODS).status == 200


def test_a_request_hangs(server: APIServer) -> None:
    """The connection stays open, and says nothing until the client gives up."""
    server.next_request().hangs()
    with pytest.raises(TimeoutError):
        raw(server, PODS, timeout=0.2)
    assert ask(server, "GET", PODS).status == 200


@pytest.mark.parametrize("reset", [False, True])
def test_an_answer_breaks_off(server: APIServer, reset: bool) -> None:
    """After so many bytes the connection ends, by FIN or RST."""
    server.next_request().breaks_off(100, reset=reset)
    try:
        received = raw(server, PODS)
    except ConnectionResetError:
        assert reset
    else:
        assert not reset
        assert len(received) == 100
        assert received.startswith(b"HTTP/1.1 200 OK")


def test_an_answer_falls_silent(server: APIServer) -> None:
    """So many bytes come, and then nothing, with the connection open."""
    server.next_request().falls_silent(50)
    assert len(raw(server, PODS, 50)) == 50
    server.next_request().falls_silent(50)
    with pytest.raises(TimeoutError):
        raw(server, PODS, timeout=0.2)


@pytest.mark.parametrize(
    "how",
    [
        lambda requests: requests.drips(7, 0.0001),
        lambda requests: requests.splits(1),
        lambda requests: requests.splits(),
    ],
    ids=["drips", "single bytes", "random pieces"],
)
def test_a_split_answer_is_whole_in_the_end(server: APIServer, how: Callable[[object], object]) -> None:
    """Pieces through the HTTP head and through UTF-8 make the same answer."""
    server.create("pods", {"metadata": {"name": "second", "annotations": {"k": "äöü€😀"}}})
    whole = ask(server, "GET", PODS).body
    how(server.next_request())
    assert ask(server, "GET", PODS).body == whole


@pytest.mark.parametrize("what", sorted(BAD_ANSWERS))
def test_bad_answers_have_names(server: APIServer, what: str) -> None:
    """They are sent as they are, with status 200."""
    server.next_request().answers_badly(what)
    received = raw(server, PODS, len(BAD_ANSWERS[what]) + 1)
    assert received.startswith(b"HTTP/1.1 200")
    assert received.endswith(BAD_ANSWERS[what])


def test_an_old_server_knows_nothing_of_streaming_lists(server: APIServer) -> None:
    """The parameters are ignored: a plain watch from now on, without the closing bookmark."""
    query = (
        "watch=1&timeoutSeconds=1&allowWatchBookmarks=1&sendInitialEvents=1&resourceVersionMatch=NotOlderThan"
    )
    server.next_request().ignores_send_initial_events()
    event = ask(server, "GET", f"{PODS}?{query}&resourceVersion={server.resource_version}").body
    assert event == []
    server.next_request().never_ends_initial_events()
    event = ask(server, "GET", f"{PODS}?{query}").body
    assert event["type"] == "ADDED"


def test_bookmarks_come_at_another_time() -> None:
    """Late, or never, on the server's clock."""
    with APIServer(clock=FakeClock(), bookmark_interval=60) as server:
        server.next_request(verb="watch").sends_bookmarks_every(300)
        found: list[Any] = []
        query = f"watch=1&allowWatchBookmarks=1&timeoutSeconds=400&resourceVersion={server.resource_version}"
        reader = threading.Thread(target=lambda: found.append(ask(server, "GET", f"{PODS}?{query}").body))
        reader.start()
        server.wait_for_watches(1)
        server.advance(290)
        server.create("pods", {"metadata": {"name": "a"}})
        server.advance(110)
        reader.join(10)
    assert [event["type"] for event in found[0]] == ["ADDED", "BOOKMARK"]


def test_a_server_forgets_everything(server: APIServer) -> None:
    """Another cluster at the same address: empty, with small versions, and without the CRDs of the old one."""
    before = server.resource_version
    server.restart(forget=True)
    assert ask(server, "GET", PODS).body["items"] == []
    assert server.resource_version < before
    assert ask(server, "GET", "/api/v1/namespaces/default").status == 200


def test_a_snapshot_is_restored(server: APIServer) -> None:
    """Objects, versions and resources are those of then; a watch from later is silent, one from before is 410."""
    server.snapshot()
    then = server.resource_version
    server.delete("pods", "first")
    server.create("pods", {"metadata": {"name": "second"}})
    later = server.resource_version
    server.restore()
    assert [item["metadata"]["name"] for item in ask(server, "GET", PODS).body["items"]] == ["first"]
    assert server.resource_version == then
    assert ask(server, "GET", f"{PODS}?watch=1&timeoutSeconds=1&resourceVersion={later}").body == []
    gone = ask(server, "GET", f"{PODS}?watch=1&timeoutSeconds=1&resourceVersion={then - 1}").body
    assert (gone["type"], gone["object"]["code"]) == ("ERROR", 410)


def test_nothing_to_restore_is_an_error(server: APIServer) -> None:
    """It says so."""
    with pytest.raises(RuntimeError, match="no snapshot"):
        server.restore()


def changes(server: APIServer, name: str) -> None:
    server.create("pods", {"metadata": {"name": name}})
    server.patch("pods", "first", {"metadata": {"labels": {"k": name}}})


@pytest.mark.parametrize(
    "trouble",
    [
        lambda server: server.next_request(2, verb="list").answers(500),
        lambda server: server.next_request(verb="list").answers(429, headers={"Retry-After": "1"}),
        lambda server: server.next_request(verb="list").resets(),
        lambda server: server.next_request(verb="list").breaks_off(300),
        lambda server: server.next_request(verb="list").splits(1),
        lambda server: server.next_request(verb="list").answers_badly("half"),
        lambda server: server.next_request(verb="list").answers_badly("null items"),
        lambda server: server.next_request(verb="watch").answers(503),
        lambda server: server.next_request(verb="watch").closes(),
        lambda server: server.next_request(verb="watch").splits(1, 2, 3),
        lambda server: server.next_request(verb="watch").breaks_off(400, reset=True),
    ],
)
def test_an_informer_lives_through_it(server: APIServer, trouble: Callable[[APIServer], object]) -> None:
    """Whatever goes wrong at the start, the cache and the handlers end equal to the server."""
    trouble(server)
    history = History()
    with SharedInformerFactory(server.config) as factory:
        informer = factory.informer("pods")
        informer.add_event_handler(history.on_add, history.on_update, history.on_delete)
        factory.start()
        factory.wait_for_cache_sync(WAIT)
        changes(server, "second")
        expected = {
            f"default/{pod['metadata']['name']}": pod["metadata"]["resourceVersion"]
            for pod in server.list_objects("pods")
        }
        eventually(
            lambda: history.versions() == expected, WAIT, lambda: (history.versions(), informer.status)
        )
        assert history.faults == []


@pytest.mark.parametrize("what", sorted(BAD_LINES))
def test_an_informer_lives_through_a_bad_line(server: APIServer, what: str) -> None:
    """In the middle of a watch; what came before and after is not lost."""
    history = History()
    with SharedInformerFactory(server.config) as factory:
        informer = factory.informer("pods")
        informer.add_event_handler(history.on_add, history.on_update, history.on_delete)
        factory.start()
        factory.wait_for_cache_sync(WAIT)
        server.wait_for_watches(1, "pods")
        changes(server, "second")
        server.send_bad_line(what, "pods")
        changes(server, "third")
        expected = {"default/first", "default/second", "default/third"}
        eventually(
            lambda: expected <= set(history.versions()), WAIT, lambda: (history.versions(), informer.status)
        )
        assert history.faults == []
