"""A queue in threads that are interrupted: by signal handlers, and by whatever else runs in the middle of a call."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from kubeinformer.errors import ShutDown
from kubeinformer.testing.fake_clock import FakeClock
from kubeinformer.workqueue import queue as queue_module
from kubeinformer.workqueue import queue_core, sleepers, turns
from kubeinformer.workqueue.limiters import ItemFastSlowRateLimiter
from kubeinformer.workqueue.queue import WorkQueue

FILES = {module.__file__ for module in (queue_module, queue_core, sleepers, turns)}
Call = Callable[[WorkQueue[str]], object]


class Asleep(Exception):
    """A thread goes to sleep, and nobody has woken it."""


def interrupted(
    call: Callable[[], object], handler: Callable[[], object], moment: int
) -> tuple[object, bool]:
    """Run a call with a handler before its n-th bytecode; return what it returned, and whether it lasted so long."""
    count, fired = 0, False

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count, fired
        if frame.f_code.co_filename not in FILES:
            return None
        frame.f_trace_opcodes = True
        count += event == "opcode"
        if count == moment and not fired:
            fired = True
            handler()  # nothing is traced in there
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # for Python 3.12, which asks for it only as tracing begins
    sys.settrace(trace)
    try:
        result = call()
    except (Asleep, ShutDown) as end:
        result = type(end)
    finally:
        sys.settrace(before)
    return result, fired


def left(queue: WorkQueue[str]) -> list[str]:
    """Take what is there."""
    keys = []
    while len(queue):
        keys.append(queue.get(timeout=0))
    return keys


def taken_and_added_again(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.get(timeout=0)
    queue.add("a")


@pytest.mark.parametrize(
    ("prepare", "call", "handler", "expected"),
    [
        (lambda _: None, lambda q: q.add("a"), lambda q: q.add("b"), "ab"),
        (lambda _: None, lambda q: q.add("a"), lambda q: q.add("a"), "a"),
        (lambda q: q.add("a"), lambda q: q.get(timeout=0), lambda q: q.add("b"), "ab"),
        (taken_and_added_again, lambda q: q.done("a"), lambda q: q.add("b"), "ab"),
        (lambda q: q.add_after("a", 100), lambda q: q.add_after("a", 50), lambda q: q.add("a"), "a"),
        (lambda _: None, lambda q: q.add("a"), lambda q: q.add_after("b", 0), "ab"),
        (lambda _: None, lambda q: q.add("a"), lambda q: q.add_rate_limited("b"), "ab"),
        (taken_and_added_again, lambda q: q.add("b"), lambda q: q.done("a"), "ab"),
        (lambda q: q.add("a"), lambda q: q.add("b", 5), lambda q: q.shut_down(), "a?"),
    ],
    ids=["add", "same", "get", "done", "delayed", "add_after", "limited", "done-in-add", "shut_down"],
)
def test_a_signal_handler_may_come_at_any_moment(
    prepare: Call, call: Call, handler: Call, expected: str
) -> None:
    """At each bytecode of a call another key may be added, or one given back: none is lost, doubled, or in the way."""
    moment, fired = 0, True
    while fired:
        moment += 1
        queue: WorkQueue[str] = WorkQueue(limiter=ItemFastSlowRateLimiter(0.0, 0.0, 1))
        prepare(queue)
        result, fired = interrupted(lambda: call(queue), lambda: handler(queue), moment)  # noqa: B023  # called at once
        assert not queue._turns.postponed  # also where nobody else comes near the queue for long
        keys = sorted([*left(queue), *([result] if isinstance(result, str) else [])])
        if fired and expected == "a?":  # what was added as it ended may be in it or not
            assert (keys in (["a"], ["a", "b"]), queue.is_shut_down) == (True, True), moment
        elif fired:
            assert keys == list(expected), moment
    assert moment > 50


@pytest.mark.parametrize("handler", [lambda queue: queue.add("b"), lambda queue: queue.shut_down()])
def test_a_signal_that_comes_as_a_thread_goes_to_sleep_wakes_it(
    handler: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the moment: the key, or the end, is not slept through."""
    left_for_good = False

    def sleep(sleeper: sleepers.ThreadSleeper, _: float) -> None:
        nonlocal left_for_good
        if not sleeper._signal.acquire(blocking=False):
            left_for_good = True
            raise Asleep

    monkeypatch.setattr(sleepers.ThreadSleeper, "sleep", sleep)
    results: list[object] = []
    came_too_late = False
    while not came_too_late:
        queue: WorkQueue[str] = WorkQueue()
        left_for_good = False

        def handle() -> None:
            nonlocal came_too_late
            came_too_late = left_for_good  # noqa: B023  # called at once
            handler(queue)  # noqa: B023  # called at once

        results.append(interrupted(queue.get, handle, len(results) + 1)[0])
    assert set(results[:-1]) in ({"b"}, {ShutDown})
    assert len(results) > 50


def test_what_is_asked_for_in_the_middle_of_a_call_is_done_as_it_was_asked() -> None:
    """With its priority, after its delay, retry or not; nothing of it before the call is over."""
    clock = FakeClock()
    queue: WorkQueue[str] = WorkQueue(limiter=ItemFastSlowRateLimiter(2.0, 2.0, 1), clock=clock)
    queue.add_rate_limited("failed")
    with queue._turns:
        queue.add("now", 5)
        queue.add_after("later", 1.0, 6, retry=False)
        queue.add_rate_limited("limited", 7)
        queue.forget("failed")
        queue.shut_down(delayed="run")
        assert (len(queue._core), queue.num_requeues("failed"), queue.is_shut_down) == (0, 1, False)
    assert (queue._retries, queue.num_requeues("failed"), queue.is_shut_down) == (2, 0, True)
    assert {(entry := queue.take(timeout=0)).key: entry.priority for _ in range(4)} == {
        "limited": 7,
        "later": 6,
        "now": 5,
        "failed": 0,
    }


def test_what_a_handler_asks_for_in_vain_is_no_business_of_the_call(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the interrupted call goes on."""
    queue: WorkQueue[str] = WorkQueue()
    with queue._turns:
        queue.add([])  # type: ignore[arg-type]  # not hashable
        queue.add("b")
    assert left(queue) == ["b"]
    assert "a call from a signal handler" in caplog.text


PROGRAM = """
import asyncio, signal
from kubeinformer import WorkQueue

queue = WorkQueue()


async def main():
    signal.signal(signal.SIGALRM, lambda *_: queue.add("a"))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    assert await queue.get_async() == "a"


asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no timer that sends a signal")
def test_a_signal_handler_wakes_a_loop_that_sleeps() -> None:
    """A key that is added by a handler of `signal.signal` reaches a task whose loop had nothing to do at all."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
