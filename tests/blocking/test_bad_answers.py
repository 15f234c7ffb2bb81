"""A whole program against a server, or something in front of it, that answers nonsense."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.history import History, eventually

from kubeinformer import BackgroundError, Config, SharedInformerFactory
from kubeinformer.testing import APIServer
from kubeinformer.testing.api_server.request_log import RequestRecord

pytestmark = pytest.mark.usefixtures("hasty_clock")
WAIT = 20.0
SECRET = "hunter2"
HTML = "<html><body>Bad gateway</body></html>"
FORBIDDEN = {"kind": "Status", "apiVersion": "v1", "code": 403, "reason": "Forbidden", "message": "no"}

BAD_ANSWERS = [
    pytest.param(502, HTML, "text/html", 502, id="HTML with 502"),
    pytest.param(200, HTML, "text/html", 200, id="HTML with 200"),
    pytest.param(503, "overloaded", "text/plain", 503, id="text with 503"),
    pytest.param(403, FORBIDDEN, "application/json", 403, id="a Status with 403"),
    pytest.param(401, "", "application/json", 401, id="401 without a body"),
    pytest.param(302, "", "text/html", 302, id="a redirect"),
]
BAD_LISTS = [
    pytest.param(200, "", "application/json", 200, id="an empty body"),
    pytest.param(200, "null", "application/json", 200, id="null"),
    pytest.param(200, f'{{"items":[{{"data":"{SECRET}"', "application/json", 200, id="malformed JSON"),
    pytest.param(200, FORBIDDEN, "application/json", 403, id="a Status in place of a list"),
]


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        running.create("configmaps", {"metadata": {"name": "a"}, "data": {"x": SECRET}}, namespace="default")
        yield running


def is_list(request: RequestRecord) -> bool:
    return request.verb == "list" and request.resource == "configmaps"


def is_watch(request: RequestRecord) -> bool:
    return request.verb == "watch" and request.resource == "configmaps"


@pytest.mark.parametrize(("status", "body", "content_type", "told"), [*BAD_ANSWERS, *BAD_LISTS])
def test_a_bad_answer_to_a_list_is_told_and_tried_again(
    server: APIServer, status: int, body: str, content_type: str, told: int
) -> None:
    """One error with the HTTP code, no secret in it, then a second try that syncs."""
    headers = {"Location": "http://192.0.2.1/"} if status == 302 else {}
    server.respond_next(status, body, headers=headers, content_type=content_type, matching=is_list)
    errors: list[BackgroundError] = []
    with SharedInformerFactory(server.config, on_error=errors.append) as factory:
        informer = factory.informer("configmaps")
        factory.start()
        factory.wait_for_cache_sync(WAIT)
        assert [found.key for found in informer.lister.list()] == ["default/a"]
        eventually(lambda: len(errors) == 1, WAIT, lambda: errors)
    assert (errors[0].resource, errors[0].verb, errors[0].status) == ("configmaps", "list", told)
    assert errors[0].retry_in is not None
    assert SECRET not in str(errors[0]) + repr(errors[0])
    assert server.requests.count("list", "configmaps") == 2


@pytest.mark.parametrize(("status", "body", "content_type", "told"), BAD_ANSWERS)
def test_a_bad_answer_to_a_watch_leaves_the_store(
    server: APIServer, status: int, body: str, content_type: str, told: int
) -> None:
    """Case C08: one error with HTTP code, a retry after the back-off from the same version, the store untouched."""
    headers = {"Location": "http://192.0.2.1/"} if status == 302 else {}
    server.respond_next(status, body, headers=headers, content_type=content_type, matching=is_watch)
    errors: list[BackgroundError] = []
    with SharedInformerFactory(server.config, on_error=errors.append) as factory:
        informer = factory.informer("configmaps")
        factory.start()
        factory.wait_for_cache_sync(WAIT)
        eventually(lambda: len(errors) == 1, WAIT, lambda: errors)
        assert len(informer.lister) == 1
        server.create("configmaps", {"metadata": {"name": "b"}}, namespace="default")
        eventually(lambda: "default/b" in informer.lister, WAIT, lambda: informer.status)
    versions = [
        request.query["resourceVersion"] for request in server.requests.matching("watch", "configmaps")
    ]
    assert len(versions) == 2
    assert len(set(versions)) == 1
    assert errors[0].status == told
    assert server.requests.count("list", "configmaps") == 1


@pytest.mark.parametrize(
    "line", [b"null\n", b"[]\n", b'{"type":"ADDED","obj\n', b'{"type":"BOOKMARK","object":{"metadata":{}}}\n']
)
def test_a_bad_line_costs_no_neighbour(server: APIServer, line: bytes) -> None:
    """Case C08 end to end: reported, the next event gets through at once, a list makes up for what was lost."""
    errors: list[BackgroundError] = []
    history = History()
    with SharedInformerFactory(server.config, on_error=errors.append) as factory:
        informer = factory.informer("configmaps")
        informer.add_event_handler(history.on_add, history.on_update, history.on_delete)
        factory.start()
        factory.wait_for_cache_sync(WAIT)
        server.wait_for_watches(1)
        server.send_raw_to_watches(line)
        server.create("configmaps", {"metadata": {"name": "b"}}, namespace="default")
        eventually(lambda: "default/b" in informer.lister, WAIT, lambda: informer.status)
        eventually(lambda: informer.status.lists == 2 and factory.healthy(), WAIT, lambda: informer.status)
    assert [error.verb for error in errors] == ["watch"]
    assert history.faults == []
    assert history.calls == 2


def test_a_redirect_never_takes_the_token_along() -> None:
    """Case C08: whatever host a server points to, the credentials stay with the server they are for."""
    asked: list[str | None] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization"))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    elsewhere = HTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=elsewhere.serve_forever)
    thread.start()
    try:
        with APIServer() as server:
            target = f"http://localhost:{elsewhere.server_port}/"
            server.respond_next(307, "", headers={"Location": target}, times=5)
            errors: list[BackgroundError] = []
            config = Config(server=server.url, token=SECRET)
            with SharedInformerFactory(config, on_error=errors.append) as factory:
                factory.informer("configmaps")
                factory.start()
                eventually(lambda: len(errors) > 0, WAIT, str)
            assert "localhost" in str(errors[0])
            assert SECRET not in str(errors)
    finally:
        elsewhere.shutdown()
        elsewhere.server_close()
        thread.join(WAIT)
    assert asked == []


def test_a_server_that_is_not_there_is_awaited() -> None:
    """Case C17: not reachable at first; the cache fills once it is, without a restart of the program."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    errors: list[BackgroundError] = []
    with SharedInformerFactory(Config(server=f"http://127.0.0.1:{port}"), on_error=errors.append) as factory:
        factory.informer("configmaps")
        factory.start()
        eventually(lambda: len(errors) > 0, WAIT, str)
        assert "cannot connect" in str(errors[0])
        assert errors[0].status is None
        assert not factory.healthy()


def test_an_object_that_cannot_be_read_is_not_gone(server: APIServer) -> None:
    """Regression 20: set aside in a re-list, its last good state stays, its neighbours get through, no delete is told."""
    history = History()
    broken = (
        b'{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"900"},"items":['
        b'{"metadata":{"name":"a","namespace":"default","uid":"1","resourceVersion":"9","labels":{"x":5}}},'
        b'{"metadata":{"name":"b","namespace":"default","uid":"2","resourceVersion":"8"}}]}'
    )
    errors: list[BackgroundError] = []
    with SharedInformerFactory(server.config, on_error=errors.append) as factory:
        informer = factory.informer("configmaps")
        informer.add_event_handler(history.on_add, history.on_update, history.on_delete)
        factory.start()
        factory.wait_for_cache_sync(WAIT)
        server.wait_for_watches(1)
        server.respond_next(200, broken, matching=is_list)
        server.expire_history()
        server.create("configmaps", {"metadata": {"name": "z"}}, namespace="default")
        server.expire_history()
        eventually(lambda: informer.status.set_aside == 1, WAIT, lambda: informer.status)
        assert sorted(found.key for found in informer.lister.list()) == ["default/a", "default/b"]
        eventually(lambda: any(error.action == "set aside" for error in errors), WAIT, lambda: errors)
    assert [str(error.error) for error in errors if error.action == "set aside"] == [
        "configmaps default/a: Expected `str`, got `int` - at `$.metadata.labels[...]`"
    ]
    assert history.faults == []
