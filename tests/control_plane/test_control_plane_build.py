"""The programs are found or built once, by one build at a time, and what is missing is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubeinformer.testing.control_plane import ControlPlane
from kubeinformer.testing.control_plane import build as control_plane_build
from kubeinformer.testing.control_plane.binaries import GoModule, find_binaries
from kubeinformer.testing.control_plane.build import build, main
from kubeinformer.testing.control_plane.processes import ControlPlaneError

COMPILES = """
echo "$*" >> "$CALLS"
echo "go: downloading example.org/module v1.0.0" >&2
echo "example.org/module/package" >&2
while [ $# -gt 1 ]; do [ "$1" = -o ] && output=$2; shift; done
{wait}
printf '#!/bin/sh\\n' > "$output"
chmod +x "$output"
"""


class Toolchain:
    """A `go` on a PATH of its own, and an empty cache."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.programs, self.cache, self._calls = folder / "bin", folder / "cache", folder / "calls"
        self.programs.mkdir()
        monkeypatch.setenv("PATH", f"{self.programs}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("XDG_CACHE_HOME", str(self.cache))
        monkeypatch.setenv("CALLS", str(self._calls))
        monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)

    def does(self, script: str) -> None:
        go = self.programs / "go"
        go.write_text(f"#!/bin/sh\n{script}")
        go.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines()

    @property
    def left(self) -> list[Path]:
        """What stands beside the finished folders, but for locks."""
        return [path for path in self.cache.rglob("*.building-*") if path.suffix != ".lock"]


@pytest.fixture
def toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    return Toolchain(tmp_path, monkeypatch)


def test_a_build_is_done_once(toolchain: Toolchain) -> None:
    """Two programs take two compilations from the pinned versions; the next build finds them."""
    toolchain.does(COMPILES.format(wait=""))
    assert not ControlPlane.available()
    binaries = build(lambda line: None)
    assert find_binaries() == build(lambda line: None) == binaries
    assert ControlPlane.available()
    assert [call.split()[-1] for call in toolchain.calls] == [
        "go.etcd.io/etcd/server/v3",
        "k8s.io/kubernetes/cmd/kube-apiserver",
    ]
    assert f"gitVersion={GoModule.packaged().kubernetes_version}" in toolchain.calls[1]
    assert toolchain.left == []


def test_two_builds_at_once_do_not_collide(toolchain: Toolchain) -> None:
    """The second waits for the first and compiles nothing; both succeed."""
    toolchain.does(COMPILES.format(wait="read line"))
    command = [sys.executable, "-m", "kubeinformer.testing.control_plane.build"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        assert "building go.etcd.io/etcd" in first.stdout.readline()
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as second:
            assert second.stdout is not None
            assert "another build is under way" in second.stdout.readline()
            first.communicate("compiled\ncompiled\n")
            _, complaints = second.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
    assert complaints == ""
    assert len(toolchain.calls) == 2
    assert ControlPlane.available()


def test_what_a_killed_build_left_is_removed(toolchain: Toolchain) -> None:
    """A half-built folder is neither taken for a whole one nor left to fill the disk."""
    toolchain.does(COMPILES.format(wait=""))
    folder = GoModule.packaged().cache_folder
    abandoned = folder.with_name(f"{folder.name}.building-abandoned")
    abandoned.mkdir(parents=True)
    folder.mkdir()
    (folder / "etcd").touch()
    binaries = build(lambda line: None)
    assert binaries.etcd.read_text() == "#!/bin/sh\n"
    assert toolchain.left == []


def test_progress_is_reported(toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While Go works, lines with the time and the number of packages appear."""
    monkeypatch.setattr(control_plane_build, "_PROGRESS_SECONDS", 0.01)
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    toolchain.does(COMPILES.format(wait=f"read line < {gate}"))
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        if "1 modules downloaded, 1 packages compiled" in line and lines.count(line) == 1:
            gate.write_text("compiled\n")

    build(report)
    assert lines[0] == "building go.etcd.io/etcd/server/v3"
    assert lines[-1] == "built k8s.io/kubernetes/cmd/kube-apiserver"


def test_a_failed_build_shows_gos_words_and_the_ways_out(toolchain: Toolchain) -> None:
    """An old Go is named with the version that is needed and with KUBEBUILDER_ASSETS; nothing half-built stays."""
    toolchain.does("echo 'go: go.mod requires go >= 1.26.0 (running go 1.22.1)' >&2; exit 1")
    with pytest.raises(ControlPlaneError, match=r"Go 1\.26\.0 or newer.*KUBEBUILDER_ASSETS=") as failure:
        build(lambda line: None)
    assert "running go 1.22.1" in str(failure.value)
    assert toolchain.left == []
    assert not ControlPlane.available()


def test_the_command_fails_without_go(
    toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine without Go gets exit code 1 and a sentence, not a traceback."""
    monkeypatch.setenv("PATH", str(toolchain.programs))
    assert main() == 1
    assert "Go is not installed; Go 1.26.0 or newer is needed" in capsys.readouterr().out


def test_missing_programs_are_an_error_that_names_the_command(toolchain: Toolchain) -> None:
    """A start without programs fails at once and says `make control-plane`; it never builds, never skips."""
    with pytest.raises(ControlPlaneError, match="make control-plane"):
        ControlPlane().start()


def test_incomplete_assets_are_an_error(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch) -> None:
    """KUBEBUILDER_ASSETS is an order: where it is wrong, nothing else is taken silently."""
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(toolchain.programs))
    with pytest.raises(ControlPlaneError, match="TEST_ASSET_ETCD or KUBEBUILDER_ASSETS should lead to etcd"):
        find_binaries()
    assert main() == 1


def test_the_cache_folder_follows_the_pinned_content() -> None:
    """Another go.mod is another folder, so an update never takes old programs."""
    packaged = GoModule.packaged()
    changed = GoModule(packaged.go_mod + "// changed\n", packaged.go_sum)
    assert packaged.cache_folder.name.startswith(packaged.kubernetes_version)
    assert changed.cache_folder != packaged.cache_folder
