"""Backoff: how long each delay may be, how it grows, and where it stops growing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubeinformer.cache.backoff import Backoff

RANDOM = st.integers(0, 2**20 - 1).map(lambda number: number / 2**20)  # exact, so that the bounds are too
BACKOFFS = st.builds(
    Backoff,
    initial=st.floats(0.01, 10.0),
    cap=st.floats(10.0, 1000.0),
    failures=st.integers(0, 10_000),
)


def test_the_numbers_are_those_of_client_go() -> None:
    """0.8 s doubling to 30 s, which is reached with the seventh failure (client-go's reflector)."""
    backoff, delays = Backoff(), []
    for _ in range(8):
        delay, backoff = backoff.step(0.0)
        delays.append(delay)
    assert delays == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


@given(BACKOFFS, RANDOM)
def test_each_delay_is_drawn_from_its_interval(backoff: Backoff, random: float) -> None:
    """From [d, 2d) with d = initial * 2^failures, never above the cap; any number of failures is fine."""
    base = min(backoff.cap, backoff.initial * 2 ** min(backoff.failures, 40))
    delay, _ = backoff.step(random)
    assert base <= delay < 2 * base
    assert delay == base * (1 + random)


@given(BACKOFFS, RANDOM)
def test_a_step_counts_one_failure_and_changes_nothing_else(backoff: Backoff, random: float) -> None:
    """The sequence is a value: the old one can be asked again, with the same answer."""
    answer = backoff.step(random)
    assert answer[1] == Backoff(backoff.initial, backoff.cap, backoff.failures + 1)
    assert backoff.step(random) == answer


@given(BACKOFFS)
def test_it_grows_until_the_cap(backoff: Backoff) -> None:
    """For one random number, no delay is shorter than the one before."""
    delay, following = backoff.step(0.5)
    assert delay <= following.step(0.5)[0] <= 1.5 * backoff.cap


@given(BACKOFFS, RANDOM)
def test_reset_begins_anew(backoff: Backoff, random: float) -> None:
    """With the first delay, whatever came before."""
    assert backoff.reset() == Backoff(backoff.initial, backoff.cap)
    assert backoff.step(random)[1].reset() == backoff.reset()
