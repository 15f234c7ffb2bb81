"""A wheel that lacks something, or works only here, does not pass."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

METADATA = "kubeinformer-1.dist-info"
KINDS = Path("kubeinformer", "testing", "api_server", "kinds")
RECORDED = sorted((Path(__file__).parents[2] / "src" / KINDS).glob("*.json"))
CONTENTS = {
    "kubeinformer/__init__.py": "",
    "kubeinformer/py.typed": "",
    "kubeinformer/testing/__init__.py": "import kubeinformer",
    "pytest_kubeinformer.py": "",
    **{(KINDS / file.name).as_posix(): "" for file in RECORDED},
    "kubeinformer/testing/control_plane/go_module/1.37/go.mod": "",
    "kubeinformer/testing/control_plane/go_module/1.37/go.sum": "",
    f"{METADATA}/METADATA": "Metadata-Version: 2.4\nName: kubeinformer\nVersion: 1\n",
    f"{METADATA}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{METADATA}/licenses/LICENSE": "",
}


def check(repository: Path, folder: Path, contents: dict[str, str]) -> tuple[int, str]:
    """Pack a wheel and return the exit code and the output of the check."""
    wheel = folder / "kubeinformer-1-py3-none-any.whl"
    record = "".join(f"{name},,\n" for name in [*contents, f"{METADATA}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in (contents | {f"{METADATA}/RECORD": record}).items():
            archive.writestr(name, text)
    command = [sys.executable, str(repository / "scripts" / "check_wheel.py"), str(wheel)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return result.returncode, result.stdout + result.stderr


def test_a_complete_wheel_passes(repository: Path, tmp_path: Path) -> None:
    """What the following tests break is whole before."""
    assert check(repository, tmp_path, CONTENTS) == (
        0,
        f"kubeinformer-1-py3-none-any.whl: {len(CONTENTS) + 1} files, 2 modules, each imports by itself\n",
    )


@pytest.mark.parametrize("name", [name for name in CONTENTS if not name.endswith(("METADATA", "WHEEL"))])
def test_a_missing_file_is_named(repository: Path, tmp_path: Path, name: str) -> None:
    """Type checkers need py.typed, users the license, and the control plane its Go module."""
    contents = {path: text for path, text in CONTENTS.items() if path != name}
    exit_code, output = check(repository, tmp_path, contents)
    assert exit_code == 1
    assert f"{name.replace(METADATA, '*.dist-info')} is missing" in output


def test_a_second_package_is_named(repository: Path, tmp_path: Path) -> None:
    """Nothing is installed beside the package: a `tests` folder there would shadow the user's own."""
    exit_code, output = check(repository, tmp_path, CONTENTS | {"tests/__init__.py": ""})
    assert (exit_code, "tests does not belong into it" in output) == (1, True), output


def test_a_module_that_needs_more_than_the_dependencies_is_named(repository: Path, tmp_path: Path) -> None:
    """What imports in the developers' environment alone does not import at the user's."""
    contents = CONTENTS | {"kubeinformer/extra.py": "import pytest"}
    exit_code, output = check(repository, tmp_path, contents)
    assert exit_code == 1
    assert "kubeinformer.extra does not import: ModuleNotFoundError" in output


def test_a_module_that_is_saved_by_its_neighbours_is_named(repository: Path, tmp_path: Path) -> None:
    """A module must import whichever is asked for first, not only after others have been."""
    contents = CONTENTS | {
        "kubeinformer/a.py": "import kubeinformer.b",
        "kubeinformer/b.py": "import kubeinformer\n\nkubeinformer.a",
    }
    exit_code, output = check(repository, tmp_path, contents)
    assert exit_code == 1
    assert "kubeinformer.b does not import: AttributeError" in output
