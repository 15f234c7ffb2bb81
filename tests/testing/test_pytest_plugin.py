"""The plugin as a user's test suite meets it: in a pytest run of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

def test_fresh(kubernetes_api_server):
    kubernetes_api_server.create("configmaps", {"metadata": {"name": "a"}})
    assert kubernetes_api_server.count("configmaps") == 1

def test_fresh_again(kubernetes_api_server):
    assert kubernetes_api_server.count("configmaps") == 0

def test_shared(kubernetes_api_server_session):
    kubernetes_api_server_session.create("configmaps", {"metadata": {"name": "a"}})

def test_shared_again(kubernetes_api_server_session):
    assert kubernetes_api_server_session.count("configmaps") == 1

def test_on_both(kubernetes_server, kubernetes_namespace):
    path = f"/api/v1/namespaces/{kubernetes_namespace}/configmaps"
    assert kubernetes_server.request("POST", path, {"metadata": {"name": "a"}})[0] == 201

@pytest.mark.kubernetes_servers("memory")
def test_on_one(kubernetes_server):
    assert kubernetes_server.request("GET", "/version")[0] == 200
"""


def run(folder: Path, *arguments: str, suite: str = SUITE, **environment: str) -> str:
    """Run a suite and return what pytest says at the end, with the names of the tests."""
    (folder / "test_suite.py").write_text(suite)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-rs",
        "--strict-markers",
        "-p",
        "no:cacheprovider",
        *arguments,
    ]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder,
        env=variables | environment,
    )
    return done.stdout + done.stderr


def test_fixtures_work_without_a_real_server(tmp_path: Path) -> None:
    """In memory everything runs; what needs the real one is skipped, and says how to get it."""
    said = run(tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert "6 passed, 1 skipped" in said
    assert "test_on_both[memory] PASSED" in said
    assert "test_on_both[real] SKIPPED" in said
    assert "run `python -m kubeinformer.testing.control_plane.build` once" in said


def test_the_real_server_can_be_required(tmp_path: Path) -> None:
    """Then its absence is an error, by option or by environment variable."""
    cache = str(tmp_path / "cache")
    assert "6 passed, 1 error" in run(tmp_path, "--kubernetes-real=required", XDG_CACHE_HOME=cache)
    assert "6 passed, 1 error" in run(tmp_path, KUBEINFORMER_REAL_SERVER="required", XDG_CACHE_HOME=cache)


def test_the_real_server_can_be_left_out(tmp_path: Path) -> None:
    """Even where it is there."""
    assert "6 passed, 1 skipped" in run(tmp_path, "--kubernetes-real=never")


def test_an_unknown_wish_is_refused(tmp_path: Path) -> None:
    """By option and by environment variable, with the words there are."""
    assert "invalid choice: 'maybe'" in run(tmp_path, "--kubernetes-real=maybe")
    said = run(tmp_path, KUBEINFORMER_REAL_SERVER="maybe")
    assert "KUBEINFORMER_REAL_SERVER=maybe: none of if-available, required, never" in said


@pytest.mark.control_plane
def test_one_test_runs_on_both_servers(tmp_path: Path) -> None:
    """With the same words, in a namespace of its own."""
    said = run(tmp_path, "-k", "both")
    assert "test_on_both[memory] PASSED" in said
    assert "test_on_both[real] PASSED" in said


@pytest.mark.control_plane
def test_what_a_test_breaks_is_whole_for_the_next(tmp_path: Path) -> None:
    """A control plane that was paused, killed or stopped runs again, and the namespaces of the tests are gone."""
    suite = """
import pytest

used = []

@pytest.mark.parametrize("breaks", ["pause_etcd", "pause_api_server", "kill_api_server", "kill_etcd", "stop"])
def test_breaks(kubernetes_control_plane, kubernetes_namespace, breaks):
    used.append(kubernetes_namespace)
    names = [item["metadata"]["name"] for item in
             kubernetes_control_plane.request("GET", "/api/v1/namespaces")[1]["items"]]
    assert [name for name in names if name in used] == [kubernetes_namespace]
    getattr(kubernetes_control_plane, breaks)()

def test_whole(kubernetes_control_plane, kubernetes_namespace):
    path = f"/api/v1/namespaces/{kubernetes_namespace}/configmaps"
    assert kubernetes_control_plane.request("POST", path, {"metadata": {"name": "a"}})[0] == 201
    raise RuntimeError("show the logs")

def test_shows_nothing_of_a_stopped_one(kubernetes_control_plane):
    kubernetes_control_plane.stop()
    raise RuntimeError("no logs to show")
"""
    said = run(tmp_path, suite=suite)
    assert "5 passed" in said
    assert "2 failed" in said
    assert "error" not in said.splitlines()[-1]
    assert said.count("log of the control plane") == 1
    assert "--- kube-apiserver" in said


def test_a_namespace_is_made_on_the_servers_that_a_test_uses(tmp_path: Path) -> None:
    """On each of them under one name, on no other, and out of the request log; without a server it is an error."""
    suite = """
def names(server):
    return [space["metadata"]["name"] for space in server.list_objects("namespaces")]

def test_one(kubernetes_namespace, kubernetes_api_server):
    assert kubernetes_namespace in names(kubernetes_api_server)
    kubernetes_api_server.requests.assert_counts({})

def test_two(kubernetes_namespace, kubernetes_api_server, kubernetes_api_server_session):
    assert kubernetes_namespace in names(kubernetes_api_server)
    assert kubernetes_namespace in names(kubernetes_api_server_session)
    kubernetes_api_server.delete("namespaces", kubernetes_namespace)

def test_it_is_gone_afterwards(kubernetes_api_server_session):
    assert not [name for name in names(kubernetes_api_server_session) if name.startswith("test-")]

def test_none(kubernetes_namespace): ...
"""
    said = run(tmp_path, suite=suite)
    assert "3 passed, 1 error" in said
    assert "the test uses no server, such as kubernetes_api_server" in said


def test_a_suite_chooses_how_its_servers_are_started(tmp_path: Path) -> None:
    """By a fixture of the same name; what builds on it takes that server, here one whose time the test moves."""
    suite = """
import pytest
from kubeinformer.testing import APIServer, FakeClock

@pytest.fixture
def kubernetes_api_server():
    with APIServer(clock=FakeClock(wall_time=0.0)) as server:
        yield server

@pytest.mark.kubernetes_servers("memory")
def test_time(kubernetes_server, kubernetes_namespace):
    kubernetes_server.advance(60)
    made = kubernetes_server.create("configmaps", {"metadata": {"name": "a"}}, kubernetes_namespace)
    assert made["metadata"]["creationTimestamp"] == "1970-01-01T00:01:00Z"
"""
    assert "1 passed" in run(tmp_path, suite=suite)


def test_a_failed_test_shows_what_the_server_was_asked(tmp_path: Path) -> None:
    """A passed one shows nothing."""
    suite = """
def test_fails(kubernetes_api_server):
    kubernetes_api_server.request("GET", "/api/v1/namespaces/default/pods")
    assert False

def test_passes(kubernetes_api_server):
    kubernetes_api_server.request("GET", "/version")
"""
    said = run(tmp_path, "-rA", suite=suite)
    assert "1 failed, 1 passed" in said
    assert said.count("requests to the in-memory API server") == 1
    assert "GET    /api/v1/namespaces/default/pods -> 200" in said
    assert "GET    /version" not in said


def test_without_the_plugin_the_servers_still_serve(tmp_path: Path) -> None:
    """Who switches it off loses the fixtures alone, and may name the plugin where none is loaded by itself."""
    suite = """
from kubeinformer.testing import APIServer

def test_by_hand():
    with APIServer() as server:
        assert server.request("GET", "/version")[0] == 200

def test_by_fixture(kubernetes_api_server): ...
"""
    said = run(tmp_path, "-p", "no:kubeinformer", suite=suite)
    assert "1 passed, 1 error" in said
    assert "fixture 'kubernetes_api_server' not found" in said
    assert "2 passed" in run(tmp_path, "-p", "kubeinformer", suite=suite, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


def test_an_unknown_server_is_an_error(tmp_path: Path) -> None:
    """It names those there are."""
    suite = """
import pytest

@pytest.mark.kubernetes_servers("imaginary")
def test_nowhere(kubernetes_server): ...
"""
    assert "no server 'imaginary', only 'memory' and 'real'" in run(tmp_path, suite=suite)


def test_an_unused_plugin_loads_nothing(tmp_path: Path) -> None:
    """A suite that uses no fixture of it does not even load the library."""
    suite = """
import sys

def test_nothing_is_loaded():
    assert "pytest_kubeinformer" in sys.modules
    assert not [name for name in sys.modules if name.split(".")[0] in {"kubeinformer", "aiohttp", "msgspec"}]
"""
    assert "1 passed" in run(tmp_path, suite=suite)
