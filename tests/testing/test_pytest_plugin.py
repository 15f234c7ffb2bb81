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


@pytest.mark.control_plane
def test_one_test_runs_on_both_servers(tmp_path: Path) -> None:
    """With the same words, in a namespace of its own."""
    said = run(tmp_path, "-k", "both")
    assert "test_on_both[memory] PASSED" in said
    assert "test_on_both[real] PASSED" in said


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
