"""Plain requests over HTTP: the blocking client against the in-memory server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kubeinformer import BadRequest, Client, Config, Conflict, NetworkError, NotFound, UsageError
from kubeinformer.testing import APIServer

BODY = {"metadata": {"name": "a", "labels": {"app": "x"}}, "data": {"n": "1"}}


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running


@pytest.fixture
def client(server: APIServer) -> Iterator[Client]:
    with Client(server.config) as made:
        yield made


def test_an_object_lives_its_life(client: Client) -> None:
    """Create, get, update, patch, list and delete; what comes back are objects of the right kind."""
    created = client.create("configmaps", BODY)
    assert (created.key, created.kind) == ("default/a", "ConfigMap")
    changed = client.update("configmaps", {**created.to_dict(), "data": {"n": "2"}})
    assert client.get("configmaps", "a")["data"] == {"n": "2"}
    assert client.patch("configmaps", "a", {"data": {"m": "3"}})["data"] == {"n": "2", "m": "3"}
    operation = [{"op": "remove", "path": "/data/n"}]
    assert client.patch("configmaps", "a", operation, type="json")["data"] == {"m": "3"}
    assert [found.key for found in client.list("configmaps", label_selector="app in (x)")] == ["default/a"]
    assert client.list("configmaps", "kube-system") == []
    with pytest.raises(Conflict):
        client.update("configmaps", changed)
    with pytest.raises(Conflict):
        client.delete("configmaps", "a", uid="another")
    client.delete("configmaps", "a", uid=created.uid)
    with pytest.raises(NotFound, match="get configmaps"):
        client.get("configmaps", "a")


def test_lists_come_in_pages(server: APIServer, client: Client) -> None:
    """All objects, from as many requests as it takes."""
    for number in range(1100):
        server.create("configmaps", {"metadata": {"name": f"c-{number}"}}, namespace="default")
    assert len(client.list("configmaps", "default")) == 1100
    assert server.requests.count("list", "configmaps") == 3


def test_refusals_and_silence_have_their_errors(server: APIServer, client: Client) -> None:
    """The server's word, a name that is no resource, a name that is empty, a server that is gone."""
    with pytest.raises(Conflict, match="AlreadyExists"):
        client.create("namespaces", {"metadata": {"name": "default"}})
    with pytest.raises(NotFound):
        client.get("unicorns", "a")
    with pytest.raises(ValueError, match="empty"):
        client.get("configmaps", "")
    with pytest.raises(BadRequest):
        client.patch("configmaps", "a", b"[", namespace="default")
    with server.refuse_connections(), pytest.raises(NetworkError, match=r"127\.0\.0\.1"):
        client.get("configmaps", "a")


def test_a_closed_client_says_so(server: APIServer) -> None:
    """Closing twice is harmless; a request after it is an error."""
    client = Client(Config(server=server.url))
    assert client.list("configmaps") == []
    client.close()
    client.close()
    with pytest.raises(UsageError, match="stopped"):
        client.list("configmaps")
