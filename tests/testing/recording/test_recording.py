"""What is recorded of an informer's connection is replayed as it was."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.history import eventually

from kubeinformer import Client, Config, KubernetesObject, SharedInformerFactory
from kubeinformer.errors import NotFound
from kubeinformer.testing import APIServer, record, replay
from kubeinformer.testing.recording.exchanges import RecordingError, read_recording
from kubeinformer.testing.recording.recording_file import RecordingFile
from kubeinformer.testing.recording.redaction import ChunkRedactor, redactor_for

WAIT = 60.0
SECRET = "never-to-be-seen"


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer(anonymous=False) as running:
        yield running


ONE: dict[str, Any] = {
    "kind": "Secret",
    "metadata": {"name": "a"},
    "data": {"k": SECRET},
    "stringData": {"s": SECRET},
}
TEXTS = {
    "object": json.dumps({"type": "ADDED", "object": ONE}),
    "broken": json.dumps(ONE)[:-9],
    "text": f"plain {SECRET}",
    "list": json.dumps({"kind": "SecretList", "items": [ONE, {"status": {"token": SECRET}}]}),
    "string": json.dumps(SECRET),
    "array": json.dumps([SECRET]),
    "unknown": json.dumps({"kind": "Other", "spec": SECRET}),
    "binary": f'k8s\0\n"{SECRET}"\nx',
    "status": json.dumps({"kind": "Status", "message": SECRET, "details": {"causes": [{"message": SECRET}]}}),
}


class Calls:
    """What a handler was told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []

    def on_add(self, added: KubernetesObject) -> None:
        self.told.append(("add", added.key, added.resource_version))

    def on_update(self, old: KubernetesObject, new: KubernetesObject) -> None:
        self.told.append(("update", new.key, new.resource_version))

    def on_delete(self, deleted: KubernetesObject) -> None:
        self.told.append(("delete", deleted.key, deleted.resource_version))


def changes(server: APIServer, first: int, count: int) -> None:
    for number in range(first, first + count):
        server.create("configmaps", {"metadata": {"name": f"map-{number}"}, "data": {"k": "äöü"}})
        server.patch("configmaps", f"map-{number}", {"data": {"n": str(number)}})
        if number % 3 == 0:
            server.delete("configmaps", f"map-{number}")


def test_a_replay_tells_handlers_what_the_recording_told(server: APIServer, tmp_path: Path) -> None:
    """Through a refused list, cut watches and lost history: the same calls in the same order."""
    file = tmp_path / "bug.jsonl"
    recorded_calls, replayed_calls = Calls(), Calls()
    changes(server, 0, 4)
    with record(server.config, file) as recorded:
        server.next_request(verb="list").answers(500)
        with SharedInformerFactory(recorded.config) as factory:
            informer = factory.informer("configmaps")
            informer.add_event_handler(
                recorded_calls.on_add, recorded_calls.on_update, recorded_calls.on_delete
            )
            factory.start()
            factory.wait_for_cache_sync(WAIT)
            server.wait_for_watches(1)
            changes(server, 10, 4)
            server.cut_connections()
            changes(server, 20, 4)
            server.expire_history()
            changes(server, 30, 4)
            server.create("configmaps", {"metadata": {"name": "the-end"}})
            eventually(
                lambda: "default/the-end" in {key for _, key, _ in recorded_calls.told},
                WAIT,
                lambda: informer.status,
            )
    assert len(recorded_calls.told) > 10
    with replay(file) as replayed, SharedInformerFactory(replayed.config) as factory:
        informer = factory.informer("configmaps")
        informer.add_event_handler(replayed_calls.on_add, replayed_calls.on_update, replayed_calls.on_delete)
        factory.start()
        replayed.wait_until_replayed(WAIT)
        eventually(
            lambda: len(replayed_calls.told) >= len(recorded_calls.told),
            WAIT,
            lambda: (replayed_calls.told, informer.status),
        )
    assert replayed_calls.told == recorded_calls.told
    assert replayed.unmatched == []


def test_verbs_pass_through_with_the_connections_own_credentials(server: APIServer, tmp_path: Path) -> None:
    """Writes and refusals too; the token is nowhere in the file."""
    file = tmp_path / "verbs.jsonl"
    with record(server.config, file) as recorded, Client(recorded.config) as client:
        client.create("configmaps", {"metadata": {"name": "a"}}, namespace="default")
        with pytest.raises(NotFound):
            client.get("configmaps", "b", namespace="default")
    assert server.count("configmaps") == 1
    text = file.read_text()
    assert server.admin_token not in text
    assert "Authorization" not in text
    statuses = [exchange.status for exchange in read_recording(file) if "configmaps" in exchange.path]
    assert statuses == [201, 404]


def test_secrets_stay_out_of_the_file(server: APIServer, tmp_path: Path) -> None:
    """Their names are there, their content is not, in lists and in watches; the program itself gets everything."""
    file = tmp_path / "secrets.jsonl"
    data = {"password": base64.b64encode(SECRET.encode()).decode()}
    server.create("secrets", {"metadata": {"name": "a"}, "data": data})
    with record(server.config, file) as recorded, SharedInformerFactory(recorded.config) as factory:
        informer = factory.informer("secrets")
        factory.start()
        factory.wait_for_cache_sync(WAIT)
        server.wait_for_watches(1)
        server.create("secrets", {"metadata": {"name": "b"}, "stringData": {"password": SECRET}})
        eventually(lambda: len(informer.lister) == 2, WAIT, lambda: informer.status)
        assert informer.lister.get("a", "default")["data"] == data
    text = file.read_text()
    assert SECRET not in text
    assert data["password"] not in text
    assert text.count("REDACTED") >= 2
    with replay(file) as replayed, SharedInformerFactory(replayed.config) as factory:
        informer = factory.informer("secrets")
        factory.start()
        eventually(lambda: informer.has_synced and len(informer.lister) == 2, WAIT, lambda: informer.status)
        assert informer.lister.get("a", "default")["data"] == {"password": "REDACTED"}


def test_redaction_can_be_left_out(server: APIServer, tmp_path: Path) -> None:
    """On request everything is written."""
    file = tmp_path / "all.jsonl"
    server.create("secrets", {"metadata": {"name": "a"}, "stringData": {"password": SECRET}})
    with record(server.config, file, redact=None) as recorded, Client(recorded.config) as client:
        client.list("secrets")
    assert SECRET in file.read_text()


@given(
    st.lists(st.sampled_from(sorted(TEXTS)), max_size=4),
    st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=20),
    st.booleans(),
)
def test_no_chunking_lets_a_secret_through(kinds: list[str], sizes: list[int], lines: bool) -> None:
    """Whole or malformed, in whatever pieces it comes."""
    body = "".join(TEXTS[kind] + "\n" for kind in kinds).encode()
    redactor = ChunkRedactor(lines=lines)
    written = b""
    position = 0
    for size in sizes:
        written += redactor.feed(body[position : position + size])
        position += size
    written += redactor.feed(body[position:]) + redactor.finish()
    assert SECRET.encode() not in written
    if lines:
        assert written.count(b"\n") == body.count(b"\n")


def test_large_bodies_pass_through(server: APIServer, tmp_path: Path) -> None:
    """More than a megabyte, as a large object has."""
    with record(server.config, tmp_path / "large.jsonl") as recorded, Client(recorded.config) as client:
        body = {"metadata": {"name": "large"}, "data": {"k": "x" * 2_000_000}}
        client.create("configmaps", body, namespace="default")
    assert len(server.get("configmaps", "large")["data"]["k"]) == 2_000_000


@pytest.mark.parametrize("end", [[], [{"exchange": 1, "at": 0, "end": "client gone"}]])
def test_a_half_recorded_list_is_no_whole_answer(tmp_path: Path, end: list[Any]) -> None:
    """The connection ends in its middle, as far as it was recorded."""
    steps = [
        {"recording": 1},
        {"exchange": 1, "at": 0, "request": {"method": "GET", "path": "/api/v1/pods", "query": {}}},
        {"exchange": 1, "at": 0, "answer": {"status": 200, "headers": {"Content-Type": "application/json"}}},
        {"exchange": 1, "at": 0, "body": '{"items":['},
        *end,
    ]
    file = tmp_path / "half.jsonl"
    file.write_text("".join(json.dumps(step) + "\n" for step in steps))
    with replay(file) as replayed:
        connection = http.client.HTTPConnection(replayed.url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/api/v1/pods")
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            connection.getresponse().read()
        connection.close()


def test_a_watch_after_the_end_is_open_and_silent(server: APIServer, tmp_path: Path) -> None:
    """The client has its answer's head, and waits for events."""
    file = tmp_path / "watch.jsonl"
    with record(server.config, file) as recorded, SharedInformerFactory(recorded.config) as factory:
        factory.informer("configmaps")
        factory.start()
        factory.wait_for_cache_sync(WAIT)
        eventually(
            lambda: any("watch" in one.query and one.status for one in read_recording(file)),
            WAIT,
            file.read_text,
        )
    [query] = {tuple(sorted(one.query.items())) for one in read_recording(file) if "watch" in one.query}
    with replay(file) as replayed:
        for _ in range(2):  # the one that was recorded, and one more
            connection = http.client.HTTPConnection(replayed.url.removeprefix("http://"), timeout=10)
            connection.request("GET", f"/api/v1/configmaps?{urlencode(query)}")
            assert connection.getresponse().status == 200
            connection.close()


def test_an_encoded_path_hides_nothing_from_redaction() -> None:
    """`%73ecrets` is `secrets`."""
    assert redactor_for("/api/v1/%73ecrets", watch=False) is not None
    assert redactor_for("/api/v1/configmaps", watch=False) is None


def test_what_was_never_asked_is_not_answered(server: APIServer, tmp_path: Path) -> None:
    """A clear refusal, and a list of such requests."""
    file = tmp_path / "short.jsonl"
    with record(server.config, file) as recorded, Client(recorded.config) as client:
        client.list("configmaps")
    with replay(file) as replayed, Client(replayed.config) as client:
        client.list("configmaps")
        with pytest.raises(NotFound, match="nothing was recorded for GET /api/v1/pods"):
            client.list("pods")
        assert [entry.path for entry in replayed.unmatched] == ["/api/v1/pods"]
        replayed.wait_until_replayed(1)


def test_what_nobody_asks_for_is_named(server: APIServer, tmp_path: Path) -> None:
    """When the wait for the end is in vain."""
    file = tmp_path / "long.jsonl"
    with record(server.config, file) as recorded, Client(recorded.config) as client:
        client.list("configmaps")
    with replay(file) as replayed, pytest.raises(TimeoutError, match="GET /api/v1/configmaps"):
        replayed.wait_until_replayed(0.01)


def test_a_server_that_is_down_is_recorded_as_such(tmp_path: Path) -> None:
    """The client's connection ends without an answer, in the recording and in the replay."""
    with APIServer() as gone:
        config = gone.config
    file = tmp_path / "down.jsonl"
    with (
        record(config, file) as recorded,
        pytest.raises(OSError, match="127"),
        Client(recorded.config) as client,
    ):
        client.list("configmaps")
    assert {exchange.end for exchange in read_recording(file)} == {"unreachable"}
    with replay(file) as replayed, pytest.raises(OSError, match="127"), Client(replayed.config) as client:
        client.list("configmaps")


def test_a_file_has_its_bounds(tmp_path: Path) -> None:
    """What is too much is left out, and said so; the rest can be read."""
    file = tmp_path / "small.jsonl"
    writer = RecordingFile(file, 400)
    number = writer.begin("GET", "/api/v1/pods", {})
    writer.answer(number, 200, {})
    for _ in range(100):
        writer.body(number, b"\xff" * 10)
    writer.close()
    assert file.stat().st_size < 500
    assert file.read_text().endswith('{"truncated":true}\n')
    [exchange] = read_recording(file)
    assert exchange.chunks[0][1] == b"\xff" * 10


def test_a_half_last_line_is_left_out(tmp_path: Path) -> None:
    """As a crash leaves it; a broken line in the middle is an error."""
    file = tmp_path / "crashed.jsonl"
    head = '{"recording":1}\n{"exchange":1,"at":0,"request":{"method":"GET","path":"/a","query":{}}}\n'
    file.write_text(head + '{"exchange":1,"at":0,"bo')
    assert [exchange.path for exchange in read_recording(file)] == ["/a"]
    file.write_text(head + "nonsense\n" + '{"exchange":1,"at":0,"end":"complete"}\n')
    with pytest.raises(RecordingError, match="line 3"):
        read_recording(file)


@pytest.mark.parametrize("text", ["", "text\n", "{}\n", '{"recording":2}\n'])
def test_another_file_is_an_error(tmp_path: Path, text: str) -> None:
    """Of another version, or no recording at all."""
    file = tmp_path / "other.jsonl"
    file.write_text(text)
    with pytest.raises(RecordingError, match=r"other\.jsonl is "):
        read_recording(file)


def test_time_can_be_replayed_too(tmp_path: Path) -> None:
    """At a speed, the pauses between the parts of a body are those of the recording, scaled."""
    file = tmp_path / "slow.jsonl"
    steps = [
        {"recording": 1},
        {"exchange": 1, "at": 0.0, "request": {"method": "GET", "path": "/version", "query": {}}},
        {
            "exchange": 1,
            "at": 0.0,
            "answer": {"status": 200, "headers": {"Content-Type": "application/json"}},
        },
        {"exchange": 1, "at": 0.0, "body": '{"a":'},
        {"exchange": 1, "at": 30.0, "body": "1}"},
        {"exchange": 1, "at": 30.0, "end": "complete"},
    ]
    file.write_text("".join(json.dumps(step) + "\n" for step in steps))
    with replay(file, speed=300) as replayed:
        import time
        import urllib.request

        began = time.monotonic()
        with urllib.request.urlopen(f"{replayed.url}/version") as answer:
            assert json.loads(answer.read()) == {"a": 1}
        assert time.monotonic() - began >= 0.09


def test_the_config_needs_no_credentials(server: APIServer, tmp_path: Path) -> None:
    """Those of the recorded connection are added on the way; the client's own are not passed on."""
    with record(server.config, tmp_path / "x.jsonl") as recorded:
        for token in (None, "somebody-else"):
            with Client(Config(server=recorded.url, token=token)) as client:
                assert client.list("pods") == []
