"""The pytest plugin of kubeinformer: test servers as fixtures. It loads nothing until a test asks for one.

Fixtures:
    kubernetes_api_server: a fresh in-memory API server.
    kubernetes_api_server_session: one in-memory API server for the whole session.
    kubernetes_control_plane: a real etcd and kube-apiserver. All tests share one, for it takes seconds to start; what a
        test has paused, killed or stopped of it runs again for the next.
    kubernetes_control_plane_session: the same for fixtures of session scope.
    kubernetes_server: each of the two in turn, or those that `@pytest.mark.kubernetes_servers("memory", "real")` names.
    kubernetes_namespace: the name of a namespace of the test's own, on each of these servers that the test uses.

A suite that wants its servers otherwise overrides the fixture that starts them, and the others follow:

    @pytest.fixture
    def kubernetes_api_server():
        with APIServer(tls=True, clock=FakeClock()) as server:
            yield server

Where the programs of the real one are not there, tests that need it are skipped; with `--kubernetes-real=required`
(or `KUBEINFORMER_REAL_SERVER=required`) they fail, with `never` they are always skipped. A failed test shows what the
in-memory server was asked, and what the real one wrote.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from kubeinformer.testing import APIServer, ControlPlane

SERVERS = ("memory", "real")
_CHOICES = ("if-available", "required", "never")
_VARIABLE = "KUBEINFORMER_REAL_SERVER"
_SERVER_FIXTURES = (
    "kubernetes_server",
    "kubernetes_api_server",
    "kubernetes_api_server_session",
    "kubernetes_control_plane",
    "kubernetes_control_plane_session",
)
_LONGEST_STORY = 50
_stories = pytest.StashKey[dict[str, "Callable[[], str]"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--kubernetes-real`."""
    parser.getgroup("kubeinformer").addoption(
        "--kubernetes-real",
        choices=_CHOICES,
        help="whether tests run on a real etcd and kube-apiserver (default: $KUBEINFORMER_REAL_SERVER, "
        "else if-available)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and refuse an environment variable that says nothing known."""
    _real_server_wanted(config)
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a failed test show what its servers have to say."""
    report = yield
    if report.failed and report.when == "call":
        stories = item.stash.get(_stories, {})
        report.sections += [(title, story) for title, tell in stories.items() if (story := tell())]
    return report


@pytest.fixture
def kubernetes_api_server(request: pytest.FixtureRequest) -> Iterator[APIServer]:
    """A fresh in-memory API server, in milliseconds."""
    from kubeinformer.testing import APIServer

    with APIServer() as server:
        _tell(request, "requests to the in-memory API server", server.requests.shown)
        yield server


@pytest.fixture(scope="session")
def kubernetes_api_server_session() -> Iterator[APIServer]:
    """One in-memory API server for the whole session."""
    from kubeinformer.testing import APIServer

    with APIServer() as server:
        yield server


@pytest.fixture(scope="session")
def kubernetes_control_plane_session(pytestconfig: pytest.Config) -> Iterator[ControlPlane]:
    """One real etcd and kube-apiserver for the whole session; about 3 s, once."""
    wanted = _real_server_wanted(pytestconfig)
    if wanted == "never":
        pytest.skip("--kubernetes-real=never")
    from kubeinformer.testing import ControlPlane

    if wanted != "required" and not ControlPlane.available():
        pytest.skip(
            "no etcd and kube-apiserver: run `python -m kubeinformer.testing.control_plane.build` once, "
            "or set KUBEBUILDER_ASSETS"
        )
    with ControlPlane() as control_plane:
        yield control_plane


@pytest.fixture
def kubernetes_control_plane(
    request: pytest.FixtureRequest, kubernetes_control_plane_session: ControlPlane
) -> Iterator[ControlPlane]:
    """A real etcd and kube-apiserver, which all tests of the session share, and find running."""
    from kubeinformer.testing.isolation import last_words, mend

    _tell(request, "log of the control plane", lambda: last_words(kubernetes_control_plane_session))
    yield kubernetes_control_plane_session
    mend(kubernetes_control_plane_session)


@pytest.fixture
def kubernetes_server(request: pytest.FixtureRequest) -> APIServer | ControlPlane:
    """The in-memory server and the real one, in turn."""
    name = "kubernetes_api_server" if request.param == "memory" else "kubernetes_control_plane"
    server: APIServer | ControlPlane = request.getfixturevalue(name)
    return server


@pytest.fixture
def kubernetes_namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a namespace of the test's own, on each server that the test uses; it goes with all that is in it."""
    used = [name for name in _SERVER_FIXTURES if name in request.fixturenames]
    if not used:
        pytest.fail(
            "kubernetes_namespace: the test uses no server, such as kubernetes_api_server", pytrace=False
        )
    from kubeinformer.testing.isolation import make_namespace, remove_namespace

    servers = {id(server): server for server in map(request.getfixturevalue, used)}.values()
    name = make_namespace(servers)
    yield name
    remove_namespace(servers, name)


def _real_server_wanted(config: pytest.Config) -> str:
    wanted = config.getoption("--kubernetes-real") or os.environ.get(_VARIABLE) or _CHOICES[0]
    if wanted not in _CHOICES:
        raise pytest.UsageError(f"{_VARIABLE}={wanted}: none of {', '.join(_CHOICES)}")
    return str(wanted)


def _tell(request: pytest.FixtureRequest, title: str, story: Callable[[], str]) -> None:
    request.node.stash.setdefault(_stories, {})[title] = lambda: _end_of(story())


def _end_of(story: str) -> str:
    return "\n".join(story.splitlines()[-_LONGEST_STORY:])
