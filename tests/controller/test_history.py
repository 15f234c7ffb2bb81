"""What is remembered of runs, and how it reads."""

from __future__ import annotations

import pytest

from kubeinformer import Controller, Request
from kubeinformer.controller.history import LENGTH, Explanation, History, Reconciliation
from kubeinformer.testing.waiting import eventually


def run_of(key: str, number: int = 1, **given: str) -> Reconciliation:
    """Return a run that is over."""
    return Reconciliation(key, "was updated", number, 1_800_000_000.0, 0.25, **{"result": "success", **given})


def test_an_explanation_reads_as_a_line() -> None:
    """Why, when, with what result, what it raised, and what comes next: for a log or a terminal."""
    assert str(Explanation("n/a", None, None, "", ())) == "n/a: no run is remembered"
    failed = run_of("n/a", 2, result="error", error="ValueError: no")
    assert str(Explanation("n/a", None, 1.5, "attempt 2 failed", (failed, run_of("n/a")))) == (
        "n/a: last: attempt 2 (was updated) took 0.250 s: error: ValueError: no; "
        "next in 1.500 s (attempt 2 failed)"
    )
    assert str(Explanation("n/a", 3.0, 0.0, "was updated", (run_of("n/a"),))) == (
        "n/a: last: attempt 1 (was updated) took 0.250 s: success; running for 3.000 s; "
        "next in 0.000 s (was updated)"
    )


def test_the_latest_thousand_runs_are_remembered() -> None:
    """Of all keys together; those of a key come with the last one first."""
    history = History()
    for number in range(LENGTH):
        history.append(run_of("even" if number % 2 == 0 else "odd", number))
    history.append(run_of("last"))
    numbers = [run.attempt for run in history.of("even")]
    assert numbers == list(range(LENGTH - 2, 0, -2))
    assert len(history.of("odd")) == LENGTH // 2
    assert history.of("never") == ()


def test_a_thread_that_fails_late_timed_out(caplog: pytest.LogCaptureFixture) -> None:
    """Its failure counts as `timeout`, and the log has said before that it takes too long."""

    def fail_late(request: Request) -> None:
        if request.attempt == 1:
            eventually(lambda: "late: a has been reconciled for more than 0.05 s" in caplog.text)
            raise RuntimeError("at last")

    controller = Controller("late", fail_late, reconcile_timeout=0.05)
    controller.enqueue("a")
    with controller:
        eventually(lambda: [run.result for run in controller.explain("a").history] == ["success", "timeout"])
