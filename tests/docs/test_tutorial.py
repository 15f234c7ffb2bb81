"""The tutorial is true: its blocks run, in their order, as one program."""

from __future__ import annotations

from typing import Any

from tests.docs.pages import blocks


def test_the_blocks_of_the_tutorial_run_in_their_order() -> None:
    """What a reader types, step by step, in one interpreter."""
    steps = blocks("tutorial.md")
    assert len(steps) >= 10
    names: dict[str, Any] = {"__name__": "tutorial"}
    try:
        for number, (_, block) in enumerate(steps):
            exec(compile(block, f"tutorial.md, block {number}", "exec"), names)
    finally:
        names["factory"].stop()
        names["server"].stop()
