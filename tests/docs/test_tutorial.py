"""The tutorial is true: its blocks run, in their order, as one program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_the_blocks_of_the_tutorial_run_in_their_order() -> None:
    """What a reader types, step by step, in one interpreter."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "tutorial.md").read_text(), re.DOTALL)
    assert len(blocks) >= 10
    names: dict[str, Any] = {"__name__": "tutorial"}
    try:
        for number, block in enumerate(blocks):
            exec(compile(block, f"tutorial.md, block {number}", "exec"), names)
    finally:
        names["factory"].stop()
        names["server"].stop()
