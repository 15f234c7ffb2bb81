"""Where etcd and kube-apiserver are: given by the environment, or built once from pinned Go modules.

As for controller-runtime's envtest, `TEST_ASSET_ETCD` and `TEST_ASSET_KUBE_APISERVER` name the programs, and
`KUBEBUILDER_ASSETS` a folder that has both. Otherwise, and where a version is asked for, they lie in a cache folder
that `build` fills.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from kubeinformer.testing.control_plane.processes import ControlPlaneError

ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
VERSION_VARIABLE = "KUBEINFORMER_CONTROL_PLANE_VERSION"
ETCD, API_SERVER = "etcd", "kube-apiserver"
_MODULES = files("kubeinformer.testing.control_plane") / "go_module"
_BUILD_COMMAND = "`make control-plane` (`python -m kubeinformer.testing.control_plane.build`)"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The two programs.

    Attributes:
        etcd: Path of etcd.
        api_server: Path of kube-apiserver.
    """

    etcd: Path
    api_server: Path


@dataclass(frozen=True, slots=True)
class GoModule:
    """The pinned Go module that both programs are built from.

    Attributes:
        go_mod: The text of its go.mod.
        go_sum: The text of its go.sum.
    """

    go_mod: str
    go_sum: str

    @classmethod
    def packaged(cls, version: str | None = None) -> GoModule:
        """Read a module that comes with this package.

        Args:
            version: The minor version, such as `1.34`; None for the one that the environment variable
                `KUBEINFORMER_CONTROL_PLANE_VERSION` names, or the newest.

        Raises:
            ControlPlaneError: There is no such version; the message has those there are.
        """
        known = known_versions()
        wanted = version or os.environ.get(VERSION_VARIABLE) or known[-1]
        if wanted not in known:
            raise ControlPlaneError(f"no version {wanted!r} of the control plane, only {', '.join(known)}")
        folder = _MODULES / wanted
        return cls((folder / "go.mod").read_text(), (folder / "go.sum").read_text())

    @property
    def go_version(self) -> str:
        """The oldest Go that builds it, such as `1.26.0`."""
        return self._pinned(r"go (\S+)")

    @property
    def kubernetes_version(self) -> str:
        """The Kubernetes release, such as `v1.37.2`."""
        return self._pinned(r"\s*k8s\.io/kubernetes (v\S+).*")

    def _pinned(self, pattern: str) -> str:
        match = re.search(f"^{pattern}$", self.go_mod, re.MULTILINE)
        assert match is not None
        return match[1]

    @property
    def linker_flags(self) -> str:
        """What makes the API server say its version, as a release build does."""
        version = self.kubernetes_version
        major, minor, _ = version.removeprefix("v").split(".", 2)
        facts = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        return "-s -w " + " ".join(
            f"-X k8s.io/component-base/version.{name}={fact}" for name, fact in facts.items()
        )

    @property
    def cache_folder(self) -> Path:
        """Where its programs are kept: a folder for each content and kind of machine, so none is ever stale."""
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        content = "\n".join((self.go_mod, self.go_sum, self.linker_flags, sys.platform, platform.machine()))
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        return Path(base) / "kubeinformer" / "control-plane" / f"{self.kubernetes_version}-{digest}"


def known_versions() -> list[str]:
    """Return the minor versions that can be built, such as `1.37`, oldest first."""
    names = [folder.name for folder in _MODULES.iterdir() if folder.is_dir()]
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")])


def find_binaries(version: str | None = None) -> Binaries:
    """Return the programs that the environment names, or those that were built.

    Args:
        version: A minor version, such as `1.34`, which is always a built one; None for what the environment names, else
            the newest.

    Raises:
        ControlPlaneError: They are not there; the message says how to get them.
    """
    given = None if version else _given_binaries()
    if given is not None:
        return given
    module = GoModule.packaged(version)
    if (built := binaries_in(module.cache_folder)) is None:
        raise ControlPlaneError(
            f"no etcd and kube-apiserver {module.kubernetes_version} in {module.cache_folder}: run {_BUILD_COMMAND} "
            f"once, or set {ASSETS_VARIABLE} to a folder that has both"
        )
    return built


def are_given() -> bool:
    """Return whether the environment names programs, so that there is nothing to build."""
    return any(os.environ.get(name) for name in (ASSETS_VARIABLE, _asset(ETCD), _asset(API_SERVER)))


def _given_binaries() -> Binaries | None:
    """Return the programs that envtest's variables name, None where they name none."""
    if not are_given():
        return None
    folder = Path(os.environ.get(ASSETS_VARIABLE, ""))
    etcd, api_server = (Path(os.environ.get(_asset(name)) or folder / name) for name in (ETCD, API_SERVER))
    for name, path in ((ETCD, etcd), (API_SERVER, api_server)):
        if not os.access(path, os.X_OK):
            raise ControlPlaneError(
                f"{path} is no program: {_asset(name)} or {ASSETS_VARIABLE} should lead to {name}"
            )
    return Binaries(etcd, api_server)


def _asset(name: str) -> str:
    """Return envtest's variable for a program, such as `TEST_ASSET_KUBE_APISERVER`."""
    return f"TEST_ASSET_{name.upper().replace('-', '_')}"


def binaries_in(folder: Path) -> Binaries | None:
    """Return the programs of a folder, None unless both are there and executable."""
    binaries = Binaries(folder / ETCD, folder / API_SERVER)
    complete = all(os.access(path, os.X_OK) for path in (binaries.etcd, binaries.api_server))
    return binaries if complete else None
