"""Blocks that acknowledge their key, with limiters that fail."""

from __future__ import annotations

import pytest

from kubeinformer.testing.fake_clock import FakeClock
from kubeinformer.workqueue.limiters import RateLimiter
from kubeinformer.workqueue.queue import WorkQueue


class Broken(RateLimiter[str]):
    """Somebody's own limiter, on a bad day."""

    def when(self, key: str) -> float:
        raise OverflowError(key)

    def forget(self, key: str) -> None:
        raise LookupError(key)

    def num_requeues(self, key: str) -> int:
        return 0


def test_a_limiter_that_raises_costs_no_key() -> None:
    """The key of a failed block comes again in a second, and is not in work for ever; both exceptions are told."""
    clock = FakeClock()
    queue: WorkQueue[str] = WorkQueue(limiter=Broken(), clock=clock)
    queue.add("a", 3)
    with pytest.raises(OverflowError) as caught, queue.processing():
        raise KeyError("a")
    assert isinstance(caught.value.__context__, KeyError)
    assert queue.due_in("a") == 1.0
    clock.advance(1)
    assert queue.take(timeout=0).priority == 3


def test_a_limiter_that_cannot_forget_keeps_no_key_in_work() -> None:
    """The key of a block that ended well is done all the same."""
    queue: WorkQueue[str] = WorkQueue(limiter=Broken())
    queue.add("a")
    with pytest.raises(LookupError), queue.processing(timeout=0):
        pass
    assert queue.due_in("a") is None
    queue.add("a")
    assert queue.get(timeout=0) == "a"
