"""Check a wheel before anybody installs it: `python scripts/check_wheel.py dist/kubeinformer-*.whl`.

It must hold what a user needs, and every module must import where only the declared dependencies are installed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path, PurePosixPath

KINDS = Path(__file__).parents[1] / "src" / "kubeinformer" / "testing" / "api_server" / "kinds"
REQUIRED = (
    "kubeinformer/__init__.py",
    "kubeinformer/py.typed",
    "kubeinformer/testing/__init__.py",
    "pytest_kubeinformer.py",
    *(f"kubeinformer/testing/api_server/kinds/{file.name}" for file in sorted(KINDS.glob("*.json"))),
    "kubeinformer/testing/control_plane/go_module/1.37/go.mod",
    "kubeinformer/testing/control_plane/go_module/1.37/go.sum",
    "*.dist-info/licenses/LICENSE",
)

# Each module is the first of the package to be imported once: an import cycle shows from some entrances only.
IMPORT_EACH = """
import importlib, sys
for name in sys.argv[1:]:
    for loaded in [module for module in sys.modules if module.partition(".")[0] == "kubeinformer"]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except Exception as error:
        if "install kubeinformer[" not in str(error):  # what needs an extra has to say which
            print(f"{name} does not import: {error!r}")
"""


def main(arguments: list[str]) -> int:
    """Check the one wheel that is named, print its faults and return the exit code."""
    if len(arguments) != 1:
        print("usage: check_wheel.py WHEEL")
        return 2
    wheel = Path(arguments[0])
    with zipfile.ZipFile(wheel) as archive:
        paths = [PurePosixPath(name) for name in archive.namelist()]
    faults = content_faults(paths) or import_faults(wheel, module_names(paths))
    for fault in faults:
        print(f"{wheel.name}: {fault}")
    if not faults:
        print(f"{wheel.name}: {len(paths)} files, {len(module_names(paths))} modules, each imports by itself")
    return 1 if faults else 0


def content_faults(paths: list[PurePosixPath]) -> list[str]:
    """Return what the wheel lacks, and what it would put beside the package."""
    missing = [pattern for pattern in REQUIRED if not any(path.match(pattern) for path in paths)]
    tops = sorted({path.parts[0] for path in paths})
    own = {"kubeinformer", "pytest_kubeinformer.py"}
    foreign = [top for top in tops if top not in own and not top.endswith(".dist-info")]
    return [f"{name} is missing" for name in missing] + [
        f"{name} does not belong into it" for name in foreign
    ]


def module_names(paths: list[PurePosixPath]) -> list[str]:
    """Return the dotted names of all modules and packages; the plugin is for pytest alone to import."""
    sources = [path.with_suffix("") for path in paths if path.suffix == ".py" and len(path.parts) > 1]
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in sources)


def import_faults(wheel: Path, names: list[str]) -> list[str]:
    """Install the wheel into an environment that has nothing else, and return what its failing imports say."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder)
        python = str(Path(folder) / "bin" / "python")
        install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", str(wheel)]
        installed = _run(install)
        if installed.returncode:
            return [f"cannot be installed: {installed.stdout}"]
        imported = _run([python, "-I", "-c", IMPORT_EACH, *names])
    return imported.stdout.splitlines() or [f"exit code {imported.returncode}"] * bool(imported.returncode)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the words are those above and the names in the wheel
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
