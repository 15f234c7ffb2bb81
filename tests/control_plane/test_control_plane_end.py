"""However a test run ends, no server and no file is left; a start that fails says why."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kubeinformer.testing.control_plane import ControlPlane
from kubeinformer.testing.control_plane.processes import ControlPlaneError, wait_until

HOLD_A_CONTROL_PLANE = """
from pathlib import Path
from kubeinformer.testing.control_plane import ControlPlane

control_plane = ControlPlane()
control_plane.start()
print(Path(control_plane.kubeconfig).parent, flush=True)
input()
"""


@pytest.mark.control_plane
def test_sigkill_of_the_test_process_leaves_nothing(processes_of: Callable[[str], list[int]]) -> None:
    """Both servers and their directory go when the process that holds them is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_CONTROL_PLANE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        directory = holder.stdout.readline().strip()
        assert len(processes_of(directory)) == 2
        holder.kill()
    assert wait_until(lambda: not processes_of(directory) and not Path(directory).exists(), 20)


@pytest.mark.control_plane
def test_the_end_of_the_block_leaves_nothing(processes_of: Callable[[str], list[int]]) -> None:
    """On return from the block the servers and their directory are gone, and its calls say that it is over."""
    with ControlPlane(api_server_flags=["--v=1"]) as control_plane:
        directory = str(Path(control_plane.kubeconfig).parent)
        assert len(processes_of(directory)) == 2
    assert processes_of(directory) == []
    assert not Path(directory).exists()
    with pytest.raises(ControlPlaneError, match="does not run"):
        _ = control_plane.url
    control_plane.stop()


@pytest.mark.control_plane
def test_a_flag_that_the_api_server_refuses_is_shown() -> None:
    """A start that fails ends early, with the server's own words."""
    with pytest.raises(ControlPlaneError, match="unknown flag: --no-such-flag"):
        ControlPlane(api_server_flags=["--no-such-flag"]).start()


def assets(folder: Path, monkeypatch: pytest.MonkeyPatch, *, etcd: str, api_server: str = "exit 0") -> None:
    """Make KUBEBUILDER_ASSETS of two shell scripts."""
    for name, script in (("etcd", etcd), ("kube-apiserver", api_server)):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(folder))


def test_the_programs_of_kubebuilder_assets_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start runs the etcd of that folder; its words and its exit code are in the error."""
    assets(tmp_path, monkeypatch, etcd="echo 'no space on device' >&2; exit 3")
    assert ControlPlane.available()
    with pytest.raises(ControlPlaneError, match=r"etcd ended with 3\n(.*\n)*no space on device"):
        ControlPlane().start()


def test_a_program_that_cannot_be_executed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Binaries of another architecture, say, are an error that names the file."""
    assets(tmp_path, monkeypatch, etcd="")
    (tmp_path / "etcd").write_bytes(b"\x7fELF of another world")
    with pytest.raises(ControlPlaneError, match=r"etcd: .*[Ff]ormat"):
        ControlPlane().start()


def test_a_server_that_never_gets_ready_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline holds, and the error shows the logs."""
    assets(tmp_path, monkeypatch, etcd="echo 'waiting for a quorum'; exec sleep 600")
    with pytest.raises(ControlPlaneError, match=r"not ready after 0\.2 s\n(.*\n)*waiting for a quorum"):
        ControlPlane(start_timeout=0.2).start()


def test_a_port_collision_is_tried_again_on_other_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three starts, each on ports of its own, before the error is the user's."""
    starts = tmp_path / "starts"
    assets(tmp_path, monkeypatch, etcd=f"echo $* >> {starts}; echo 'bind: address already in use'; exit 1")
    with pytest.raises(ControlPlaneError, match="address already in use"):
        ControlPlane().start()
    assert len(set(starts.read_text().splitlines())) == 3
