"""Build etcd and kube-apiserver once: `python -m kubeinformer.testing.control_plane.build`.

They are built from pinned Go modules (`go_module/`) into a cache folder of the user, which takes 4 to 9
minutes on two cores, so it is a step of its own that no test waits for. Minor versions may be named as arguments:
`... build 1.34 1.37`. With `KUBEBUILDER_ASSETS` set there is nothing to build. No other module imports this one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kubeinformer.testing.control_plane.binaries import (
    API_SERVER,
    ASSETS_VARIABLE,
    ETCD,
    Binaries,
    GoModule,
    are_given,
    binaries_in,
    find_binaries,
)
from kubeinformer.testing.control_plane.processes import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_PACKAGES = {ETCD: "go.etcd.io/etcd/server/v3", API_SERVER: "k8s.io/kubernetes/cmd/kube-apiserver"}
_PROGRESS_SECONDS = 15.0


def build(report: Callable[[str], None], version: str | None = None) -> Binaries:
    """Build both programs, unless they are there; a build under way elsewhere is waited for, not repeated.

    They appear in the cache folder together and complete, by one rename.

    Args:
        report: Called with lines of progress, at least every 15 s.
        version: The minor version, such as `1.34`; None for the newest, or what the environment says.

    Raises:
        ControlPlaneError: Go is missing or too old, or the build failed; the message has Go's last lines.
    """
    module = GoModule.packaged(version)
    folder = module.cache_folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(f"{folder.name}.lock"), report):
        if (built := binaries_in(folder)) is not None:
            return built
        _build_into(folder, module, report)
    return Binaries(folder / ETCD, folder / API_SERVER)


@contextlib.contextmanager
def _locked(path: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock that the kernel takes back if this process dies."""
    import fcntl  # POSIX only, where the rest of this module can be imported anywhere

    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another build is under way, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_into(folder: Path, module: GoModule, report: Callable[[str], None]) -> None:
    prefix = f"{folder.name}.building-"
    for abandoned in (folder, *folder.parent.glob(f"{prefix}*")):
        shutil.rmtree(abandoned, ignore_errors=True)
    workplace = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        (workplace / "bin").mkdir()
        (workplace / "go.mod").write_text(module.go_mod)
        (workplace / "go.sum").write_text(module.go_sum)
        for name, package in _PACKAGES.items():
            _go_build(module, package, workplace, f"bin/{name}", report)
        (workplace / "bin").rename(folder)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _go_build(
    module: GoModule, package: str, workplace: Path, output: str, report: Callable[[str], None]
) -> None:
    command = ["go", "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false"]
    command += ["-ldflags", module.linker_flags, "-o", output, package]
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    log = workplace / "build.log"
    try:
        with log.open("wb") as sink:
            process = subprocess.Popen(  # noqa: S603 - every word of it is written above
                command, cwd=workplace, env=environment, stdout=sink, stderr=sink
            )
    except FileNotFoundError:
        raise ControlPlaneError(f"Go is not installed; {_needs(module)}") from None
    if exit_code := _wait_with_progress(process, package, log, report):
        last_lines = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise ControlPlaneError(f"go build {package} ended with {exit_code}; {_needs(module)}\n{last_lines}")
    report(f"built {package}")


def _needs(module: GoModule) -> str:
    return f"Go {module.go_version} or newer is needed, or {ASSETS_VARIABLE}=<folder with {ETCD} and {API_SERVER}>"


def _wait_with_progress(
    process: subprocess.Popen[bytes], package: str, log: Path, report: Callable[[str], None]
) -> int:
    started = time.monotonic()
    report(f"building {package}")
    with process:
        try:
            while True:
                try:
                    return process.wait(_PROGRESS_SECONDS)
                except subprocess.TimeoutExpired:
                    report(f"building {package}: {time.monotonic() - started:.0f} s, {_progress(log)}")
        except BaseException:
            process.kill()
            raise


def _progress(log: Path) -> str:
    """Say how far Go is: it names each module that it downloads ("go: ...") and each package that it compiles."""
    lines = log.read_text(errors="replace").splitlines()
    downloads = sum(line.startswith("go: ") for line in lines)
    return f"{downloads} modules downloaded, {len(lines) - downloads} packages compiled"


def main(versions: Sequence[str] = ()) -> int:
    """Make sure that both programs are there, of each version named; return the exit code of the command."""

    def report(line: str) -> None:
        sys.stdout.write(f"control plane: {line}\n")
        sys.stdout.flush()

    try:
        for version in versions or (None,):
            given = version is None and are_given()
            binaries = find_binaries() if given else build(report, version)
            report(f"ready in {binaries.etcd.parent}")
    except ControlPlaneError as error:
        report(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
