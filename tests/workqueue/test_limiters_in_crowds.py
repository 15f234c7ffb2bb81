"""Rate limiters beside client-go's flowcontrol: many threads, long runs, and what is remembered of a key."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeinformer.testing.fake_clock import FakeClock
from kubeinformer.workqueue.limiters import (
    BucketRateLimiter,
    ItemExponentialFailureRateLimiter,
    WithMaxWaitRateLimiter,
)
from kubeinformer.workqueue.queue import WorkQueue


def test_threads_share_one_pace() -> None:
    """Invariant 305: a hundred tokens at a hundred a second go to ten threads over a second, each token once."""
    clock = FakeClock()
    bucket = BucketRateLimiter(100, 1, now=clock.now)
    together = threading.Barrier(10)

    def take(_: int) -> list[float]:
        together.wait(30)
        return [bucket.when("any") for _ in range(10)]

    with ThreadPoolExecutor(10) as threads:
        delays = sorted(delay for taken in threads.map(take, range(10)) for delay in taken)
    assert delays == pytest.approx([number / 100 for number in range(100)])


def test_threads_that_do_not_wait_get_the_burst_alone() -> None:
    """Invariant 305: of a thousand who ask without waiting five are let through, and one a tenth of a second later."""
    clock = FakeClock()
    bucket = BucketRateLimiter(10, 5, now=clock.now)

    def ask(_: int) -> int:
        return sum(bucket.try_accept() for _ in range(100))

    with ThreadPoolExecutor(10) as threads:
        assert sum(threads.map(ask, range(10))) == 5
        clock.advance(0.1)
        assert sum(threads.map(ask, range(10))) == 1


@given(
    qps=st.sampled_from([0.1, 0.3, 1.0, 3.0, 7.0, 10.0, 100.0]),
    burst=st.integers(1, 10),
    pauses=st.lists(st.floats(0.0, 3.0), max_size=60),
    start=st.sampled_from([0.0, 1e6, 1e9]),
)
def test_no_more_than_the_burst_and_the_pace(
    qps: float, burst: int, pauses: list[float], start: float
) -> None:
    """Invariant 305: in any time, whoever asks and however often, no more tokens than the burst and what the pace gives."""
    clock = FakeClock(start)
    bucket = BucketRateLimiter(qps, burst, now=clock.now)
    taken: list[float] = []
    for pause in pauses:
        clock.advance(pause)
        while bucket.try_accept():
            taken.append(clock.now())
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            allowed = burst + (taken[last] - taken[first]) * qps
            assert last - first + 1 <= allowed + 1e-4


def test_a_pace_does_not_drift() -> None:
    """Invariant 305: ten million seconds in, a token at a third of one a second still takes three seconds."""
    clock = FakeClock(1e7)
    bucket = BucketRateLimiter(1 / 3, 1, now=clock.now)
    assert bucket.try_accept()
    for _ in range(1000):
        clock.advance(2.9)
        assert not bucket.try_accept()
        clock.advance(0.1)
        assert bucket.try_accept()


def test_a_bucket_may_be_kept_from_asking_for_too_long_a_wait() -> None:
    """Invariant 305: client-go's Wait refuses what cannot be met in time; here the wait is capped instead."""
    clock = FakeClock()
    limiter = WithMaxWaitRateLimiter(BucketRateLimiter(1, 1, now=clock.now), 2.0)
    assert [limiter.when("any") for _ in range(5)] == pytest.approx([0.0, 1.0, 2.0, 2.0, 2.0])


def test_a_key_stays_where_its_failures_have_brought_it() -> None:
    """Invariant 307: doubled to the cap; time alone forgets nothing (client-go's expires), only success does."""
    clock = FakeClock()
    limiter: ItemExponentialFailureRateLimiter[str] = ItemExponentialFailureRateLimiter(1.0, 8.0, jitter=0)
    queue: WorkQueue[str] = WorkQueue(limiter=limiter, clock=clock)
    delays = []
    for _ in range(6):
        queue.add_rate_limited("a")
        delays.append(queue.due_in("a"))
        clock.advance(delays[-1] or 0.0)
        queue.done(queue.get(timeout=0))
        clock.advance(1000)
    assert delays == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    queue.forget("a")
    assert len(limiter) == 0
    queue.add_rate_limited("a")
    assert queue.due_in("a") == 1.0


@given(
    failures=st.integers(0, 2000),
    jitter=st.floats(0.0, 1.0),
    chance=st.floats(0.0, 1.0, exclude_max=True),
)
def test_jitter_keeps_its_bounds(failures: int, jitter: float, chance: float) -> None:
    """Invariant 307: it shortens a delay by its share at most, and lengthens none, after any number of failures."""
    limiter: ItemExponentialFailureRateLimiter[str] = ItemExponentialFailureRateLimiter(
        0.005, 1000.0, jitter=jitter, random=lambda: chance
    )
    for _ in range(failures):
        limiter.when("a")
    full = min(1000.0, 0.005 * 2.0 ** min(failures, 60))
    assert full * (1 - jitter) <= limiter.when("a") <= full
