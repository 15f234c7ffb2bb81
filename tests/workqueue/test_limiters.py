"""Rate limiters: how long a failing key waits."""

from __future__ import annotations

import pytest

from kubeinformer.testing.fake_clock import FakeClock
from kubeinformer.workqueue.limiters import (
    BucketRateLimiter,
    ItemExponentialFailureRateLimiter,
    ItemFastSlowRateLimiter,
    MaxOfRateLimiter,
    RateLimiter,
    WithMaxWaitRateLimiter,
    default_controller_rate_limiter,
    default_item_based_rate_limiter,
)


def test_delays_double_for_each_key_by_itself() -> None:
    """Invariant 247: 1, 2, 4, 8, 16 ms; counted; forgotten."""
    limiter: ItemExponentialFailureRateLimiter[str] = ItemExponentialFailureRateLimiter(0.001, 1.0, jitter=0)
    assert [limiter.when("one") for _ in range(5)] == [0.001, 0.002, 0.004, 0.008, 0.016]
    assert (limiter.num_requeues("one"), limiter.num_requeues("two")) == (5, 0)
    assert [limiter.when("two") for _ in range(2)] == [0.001, 0.002]
    limiter.forget("one")
    assert (limiter.num_requeues("one"), limiter.when("one")) == (0, 0.001)
    steady: ItemExponentialFailureRateLimiter[str] = ItemExponentialFailureRateLimiter(2.0, 2.0, jitter=0)
    assert [steady.when("one") for _ in range(3)] == [2.0] * 3


def test_no_number_of_failures_goes_beyond_the_longest_delay() -> None:
    """Invariant 248: also where the power of two leaves all bounds."""
    limiter: ItemExponentialFailureRateLimiter[str] = ItemExponentialFailureRateLimiter(
        0.001, 1000.0, jitter=0
    )
    delays = [limiter.when("one") for _ in range(2000)]
    assert max(delays) == delays[-1] == 1000.0
    assert delays == sorted(delays)


def test_no_range_of_delays_leaves_the_numbers() -> None:
    """From the smallest to the largest there are: no overflow, at no failure."""
    limiter: ItemExponentialFailureRateLimiter[str] = ItemExponentialFailureRateLimiter(
        1e-300, 1e300, jitter=0
    )
    delays = [limiter.when("one") for _ in range(3000)]
    assert (delays[0], delays[1], delays[-1]) == (1e-300, 2e-300, 1e300)
    assert delays == sorted(delays)


def test_jitter_takes_off_a_share_of_a_delay() -> None:
    """What failed together does not come back together, and no delay is longer than it says."""
    clock = FakeClock(seed=3)
    limiter: ItemExponentialFailureRateLimiter[int] = ItemExponentialFailureRateLimiter(
        1.0, 8.0, jitter=0.5, random=clock.random
    )
    delays = [limiter.when(key) for key in range(100)]
    assert len(set(delays)) == 100
    assert all(0.5 < delay <= 1.0 for delay in delays)


def test_fast_attempts_are_followed_by_slow_ones() -> None:
    """Invariant 249."""
    limiter: ItemFastSlowRateLimiter[str] = ItemFastSlowRateLimiter(0.005, 10.0, 3)
    assert [limiter.when("one") for _ in range(5)] == [0.005, 0.005, 0.005, 10.0, 10.0]
    assert limiter.num_requeues("one") == 5
    limiter.forget("one")
    assert (limiter.num_requeues("one"), limiter.when("one")) == (0, 0.005)


def test_the_worst_of_several_limiters_counts() -> None:
    """Invariant 250: the longest delay, the largest number; all of them forget."""
    limiter: RateLimiter[str] = MaxOfRateLimiter(
        ItemFastSlowRateLimiter(0.005, 3.0, 3), ItemExponentialFailureRateLimiter(0.001, 1.0, jitter=0)
    )
    assert [limiter.when("one") for _ in range(5)] == [0.005, 0.005, 0.005, 3.0, 3.0]
    assert limiter.num_requeues("one") == 5
    limiter.forget("one")
    assert limiter.num_requeues("one") == 0
    with_bucket: RateLimiter[str] = MaxOfRateLimiter(
        BucketRateLimiter(10, 100), ItemFastSlowRateLimiter(0.005, 3.0, 3), BucketRateLimiter(10, 100)
    )
    with_bucket.when("one")
    assert with_bucket.num_requeues("one") == 1  # a bucket knows no keys


def test_a_longest_wait_caps_another_limiter() -> None:
    """Invariant 251."""
    inner: RateLimiter[str] = ItemExponentialFailureRateLimiter(1.0, 1000.0, jitter=0)
    limiter = WithMaxWaitRateLimiter(inner, 5.0)
    assert [limiter.when("one") for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert limiter.num_requeues("one") == 5
    limiter.forget("one")
    assert limiter.when("one") == 1.0


def test_a_bucket_lets_a_burst_through_and_then_paces() -> None:
    """Invariant 305: 16 tokens at 10 a second with a burst of 5 take 1.1 s; what is not used refills."""
    clock = FakeClock()
    bucket = BucketRateLimiter(10, 5, now=clock.now)
    delays = [bucket.when("any") for _ in range(16)]
    assert delays[:5] == [0.0] * 5
    assert delays[5:] == pytest.approx([number / 10 for number in range(1, 12)])
    clock.advance(1.1 + 0.5)
    assert [bucket.when("any") for _ in range(6)] == pytest.approx([0.0] * 5 + [0.1])
    bucket.forget("any")
    assert bucket.num_requeues("any") == 0


def test_a_bucket_is_asked_without_waiting() -> None:
    """Invariant 305: a burst, then no; a token later, yes; and no rounding costs one in a million."""
    clock = FakeClock()
    bucket = BucketRateLimiter(1, 3, now=clock.now)
    assert [bucket.try_accept() for _ in range(4)] == [True, True, True, False]
    clock.advance(1.0)
    assert [bucket.try_accept() for _ in range(2)] == [True, False]
    for _ in range(100_000):
        clock.advance(0.1)
    refused = sum(not bucket.try_accept() for _ in range(3))
    assert refused == 0


def test_presets_say_what_they_are() -> None:
    """Invariant 246: 5 ms doubled by default; client-go's preset has ten a second over all keys besides."""
    clock = FakeClock(random_value=0.0)
    alone = default_item_based_rate_limiter(random=clock.random)
    assert [alone.when("one") for _ in range(3)] == [0.005, 0.01, 0.02]
    both = default_controller_rate_limiter(random=clock.random, now=clock.now)
    delays = [both.when(number) for number in range(102)]
    assert delays[:100] == [0.005] * 100
    assert delays[100:] == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize(
    "make",
    [
        lambda: ItemExponentialFailureRateLimiter(0.0),
        lambda: ItemExponentialFailureRateLimiter(2.0, 1.0),
        lambda: ItemExponentialFailureRateLimiter(jitter=2.0),
        lambda: ItemExponentialFailureRateLimiter(1.0, float("inf")),
        lambda: BucketRateLimiter(0, 1),
        lambda: BucketRateLimiter(1, 0),
        MaxOfRateLimiter,
    ],
)
def test_senseless_limits_are_refused(make) -> None:  # type: ignore[no-untyped-def]  # constructors
    """A limiter that could never give a delay is a ValueError where it is made."""
    with pytest.raises(ValueError, match="no "):
        make()
