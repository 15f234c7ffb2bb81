"""docs/reflector.md is drawn from the reflector's table."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kubeinformer.cache import reflector_steps as steps
from kubeinformer.cache.backoff import Backoff
from kubeinformer.cache.load_gate import LOADS, PATIENCE
from kubeinformer.cache.reflector_inputs import INPUTS
from kubeinformer.cache.reflector_memory import SILENCE, TIMEOUT_GRACE, State
from kubeinformer.cache.reflector_states import TRANSITIONS

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "reflector.md"
SCRIPT = ROOT / "scripts" / "draw_reflector.py"


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The script beside a page of its own."""
    for source in (PAGE, SCRIPT):
        target = tmp_path / source.relative_to(ROOT)
        target.parent.mkdir()
        shutil.copy(source, target)
    return tmp_path


def test_the_page_is_what_the_table_says() -> None:
    """Whoever changes the table draws it anew."""
    done = run(SCRIPT)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_page_that_lags_behind_is_found_and_redrawn(copy: Path) -> None:
    """A row that is missing, or a page without the drawing, is a difference; writing it mends it."""
    page, script = copy / "docs" / "reflector.md", copy / "scripts" / "draw_reflector.py"
    right = page.read_text()
    for wrong in (right.replace("| watching | ended |", "| watching | over |"), right.partition("<!--")[0]):
        page.write_text(wrong)
        done = run(script)
        assert done.returncode == 1
        assert "--write" in done.stderr
        assert run(script, "--write").returncode == 0
        assert page.read_text() == right


def test_every_transition_is_drawn() -> None:
    """Every state, every input and every arrow between two states; none that the table does not have."""
    in_words = runpy.run_path(str(SCRIPT))["in_words"]
    text = PAGE.read_text()
    drawn = {
        (start, end, label)
        for start, end, labels in re.findall(r"^    (\w+) --> (\w+): (.*)$", text, re.MULTILINE)
        for label in labels.split(", ")
    }
    expected = {
        (state.value, target.value, in_words(kind))
        for (state, kind), row in TRANSITIONS.items()
        for target in row.leads_to - {state}
    }
    assert drawn == expected
    assert text.count("    [*] --> ") == 1
    for kind in INPUTS:
        assert f"| {in_words(kind)} | " in text


def test_the_numbers_are_those_of_the_code() -> None:
    """What users are promised in words is what the constants say."""
    text = " ".join(PAGE.read_text().split())
    words = {2: "two", 3: "three", 4: "Four", 5: "five", 10: "ten"}
    assert f"{SILENCE:.0f} s without a byte" in text
    assert f"{TIMEOUT_GRACE:.0f} s beyond the time" in text
    assert f"After {words[steps.SILENT_STREAMS]} watches that brought nothing" in text
    assert f"{words[steps.OPEN_FAILURES]} times over {steps.OPEN_FAILING_FOR:.0f} s" in text
    assert f"is asked for again,** {words[steps.PAGE_TRIES]} times" in text
    assert f"d from {Backoff().initial} s doubling to {Backoff().cap:.0f} s" in text
    assert f"after {words[int(steps.HEALTH / 60)]} minutes of health" in text
    assert f"up to {words[int(steps.LONGEST_RETRY_AFTER / 60)]} minutes" in text
    assert (
        f"{words[LOADS]} loads run at a time; one that takes longer than {words[int(PATIENCE)]} seconds"
        in text
    )


def test_every_state_is_explained() -> None:
    """Whatever `status.state` may say of a reflector has its line for users."""
    explained = re.findall(
        r"^\| (\w+) \| .* \| .* \|$", PAGE.read_text().partition("## The table")[0], re.MULTILINE
    )
    assert set(explained) - {"state"} == {state.value for state in State} | {"queued"}
