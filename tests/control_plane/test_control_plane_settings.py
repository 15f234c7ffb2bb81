"""What the environment and the caller say about a control plane, and what is found for it; no server is started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kubeinformer.testing.control_plane import binaries
from kubeinformer.testing.control_plane.binaries import GoModule, find_binaries, known_versions
from kubeinformer.testing.control_plane.processes import ControlPlaneError
from kubeinformer.testing.control_plane.settings import settings_of
from kubeinformer.testing.crd_files import definitions_in

DEFINITION = "kind: CustomResourceDefinition\nmetadata: {name: %s}\n"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of the machine's own counts."""
    for name in (
        "KUBEBUILDER_ASSETS",
        "TEST_ASSET_ETCD",
        "TEST_ASSET_KUBE_APISERVER",
        binaries.VERSION_VARIABLE,
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """Make a program."""

    def make(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    return make


def test_programs_are_found_as_envtest_finds_them(
    program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program's own variable comes before the folder of all of them."""
    folder_etcd, folder_server, own = (
        program("all/etcd"),
        program("all/kube-apiserver"),
        program("own/server"),
    )
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "all"))
    assert find_binaries() == binaries.Binaries(folder_etcd, folder_server)
    monkeypatch.setenv("TEST_ASSET_KUBE_APISERVER", str(own))
    assert find_binaries() == binaries.Binaries(folder_etcd, own)
    monkeypatch.delenv("KUBEBUILDER_ASSETS")
    with pytest.raises(ControlPlaneError, match="TEST_ASSET_ETCD"):
        find_binaries()


def test_a_version_is_a_built_one(
    program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever the environment names; and where it was not built, the error says how."""
    program("all/etcd")
    program("all/kube-apiserver")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "all"))
    with pytest.raises(
        ControlPlaneError, match=r"no etcd and kube-apiserver v1\.37.*run `make control-plane`"
    ):
        find_binaries("1.37")


def test_versions_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest by default, another by argument or variable; each has its own cache folder."""
    known = known_versions()
    assert known[-1] == "1.37"
    assert "1.34" in known
    assert GoModule.packaged().kubernetes_version.startswith("v1.37.")
    assert GoModule.packaged("1.34").kubernetes_version.startswith("v1.34.")
    folders = {GoModule.packaged(version).cache_folder for version in known}
    assert len(folders) == len(known)
    monkeypatch.setenv(binaries.VERSION_VARIABLE, "1.34")
    assert GoModule.packaged().kubernetes_version.startswith("v1.34.")
    with pytest.raises(ControlPlaneError, match=r"no version '1\.2' of the control plane, only .*1\.37"):
        GoModule.packaged("1.2")


def test_time_outs_come_from_the_caller_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Envtest's variables, in Go's form."""
    assert settings_of((), (), {}, None, None).start_timeout == 60.0
    monkeypatch.setenv("KUBEBUILDER_CONTROLPLANE_START_TIMEOUT", "1m30s")
    monkeypatch.setenv("KUBEBUILDER_CONTROLPLANE_STOP_TIMEOUT", "500ms")
    settings = settings_of((), (), {}, None, None)
    assert (settings.start_timeout, settings.stop_timeout) == (90.0, 0.5)
    assert settings_of((), (), {}, 5.0, 6.0).start_timeout == 5.0
    monkeypatch.setenv("KUBEBUILDER_CONTROLPLANE_START_TIMEOUT", "soon")
    with pytest.raises(ControlPlaneError, match="START_TIMEOUT=soon is no duration"):
        settings_of((), (), {}, None, None)


def test_feature_gates_become_a_flag() -> None:
    """Before the caller's own flags, which win."""
    settings = settings_of(("--v=1",), (), {"A": True, "B": False}, None, None)
    assert settings.all_api_server_flags == ["--feature-gates=A=true,B=false", "--v=1"]
    assert settings_of((), (), {}, None, None).all_api_server_flags == []


def test_definitions_are_found_in_files_and_folders(tmp_path: Path) -> None:
    """YAML of several documents, JSON, whole folders; other kinds beside them are left out."""
    (tmp_path / "a.yaml").write_text(
        f"---\n{DEFINITION % 'one'}---\nkind: Namespace\n---\n{DEFINITION % 'two'}"
    )
    (tmp_path / "b.json").write_text('{"kind": "CustomResourceDefinition", "metadata": {"name": "three"}}')
    (tmp_path / "README.md").write_text("not this")
    given = {"kind": "CustomResourceDefinition", "metadata": {"name": "four"}}
    found = [crd["metadata"]["name"] for crd in definitions_in(tmp_path, str(tmp_path / "b.json"), given)]
    assert found == ["one", "two", "three", "three", "four"]


def test_a_file_without_definitions_is_named(tmp_path: Path) -> None:
    """So are one that is not YAML, and one that is not there."""
    file = tmp_path / "other.yaml"
    file.write_text("kind: Namespace\n")
    with pytest.raises(ValueError, match=r"no CustomResourceDefinition in .*other\.yaml"):
        list(definitions_in(file))
    file.write_text("{")
    with pytest.raises(ValueError, match=r"other\.yaml: "):
        list(definitions_in(file))
    with pytest.raises(FileNotFoundError):
        list(definitions_in(tmp_path / "missing.yaml"))
