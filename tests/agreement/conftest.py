"""The two servers that every test here asks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from tests.agreement.servers import Pair, Side

from kubeinformer.testing import APIServer, ControlPlane

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def real_server() -> Iterator[ControlPlane]:
    """A real etcd and kube-apiserver."""
    with ControlPlane() as running:
        yield running


def version_of(real_server: ControlPlane) -> str:
    """Return the version that the in-memory server has to be like."""
    return str(real_server.request("GET", "/version")[1]["gitVersion"])


def fresh_pair(real_server: ControlPlane, server: APIServer) -> Pair:
    """Return both, with a namespace `{ns}` of the test's own on each."""
    memory = Side("in memory", server.url)
    real = Side("real", real_server.url, real_server.ca_file, real_server.admin_token)
    pair = Pair(memory, real)
    namespace = f"agreement-{next(_NUMBERS)}"
    memory.names["ns"] = real.names["ns"] = namespace
    pair.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    return pair


@pytest.fixture
def pair(real_server: ControlPlane) -> Iterator[Pair]:
    """Both servers, and a namespace of the test's own."""
    with APIServer(version=version_of(real_server)) as server:
        found = fresh_pair(real_server, server)
        yield found
        found.close()
