"""Why a key is reconciled: what `request.reason` and `explain` say."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from tests.controller.conftest import Noting, config_map

from kubeinformer import Controller, Request, SharedInformerFactory, requeue_after
from kubeinformer.controller.reasons import DEFAULT_REASON, MOST, Reasons
from kubeinformer.controller.reconciling import Reconciling
from kubeinformer.testing import APIServer
from kubeinformer.testing.fake_clock import FakeClock
from kubeinformer.testing.waiting import eventually, eventually_equal
from kubeinformer.workqueue.queue_core import Entry


def reconciling(*, debounce: float = 0.0, clock: FakeClock | None = None) -> Reconciling:
    """Return the keys of a controller without workers: the test is its worker."""
    return Reconciling(
        "alone",
        workers=1,
        limiter=None,
        debounce=debounce,
        timeout=None,
        metrics=None,
        clock=clock or FakeClock(),
    )


def reason_of_next(keys: Reconciling, result: object = None) -> str:
    """Make the next run, and return why it was made."""
    run = keys.begin(keys.queue.take(0))
    assert run is not None
    keys.returned(run, result)
    return run.request.reason


def test_no_trigger_is_hidden_by_a_later_one(server: APIServer, factory: SharedInformerFactory) -> None:
    """A deletion is told although something trivial came after it."""
    begun, may_end = threading.Event(), threading.Event()

    def wait(request: Request) -> None:
        if request.key == "busy":
            begun.set()
            may_end.wait(30)

    server.create("configmaps", config_map("a"))
    reconcile = Noting(wait)
    controller = Controller("telling", reconcile)
    controller.watch(factory.informer("configmaps"))
    with controller:
        eventually_equal(lambda: reconcile.counts["default/a"], 1)
        controller.enqueue("busy")
        assert begun.wait(30)
        server.delete("configmaps", "a", "default")
        eventually(lambda: controller.explain("default/a").due_in == 0)
        controller.enqueue("default/a", reason="somebody asked")
        expected = "configmaps default/a was deleted; somebody asked"
        assert controller.explain("default/a").next_reason == expected
        may_end.set()
        eventually(lambda: reconcile.of("default/a")[-1].reason == expected)
        eventually(lambda: len(controller.explain("default/a").history) == 2)
    last = controller.explain("default/a").last
    assert last is not None
    assert last.reason == expected


def test_reasons_are_told_once_each_and_not_without_end() -> None:
    """In the order of coming, the first eight; of further triggers how many there were."""
    reasons = Reasons()
    for number in range(MOST + 3):
        for _ in range(2):
            reasons.add("a", f"r{number}")
    told = "; ".join(f"r{number}" for number in range(MOST))
    assert reasons.of("a") == f"{told}; and 6 more"
    assert reasons.take("a").endswith("; and 6 more")
    assert (len(reasons), reasons.of("a"), reasons.take("b")) == (0, DEFAULT_REASON, DEFAULT_REASON)


def test_a_trigger_between_the_hand_out_and_the_begin_counts_for_both_runs() -> None:
    """The run that begins sees its state, and the next one comes because of it."""
    keys = reconciling()
    keys.ask("a", "first")
    entry: Entry[str] = keys.queue.take(0)
    keys.ask("a", "second")
    run = keys.begin(entry)
    assert run is not None
    assert run.request.reason == "first; second"
    keys.returned(run, None)
    assert reason_of_next(keys) == "second"
    assert not keys._reasons


def test_the_same_trigger_between_the_hand_out_and_the_begin_counts_for_both_runs() -> None:
    """A reason that comes twice is told once by each of them."""
    keys = reconciling()
    keys.ask("a", "first")
    entry: Entry[str] = keys.queue.take(0)
    keys.ask("a", "first")
    run = keys.begin(entry)
    assert run is not None
    keys.returned(run, None)
    assert (run.request.reason, reason_of_next(keys)) == ("first", "first")


def test_what_comes_during_a_run_is_the_reason_of_the_next() -> None:
    """All of it, and the failure of the run besides."""
    keys = reconciling(clock=FakeClock())
    keys.ask("a", "first")
    run = keys.begin(keys.queue.take(0))
    assert run is not None
    for reason in ("second", "third", "second"):
        keys.ask("a", reason)
    keys.failed(run, ValueError("no"))
    assert reason_of_next(keys) == "second; third; attempt 1 failed"


@pytest.mark.parametrize(("given", "expected"), [(None, 3), (-5, -5)])
def test_a_wish_has_its_priority_or_that_of_its_run(given: int | None, expected: int) -> None:
    """`requeue_after(60, priority=-5)`: it comes after what others ask for, whatever brought its run about."""
    clock = FakeClock()
    keys = reconciling(clock=clock)
    keys.ask("a", "first", 3)
    reason_of_next(keys, requeue_after(60, priority=given))
    clock.advance(60)
    assert keys.queue.take(0).priority == expected


def test_a_wish_that_is_overtaken_is_no_reason() -> None:
    """`requeue_after(3600)` did not bring about what a change brought before; once its time has come it did."""
    clock = FakeClock()
    keys = reconciling(clock=clock)
    keys.ask("a", "first")
    assert reason_of_next(keys, requeue_after(3600)) == "first"
    assert keys.explain("a").next_reason == "requeue after 3600 s"
    keys.ask("a", "changed")
    assert reason_of_next(keys, requeue_after(3600)) == "changed"
    clock.advance(3600)
    keys.ask("a", "changed")
    assert reason_of_next(keys) == "requeue after 3600 s; changed"
    assert not keys._reasons
    assert not keys._reasons._wishes
    keys.ask("a", "first")
    run = keys.begin(keys.queue.take(0))
    assert run is not None
    keys.ask("a", "changed during the run")
    keys.returned(run, requeue_after(3600))
    assert reason_of_next(keys) == "changed during the run"


def test_a_wish_whose_time_has_come_is_a_reason_while_it_waits_for_the_caches() -> None:
    """What comes while the key waits to read its own writes did not bring about its run alone."""
    clock = FakeClock()
    keys = reconciling(clock=clock)
    keys.ask("a", "first")
    reason_of_next(keys, requeue_after(60))
    clock.advance(60)
    keys.wait_for_own_writes(list, 60)
    assert keys.own_writes is not None
    with pytest.MonkeyPatch.context() as behind:
        behind.setattr(keys.own_writes, "missing", lambda _: ("its last write", False))
        assert keys.begin(keys.queue.take(0)) is None
    keys.ask("a", "changed")
    assert reason_of_next(keys) == "requeue after 60 s; changed"


def test_a_wish_counts_where_it_comes_before_what_is_collected() -> None:
    """With a debounce of a minute a change waits longer than a wish for the next second."""
    clock = FakeClock()
    keys = reconciling(debounce=60, clock=clock)
    keys.ask("a", "first")
    clock.advance(60)
    run = keys.begin(keys.queue.take(0))
    assert run is not None
    keys.ask("a", "changed")
    keys.returned(run, requeue_after(1))
    clock.advance(1)
    assert reason_of_next(keys) == "changed; requeue after 1 s"


def test_nothing_is_kept_of_keys_that_never_run() -> None:
    """After the end nothing is due, and keys that are asked for leave no trace (regression 29)."""
    keys = reconciling()
    keys.ask("wished", "a reason")
    reason_of_next(keys, requeue_after(60))
    for key in ("wishing", "failing", "before"):
        keys.ask(key, "a reason")
    wishing, failing = (keys.begin(keys.queue.take(0)) for _ in range(2))
    assert wishing is not None
    assert failing is not None
    keys.close()
    keys.returned(wishing, requeue_after(60))
    keys.failed(failing, ValueError("no"))
    for number in range(1000):
        keys.ask(f"after/{number}", "a reason")
    assert len(keys._reasons) == 0
    assert not keys._reasons._wishes
    for key in ("wished", "before", "after/1"):
        explained = keys.explain(key)
        assert (explained.due_in, explained.next_reason) == (None, "")


@pytest.fixture
def hurried() -> Iterator[None]:
    """Let threads take turns a hundred times as often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_no_reason_is_lost_between_threads(hurried: None) -> None:
    """Each of thousands of triggers is told by a run that begins after it, and no run is without one."""
    told: set[str] = set()
    unexplained: list[Request] = []

    def reconcile(request: Request) -> None:
        told.update(request.reason.split("; "))
        if DEFAULT_REASON in request.reason:
            unexplained.append(request)

    controller = Controller("raced", reconcile, workers=4)
    asked = [f"trigger {number}" for number in range(800)]

    def ask(reasons: list[str]) -> None:
        for number, reason in enumerate(reasons):
            controller.enqueue(f"key/{number % 2}", reason=reason)
            eventually(lambda reason=reason: reason in told, sleep=lambda _: None)  # type: ignore[misc]  # the loop's

    with controller:
        threads = [threading.Thread(target=ask, args=(asked[number::4],), daemon=True) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        eventually(lambda: told >= set(asked))
        eventually(lambda: not controller._reconciling.runs)
        assert not controller._reconciling._reasons
    assert not unexplained
