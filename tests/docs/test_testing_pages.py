"""The pages about testing are true: every block of code in them runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.agreement.servers import IGNORED_FIELDS, IGNORED_WORDS

DOCS = Path(__file__).parent.parent.parent / "docs"
BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n)?```python\n(.*?)```", re.DOTALL)
PAGES = ("testing.md", "faults.md", "recording.md")


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the blocks of a page, each with the name of the file that it stands for, or ""."""
    return BLOCK.findall((DOCS / page).read_text())


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by itself, as a reader would paste it."""
    monkeypatch.chdir(tmp_path)
    plain = [block for file, block in blocks(page) if not file]
    assert plain
    for block in plain:
        exec(compile(block, page, "exec"), {"__name__": "page"})


def suite(folder: Path, *arguments: str) -> str:
    """Write the files of the page about testing, run pytest on them, and return what it says."""
    for file, block in blocks("testing.md"):
        if file:
            (folder / file).write_text(block)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *arguments, str(folder)]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=200, check=False, cwd=folder, env=variables
    )
    return done.stdout + done.stderr


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    """On the in-memory server, faults included."""
    said = suite(tmp_path, "--kubernetes-real=never")
    assert "4 passed, 1 skipped" in said, said


@pytest.mark.control_plane
def test_they_pass_on_the_real_server_too(tmp_path: Path) -> None:
    """The same test, in the same words."""
    said = suite(tmp_path, "--kubernetes-real=required", "-k", "both")
    assert "test_a_replica_on_both_servers[real] PASSED" in said, said


def test_what_is_not_compared_is_written_down() -> None:
    """Each entry of the lists in tests/agreement has a reason, and the page speaks of them."""
    page = (DOCS / "not_emulated.md").read_text()
    assert all(IGNORED_FIELDS.values())
    assert all(IGNORED_WORDS.values())
    for word in ("columns", "Go's own", "list's own version"):
        assert word in page
