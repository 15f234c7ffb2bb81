"""The control plane that all tests of a session share, and a look at the processes of the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubeinformer.testing.control_plane import ControlPlane


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """A running control plane; fails, and says `make control-plane`, where its programs were not built."""
    with ControlPlane() as running:
        yield running


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace of the test's own."""
    status, created = control_plane.request(
        "POST", "/api/v1/namespaces", {"metadata": {"generateName": "test-"}}
    )
    assert status == 201
    name = created["metadata"]["name"]
    yield name
    if control_plane.request("GET", f"/api/v1/namespaces/{name}")[0] == 200:
        control_plane.finalize_namespace(name)


@pytest.fixture
def processes_of() -> Callable[[str], list[int]]:
    """Ask for the processes whose command line or working directory names a directory (Linux)."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("needs /proc")

    def find(directory: str) -> list[int]:
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _names(entry, directory)]

    return find


def _names(process: Path, directory: str) -> bool:
    try:
        command = (process / "cmdline").read_bytes()
        return directory.encode() in command or str((process / "cwd").readlink()).startswith(directory)
    except OSError:  # it ended meanwhile
        return False
