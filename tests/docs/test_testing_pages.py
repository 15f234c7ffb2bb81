"""The pages about testing are true: every block of code in them runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.agreement.servers import IGNORED_FIELDS, IGNORED_WORDS
from tests.docs.pages import DOCS, run_each, suite

PAGES = ("testing.md", "faults.md", "recording.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by itself, as a reader would paste it."""
    monkeypatch.chdir(tmp_path)
    run_each(page)


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    """On the in-memory server, faults included."""
    said = suite("testing.md", tmp_path, "--kubernetes-real=never")
    assert "4 passed, 1 skipped" in said, said


@pytest.mark.control_plane
def test_they_pass_on_the_real_server_too(tmp_path: Path) -> None:
    """The same test, in the same words."""
    said = suite("testing.md", tmp_path, "--kubernetes-real=required", "-k", "both")
    assert "test_a_replica_on_both_servers[real] PASSED" in said, said


def test_what_is_not_compared_is_written_down() -> None:
    """Each entry of the lists in tests/agreement has a reason, and the page speaks of them."""
    page = (DOCS / "not_emulated.md").read_text()
    assert all(IGNORED_FIELDS.values())
    assert all(IGNORED_WORDS.values())
    for word in ("columns", "Go's own", "list's own version"):
        assert word in page
