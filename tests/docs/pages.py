"""The blocks of code on a page, and how a reader uses them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"
BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n)?```python\n(.*?)```", re.DOTALL)


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the blocks of a page, each with the name of the file that it stands for, or ""."""
    return BLOCK.findall((DOCS / page).read_text())


def run_each(page: str) -> None:
    """Run every block that is no file, each by itself, as a reader would paste it."""
    plain = [block for file, block in blocks(page) if not file]
    assert plain
    for block in plain:
        exec(compile(block, page, "exec"), {"__name__": "page"})


def write_files(page: str, folder: Path) -> None:
    """Write the files of a page."""
    for file, block in blocks(page):
        if file:
            (folder / file).write_text(block)


def suite(page: str, folder: Path, *arguments: str) -> str:
    """Write the files of a page, run pytest on them, and return what it says."""
    write_files(page, folder)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *arguments, str(folder)]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=200, check=False, cwd=folder, env=variables
    )
    return done.stdout + done.stderr
