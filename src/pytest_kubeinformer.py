"""The pytest plugin of kubeinformer: test servers as fixtures. It loads nothing until a test asks for one.

Fixtures:
    kubernetes_api_server: a fresh in-memory API server.
    kubernetes_api_server_session: one in-memory API server for the whole session.
    kubernetes_control_plane: one real etcd and kube-apiserver for the whole session.
    kubernetes_server: each of the two in turn, or those that `@pytest.mark.kubernetes_servers("memory", "real")` names.
    kubernetes_namespace: the name of a namespace of the test's own, on `kubernetes_server`.

Where the programs of the real one are not there, tests that need it are skipped; with `--kubernetes-real=required`
(or `KUBEINFORMER_REAL_SERVER=required`) they fail, with `never` they are always skipped.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubeinformer.testing import APIServer, ControlPlane

SERVERS = ("memory", "real")
_CHOICES = ("if-available", "required", "never")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--kubernetes-real`."""
    parser.getgroup("kubeinformer").addoption(
        "--kubernetes-real",
        choices=_CHOICES,
        default=os.environ.get("KUBEINFORMER_REAL_SERVER", "if-available"),
        help="whether tests run on a real etcd and kube-apiserver (default: if-available)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        "kubernetes_servers(*names): the servers that a test with `kubernetes_server` runs on: 'memory', 'real'",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once on each server that it names."""
    if "kubernetes_server" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("kubernetes_servers")
    names = marker.args if marker is not None and marker.args else SERVERS
    if unknown := [name for name in names if name not in SERVERS]:
        raise pytest.UsageError(f"kubernetes_servers: no server {unknown[0]!r}, only 'memory' and 'real'")
    metafunc.parametrize("kubernetes_server", names, indirect=True)


@pytest.fixture
def kubernetes_api_server() -> Iterator[APIServer]:
    """A fresh in-memory API server, in milliseconds."""
    from kubeinformer.testing import APIServer

    with APIServer() as server:
        yield server


@pytest.fixture(scope="session")
def kubernetes_api_server_session() -> Iterator[APIServer]:
    """One in-memory API server for the whole session."""
    from kubeinformer.testing import APIServer

    with APIServer() as server:
        yield server


@pytest.fixture(scope="session")
def kubernetes_control_plane(pytestconfig: pytest.Config) -> Iterator[ControlPlane]:
    """One real etcd and kube-apiserver for the whole session; about 3 s, once."""
    from kubeinformer.testing import ControlPlane

    wanted = pytestconfig.getoption("--kubernetes-real")
    if wanted == "never":
        pytest.skip("--kubernetes-real=never")
    if wanted != "required" and not ControlPlane.available():
        pytest.skip(
            "no etcd and kube-apiserver: run `python -m kubeinformer.testing.control_plane.build` once, "
            "or set KUBEBUILDER_ASSETS"
        )
    with ControlPlane() as control_plane:
        yield control_plane


@pytest.fixture
def kubernetes_server(request: pytest.FixtureRequest) -> APIServer | ControlPlane:
    """The in-memory server and the real one, in turn."""
    name = "kubernetes_api_server" if request.param == "memory" else "kubernetes_control_plane"
    server: APIServer | ControlPlane = request.getfixturevalue(name)
    return server


@pytest.fixture
def kubernetes_namespace(kubernetes_server: APIServer | ControlPlane) -> Iterator[str]:
    """The name of a namespace of the test's own; it goes with all that is in it."""
    _, made = kubernetes_server.request("POST", "/api/v1/namespaces", {"metadata": {"generateName": "test-"}})
    name = made["metadata"]["name"]
    yield name
    if kubernetes_server.request("GET", f"/api/v1/namespaces/{name}")[0] == 200:
        kubernetes_server.finalize_namespace(name)
