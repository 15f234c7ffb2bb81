"""Each gate, under the project's own configuration, lets good code pass and stops bad code."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]

GOOD_MODULE = '''"""Doubling."""


def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number
'''


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("F401", "import os\n"),
        ("D103", "def undocumented() -> None:\n    print\n"),
        ("BLE001", "try:\n    double(1)\nexcept Exception:\n    double(2)\n"),
        ("B006", 'def collect(into: list[int] = []) -> None:\n    """Collect."""\n    into.append(1)\n'),
        ("ASYNC230", 'async def read() -> None:\n    """Read."""\n    open("file")\n'),
        ("C901", 'def busy(n: int) -> None:\n    """Busy."""\n' + "    if n:\n        double(n)\n" * 12),
        ("T201", "print(double(1))\n"),
        ("RUF100", "NUMBER = double(1)  # " + "noqa: F401\n"),
    ],
)
def test_lint_stops_a_common_mistake(project: Path, run: Run, rule: str, fault: str) -> None:
    """`ruff check` names the rule that a mistake in the package breaks."""
    module = project / "src" / "module.py"
    module.parent.mkdir()
    module.write_text(GOOD_MODULE)
    assert run("ruff", "check", ".").returncode == 0
    module.write_text(f"{GOOD_MODULE}\n\n{fault}")
    result = run("ruff", "check", ".")
    assert (result.returncode, rule in result.stdout) == (1, True), result.stdout


def test_lint_stops_an_unformatted_file(project: Path, run: Run) -> None:
    """`ruff format --check` names a file that the formatter would change."""
    (project / "module.py").write_text(GOOD_MODULE)
    assert run("ruff", "format", "--check", ".").returncode == 0
    (project / "module.py").write_text(GOOD_MODULE.replace("2 * number", "2*number"))
    result = run("ruff", "format", "--check", ".")
    assert (result.returncode, "module.py" in result.stdout) == (1, True)


def test_types_stop_a_wrong_and_a_missing_annotation(project: Path, run: Run) -> None:
    """`mypy` is strict in every folder: no wrong type, no bare function, no ignored error without its code."""
    (project / "scripts").mkdir()
    (project / "scripts" / "good.py").write_text(GOOD_MODULE)
    (project / "wrong.py").write_text('def half(number: int) -> int:\n    return f"{number / 2}"\n')
    (project / "bare.py").write_text("def half(number):\n    return number / 2\n")
    (project / "ignored.py").write_text('NUMBER: int = "1"  # type: ' + "ignore\n")
    result = run("mypy", "--cache-dir", "cache")
    found = {line.partition(":")[0]: line.rpartition("[")[2] for line in result.stdout.splitlines()[:-1]}
    assert result.returncode == 1
    assert found == {
        "wrong.py": "return-value]",
        "bare.py": "no-untyped-def]",
        "ignored.py": "ignore-without-code]",
    }


@pytest.fixture
def package(project: Path, repository: Path) -> Path:
    """A copy of the package whose imports all have their layer."""
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(
        shutil.copytree(repository / "src" / "kubeinformer", project / "src" / "kubeinformer", ignore=ignored)
    )


def test_layers_hold_in_the_package(package: Path, run: Run) -> None:
    """The package as it stands keeps all contracts, so what the next test sees is its own import."""
    result = run("lint-imports", "--no-cache", "--no-logo")
    assert (result.returncode, " 0 broken" in result.stdout) == (0, True), result.stdout


@pytest.mark.parametrize(
    ("module", "forbidden", "contract"),
    [
        ("cache/extra.py", "import aiohttp", "Only the factory knows the client"),
        ("cache/extra.py", "from kubeinformer.client import config", "Only the factory knows the client"),
        ("client/extra.py", "from kubeinformer.cache import lister", "Imports point downwards"),
        ("client/extra.py", "import aiohttp", "aiohttp is imported by the transport alone"),
        ("client/extra.py", "import yaml", "PyYAML is imported by the kubeconfig reader alone"),
        ("testing/api_server/extra.py", "import yaml", "PyYAML is imported by the kubeconfig reader alone"),
        ("blocking/extra.py", "import kubeinformer.testing", "Imports point downwards"),
        ("cache/extra.py", "from kubeinformer.testing import fake_clock", "Imports point downwards"),
        ("errors.py", "from kubeinformer import objects", "Imports point downwards"),
        ("selectors.py", "from kubeinformer import objects", "Imports point downwards"),
        ("newcomer.py", "", "every module has its layer"),
    ],
)
def test_layers_stop_a_forbidden_import(
    package: Path, run: Run, module: str, forbidden: str, contract: str
) -> None:
    """`lint-imports` names the contract that one more import breaks."""
    with (package / module).open("a") as file:
        file.write(f"\n{forbidden}\n")
    result = run("lint-imports", "--no-cache", "--no-logo")
    output = " ".join(result.stdout.split())
    assert result.returncode == 1, output
    assert re.search(f"{contract}((?!KEPT|BROKEN).)* BROKEN", output), output


@pytest.mark.parametrize(
    ("passes", "body"),
    [
        (True, "assert True"),
        (False, "import warnings; warnings.warn('old', DeprecationWarning)"),
        (False, "import socket; socket.socket(); import gc; gc.collect()"),
        (False, "import threading; t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()"),
    ],
)
def test_a_warning_fails_a_test(project: Path, run: Run, passes: bool, body: str) -> None:
    """Pytest takes every warning for an error: deprecations, open sockets, errors in threads."""
    (project / "tests").mkdir()
    (project / "tests" / "test_one.py").write_text(f"def test_one():\n    {body}\n")
    result = run("pytest", "-p", "no:cacheprovider")
    assert (result.returncode == 0) is passes, result.stdout


def test_an_unknown_marker_fails_the_run(project: Path, run: Run) -> None:
    """A misspelt `control_plane` marker is an error, not a test that is never left out."""
    (project / "tests").mkdir()
    text = "import pytest\n\n\n@pytest.mark.controlplane\ndef test_one():\n    pass\n"
    (project / "tests" / "test_one.py").write_text(text)
    result = run("pytest", "-p", "no:cacheprovider")
    assert (result.returncode, "'controlplane' not found" in result.stdout) == (2, True), result.stdout
