"""`.ci/run` runs every gate and stops at the first that fails."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

GATES = ["test", "lint", "types", "layers", "wheel", "faults"]
STUBBED_MAKE = """#!/bin/sh
for target; do :; done
echo "$target $PWD" >> "$MADE"
if read -r line; then exit 9; fi
[ "$target" != "$FAILING" ] || exit 7
"""


def run_with_stubbed_make(repository: Path, folder: Path, failing: str) -> tuple[int, list[str], str]:
    """Return the exit code, what was made (and where), and the last line of the output."""
    make = folder / "make"
    make.write_text(STUBBED_MAKE)
    make.chmod(0o755)
    made = folder / "made"
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "MADE": str(made),
        "FAILING": failing,
        "CI": "true",
    }
    command = ["bash", str(repository / ".ci" / "run")]
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        input="typed\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return result.returncode, made.read_text().splitlines(), result.stdout.splitlines()[-1]


def test_all_gates_run_in_the_repository(repository: Path, tmp_path: Path) -> None:
    """Whatever folder it is called from and whatever is typed, each gate runs once and the end says so."""
    exit_code, made, last_line = run_with_stubbed_make(repository, tmp_path, failing="")
    assert exit_code == 0
    assert made == [f"{gate} {repository}" for gate in GATES]
    assert re.fullmatch(r"=== passed: test lint types layers wheel faults \(\d+ s\)", last_line)


@pytest.mark.parametrize("failing", GATES)
def test_the_first_failing_gate_is_the_last(repository: Path, tmp_path: Path, failing: str) -> None:
    """A failing gate ends the run with its exit code, and the last line names it."""
    exit_code, made, last_line = run_with_stubbed_make(repository, tmp_path, failing)
    assert exit_code == 7
    assert made[-1] == f"{failing} {repository}"
    assert re.fullmatch(rf"=== FAILED: make {failing}, exit code 7 \(\d+ s\)", last_line)


def test_every_gate_is_a_target_of_the_makefile(repository: Path) -> None:
    """Each gate is a target with commands of its own, and `make help` tells what it does."""
    text = (repository / "Makefile").read_text()
    for gate in GATES:
        assert re.search(rf"^{gate}: .*  ## .+\n\t.+", text, re.MULTILINE), gate
