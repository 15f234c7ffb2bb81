"""Reports from the field as acceptance cases: a whole informer, over real HTTP, on a server that misbehaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.history import History

from kubeinformer import DeletedFinalStateUnknown, Informer, KubernetesObject, SharedInformerFactory
from kubeinformer.errors import CacheSyncTimeout
from kubeinformer.testing import APIServer, eventually
from kubeinformer.testing.api_server.refusals import expired_continue, expired_list
from kubeinformer.testing.api_server.request_log import RequestRecord

WAIT = 60.0
MAPS = 1_200


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running


def fill(server: APIServer, count: int) -> None:
    for number in range(count):
        server.create("configmaps", {"metadata": {"name": f"map-{number:04}"}})


def versions(server: APIServer) -> dict[str, str]:
    """Return what the cache has to end as."""
    found = server.list_objects("configmaps")
    return {f"default/{one['metadata']['name']}": one["metadata"]["resourceVersion"] for one in found}


def later_page(request: RequestRecord) -> bool:
    return request.verb == "list" and "continue" in request.query


@pytest.fixture
def history() -> History:
    return History()


@pytest.fixture
def factory(server: APIServer) -> Iterator[SharedInformerFactory]:
    with SharedInformerFactory(server.config) as made:
        yield made


@pytest.fixture
def start(factory: SharedInformerFactory) -> Callable[[], object]:
    """Starts the informer."""
    return factory.start


@pytest.fixture
def informer(factory: SharedInformerFactory, history: History) -> Informer:
    """An informer of ConfigMaps that is not started yet."""
    found = factory.informer("configmaps")
    found.add_event_handler(history.on_add, history.on_update, history.on_delete)
    return found


def agrees(server: APIServer, informer: Informer, history: History) -> None:
    """Wait until the cache and the handler know exactly what the server has, and nothing was told twice."""
    eventually(lambda: informer.has_synced and history.versions() == versions(server), WAIT)
    assert {one.key: one.resource_version for one in informer.lister.list()} == versions(server)
    assert history.faults == []


def test_pages_ask_for_their_token_alone(
    server: APIServer, informer: Informer, start: Callable[[], object], history: History
) -> None:
    """Case C02: no version and no match beside a token, which the server would refuse."""
    fill(server, MAPS)
    start()
    agrees(server, informer, history)
    later = [request.query for request in server.requests if later_page(request)]
    assert len(later) == 2
    assert all({"resourceVersion", "resourceVersionMatch"}.isdisjoint(query) for query in later)
    assert history.calls == MAPS


@pytest.mark.parametrize(
    "refusal",
    [lambda: expired_continue("default/map-0500\0"), expired_list],
    ids=["with a fresh token", "without a token"],
)
def test_a_token_expires_between_pages(
    server: APIServer,
    informer: Informer,
    start: Callable[[], object],
    history: History,
    refusal: Callable[[], Any],
) -> None:
    """Case C02: one new list, no object twice, and none that only the discarded page had."""
    fill(server, MAPS)

    def delete_one(request: RequestRecord) -> bool:
        if later_page(request):
            server.delete("configmaps", "map-0007")
            return True
        return False

    server.next_request(matching=delete_one).answers(410, refusal().document())
    start()
    agrees(server, informer, history)
    assert history.calls == MAPS - 1
    assert server.requests.count("list", "configmaps") <= 5


def test_items_that_are_null_are_no_list(
    server: APIServer, informer: Informer, start: Callable[[], object], history: History
) -> None:
    """Case C02: neither a crash, nor a store that is emptied."""
    fill(server, 3)
    server.next_request(verb="list").answers_badly("null items")
    start()
    server.wait_for_watches(1, timeout=WAIT)
    server.create("configmaps", {"metadata": {"name": "later"}})
    eventually(lambda: "default/later" in history.versions(), WAIT)
    assert history.faults == []


def test_events_come_byte_by_byte(
    server: APIServer, informer: Informer, start: Callable[[], object], history: History
) -> None:
    """Case C06: through characters of two, three and four bytes, and chunk heads."""
    fill(server, 1)
    server.every_request(verb="watch").splits(1)
    start()
    server.wait_for_watches(1, timeout=WAIT)
    for number, text in enumerate(("äöü", "€", "😀 and more")):
        server.create("configmaps", {"metadata": {"name": f"text-{number}"}, "data": {"k": text}})
    agrees(server, informer, history)
    assert informer.lister.get("text-2", "default")["data"]["k"] == "😀 and more"


def test_half_an_event_and_then_a_cut(
    server: APIServer, informer: Informer, start: Callable[[], object], history: History
) -> None:
    """Case C06: the half is dropped, and the watch goes on from the last whole one."""
    start()
    server.wait_for_watches(1, timeout=WAIT)
    server.create("configmaps", {"metadata": {"name": "whole"}})
    server.send_bad_line("half a line")
    server.cut_connections(reset=False)
    server.create("configmaps", {"metadata": {"name": "after"}})
    agrees(server, informer, history)


def test_lines_of_megabytes_arrive(
    server: APIServer, informer: Informer, start: Callable[[], object], history: History
) -> None:
    """Case C07: 70 kB, 1.5 MB and 8 MB, each followed by a small one."""
    start()
    server.wait_for_watches(1, timeout=WAIT)
    for number, size in enumerate((70_000, 1_500_000, 8_000_000)):
        server.create("configmaps", {"metadata": {"name": f"large-{number}"}, "data": {"k": "x" * size}})
        server.create("configmaps", {"metadata": {"name": f"small-{number}"}})
    agrees(server, informer, history)
    assert len(informer.lister.get("large-2", "default")["data"]["k"]) == 8_000_000


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (401, {"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "no"}, {}),
        (200, {"kind": "Status", "code": 500, "message": "no"}, {}),
        (502, "<html>Bad Gateway</html>", {}),
        (503, "unavailable", {}),
        (302, "", {"Location": "http://127.0.0.1:1/elsewhere"}),
        (200, "null\n", {}),
        (200, "[]\n", {}),
    ],
    ids=["401", "200 with a Status", "HTML", "text", "another host", "null", "an array"],
)
def test_what_is_no_watch_is_one_error(
    server: APIServer,
    informer: Informer,
    start: Callable[[], object],
    history: History,
    status: int,
    body: Any,
    headers: dict[str, str],
) -> None:
    """Case C08: it is named with its status, retried, and the store is untouched."""
    fill(server, 2)
    server.next_request(verb="watch").answers(status, body, headers=headers)
    start()
    eventually(lambda: informer.status.errors >= 1, WAIT)
    assert history.versions() == versions(server)
    server.create("configmaps", {"metadata": {"name": "later"}})
    agrees(server, informer, history)


def test_410_is_one_list_whose_difference_is_told(
    server: APIServer, informer: Informer, start: Callable[[], object]
) -> None:
    """Case C10: never a jump ahead; an end that was missed is told with the last state that was known."""
    told: list[tuple[str, str]] = []
    ends: list[KubernetesObject] = []

    def on_delete(gone: KubernetesObject) -> None:
        told.append(("delete", gone.name))
        ends.append(gone)

    for name in ("a", "b", "c"):
        server.create("configmaps", {"metadata": {"name": name, "labels": {"n": name}}})
    start()
    server.wait_for_watches(1, timeout=WAIT)
    informer.add_event_handler(
        lambda added: told.append(("add", added.name)),
        lambda _, new: told.append(("update", new.name)),
        on_delete,
    )
    eventually(lambda: len(told) == 3, WAIT)
    told.clear()
    with server.refuse_connections():
        server.patch("configmaps", "a", {"data": {"k": "v"}})
        server.create("configmaps", {"metadata": {"name": "d"}})
        server.delete("configmaps", "b")
        server.delete("configmaps", "c")
        server.expire_history()
    eventually(lambda: len(told) == 4, WAIT)
    assert sorted(told) == [("add", "d"), ("delete", "b"), ("delete", "c"), ("update", "a")]
    assert all(isinstance(gone, DeletedFinalStateUnknown) and gone.labels for gone in ends)
    assert server.requests.count("list", "configmaps") == 2


@pytest.mark.parametrize("where", ["header", "status"])
def test_throttling_keeps_the_position(
    server: APIServer, informer: Informer, start: Callable[[], object], history: History, where: str
) -> None:
    """Case C15: no list in between, no retry before its time, and a stop that does not wait for it."""
    fill(server, 2)
    body = {"kind": "Status", "code": 429, "reason": "TooManyRequests", "details": {"retryAfterSeconds": 2}}
    headers = {"Retry-After": "2"} if where == "header" else {}
    server.next_request(verb="watch").answers(429, body if where == "status" else "", headers=headers)
    start()
    server.requests.wait_for(2, "watch", "configmaps", timeout=WAIT)
    first, second = server.requests.matching("watch", "configmaps")
    assert second.time - first.time >= 2.0
    assert first.query["resourceVersion"] == second.query["resourceVersion"]
    assert server.requests.count("list", "configmaps") == 1
    server.create("configmaps", {"metadata": {"name": "later"}})
    agrees(server, informer, history)


def test_a_stop_does_not_wait_for_throttling(server: APIServer) -> None:
    """Case C15: in the middle of a pause of an hour the block ends."""
    server.every_request(verb="watch").answers(429, headers={"Retry-After": "3600"})
    with SharedInformerFactory(server.config) as factory:
        informer = factory.informer("configmaps")
        factory.start()
        eventually(lambda: informer.status.state == "waiting" and informer.status.errors == 1, WAIT)
    assert server.requests.count("watch", "configmaps") == 1


def test_a_forbidden_kind_is_named_and_holds_up_nobody(server: APIServer) -> None:
    """Case C17: the wait ends with each reason; the others work; the right comes, and it syncs."""
    server.create("pods", {"metadata": {"name": "a"}})
    with ExitStack() as denied, SharedInformerFactory(server.config) as factory:
        denied.enter_context(server.deny(resources=("secrets",)))
        pods, secrets = factory.informer("pods"), factory.informer("secrets")
        factory.informer("widgets.example.org")
        factory.start()
        with pytest.raises(CacheSyncTimeout) as failure:
            factory.wait_for_cache_sync(3)
        text = str(failure.value)
        assert "secrets" in text
        assert "403" in text
        assert "widgets.example.org" in text
        assert "404" in text
        assert [one.name for one in pods.lister.list()] == ["a"]
        denied.close()
        eventually(lambda: secrets.has_synced, WAIT)


def test_a_server_that_comes_late(
    server: APIServer, informer: Informer, start: Callable[[], object], history: History
) -> None:
    """Case C17: nothing gives up because the first load failed."""
    fill(server, 2)
    with server.refuse_connections():
        start()
        eventually(lambda: informer.status.errors >= 1, WAIT)
    agrees(server, informer, history)


def test_one_broken_group_holds_up_no_other(server: APIServer) -> None:
    """Case C18: what is stale in discovery is named where it is asked for; the rest works."""
    server.create("deployments", {"metadata": {"name": "web"}})
    stale = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "items": [
            {
                "metadata": {"name": "apps"},
                "versions": [
                    {
                        "version": "v1",
                        "freshness": "Current",
                        "resources": [
                            {
                                "resource": "deployments",
                                "responseKind": {"group": "", "version": "", "kind": "Deployment"},
                                "scope": "Namespaced",
                                "singularResource": "deployment",
                                "verbs": ["get", "list", "watch"],
                            }
                        ],
                    }
                ],
            },
            {
                "metadata": {"name": "metrics.k8s.io"},
                "versions": [{"version": "v1beta1", "freshness": "Stale", "resources": []}],
            },
        ],
    }
    kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    broken = server.every_request(matching=lambda request: request.path == "/apis")
    broken.answers(200, stale, content_type=kind)
    with SharedInformerFactory(server.config) as factory:
        web, metrics = factory.informer("deployments.apps"), factory.informer("pods.metrics.k8s.io")
        factory.start()
        eventually(lambda: web.has_synced, WAIT)
        assert [one.name for one in web.lister.list()] == ["web"]
        eventually(lambda: "metrics.k8s.io" in str(metrics.status.last_error), WAIT)
