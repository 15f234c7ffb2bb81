"""The log of an in-memory server's requests, and what can be asserted of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.testing.asking import ask

from kubeinformer import Client, SharedInformerFactory
from kubeinformer.testing import APIServer


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running


def test_requests_are_counted_by_verb_resource_agent_and_status(server: APIServer) -> None:
    """Each filter alone and together."""
    ask(server, "GET", "/api/v1/pods", User_Agent="one/1")
    ask(server, "GET", "/api/v1/pods", User_Agent="two/2")
    ask(server, "GET", "/api/v1/namespaces/default/pods/none", User_Agent="two/2")
    assert server.requests.count("list", "pods") == 2
    assert server.requests.count(user_agent="two") == 2
    assert server.requests.count(user_agent="two", status=404) == 1
    assert server.requests.counts() == {("list", "pods"): 2, ("get", "pods"): 1}
    assert all((record.duration or 0) >= 0 for record in server.requests)


def test_an_informer_makes_one_list_and_one_watch(server: APIServer) -> None:
    """Discovery does not count; the assertion passes."""
    with SharedInformerFactory(server.config) as factory:
        factory.informer("pods")
        factory.start()
        factory.wait_for_cache_sync(30)
        server.wait_for_watches(1, "pods")
        server.requests.assert_counts({("list", "pods"): 1, ("watch", "pods"): 1})
        server.requests.assert_at_most(1, "list")


def test_a_failed_assertion_shows_the_log(server: APIServer) -> None:
    """What differs first, then each request in a line of its own."""
    with Client(server.config) as client:
        client.list("pods", label_selector="a=b")
    with pytest.raises(AssertionError) as failure:
        server.requests.assert_counts({("list", "nodes"): 1})
    lines = str(failure.value).splitlines()
    assert lines[:2] == ["list nodes: 0 instead of 1", "list pods: 1 instead of 0"]
    assert any(
        "GET    /api/v1/pods?" in line and "labelSelector=a=b" in line and "-> 200" in line for line in lines
    )
    with pytest.raises(AssertionError, match="1 requests list None, at most 0"):
        server.requests.assert_at_most(0, "list")


def test_an_empty_log_says_so(server: APIServer) -> None:
    """Instead of nothing."""
    assert server.requests.shown() == "(no requests)"
