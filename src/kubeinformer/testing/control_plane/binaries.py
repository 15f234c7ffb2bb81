"""Where etcd and kube-apiserver are: given by `KUBEBUILDER_ASSETS`, or built once from a pinned Go module.

`KUBEBUILDER_ASSETS` names a folder that has both, as for controller-runtime's envtest. Otherwise they lie in a cache
folder that `build` fills.
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
ETCD, API_SERVER = "etcd", "kube-apiserver"
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
    def packaged(cls) -> GoModule:
        """Read the module that comes with this package."""
        folder = files("kubeinformer.testing.control_plane") / "go_module"
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


def find_binaries() -> Binaries:
    """Return the programs in `KUBEBUILDER_ASSETS`, or those that were built.

    Raises:
        ControlPlaneError: They are not there; the message says how to get them.
    """
    if assets := os.environ.get(ASSETS_VARIABLE):
        if (found := binaries_in(Path(assets))) is None:
            raise ControlPlaneError(f"{ASSETS_VARIABLE}={assets} lacks {ETCD} or {API_SERVER}")
        return found
    folder = GoModule.packaged().cache_folder
    if (built := binaries_in(folder)) is None:
        raise ControlPlaneError(
            f"no etcd and kube-apiserver in {folder}: run {_BUILD_COMMAND} once, "
            f"or set {ASSETS_VARIABLE} to a folder that has both"
        )
    return built


def binaries_in(folder: Path) -> Binaries | None:
    """Return the programs of a folder, None unless both are there and executable."""
    binaries = Binaries(folder / ETCD, folder / API_SERVER)
    complete = all(os.access(path, os.X_OK) for path in (binaries.etcd, binaries.api_server))
    return binaries if complete else None
