"""The brake of a reflector beside client-go's flowcontrol.Backoff: what makes it grow, and what lets it start again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeinformer.cache.backoff import Backoff
from kubeinformer.cache.reflector_effects import Wait
from kubeinformer.cache.reflector_memory import Memory, Moment, State
from kubeinformer.cache.reflector_steps import HEALTH, back_off
from kubeinformer.errors import NetworkError, StatusError, TooManyRequests


def waits(memory: Memory, moment: Moment, error: Exception | None = None) -> tuple[float, Memory]:
    """Return the seconds that a failure makes a reflector wait, and what it remembers."""
    failure = error or NetworkError("no")
    _, after, effects = back_off(memory, State.OPENING, failure, moment)
    [seconds] = [effect.seconds for effect in effects if isinstance(effect, Wait)]
    return seconds, after


def test_time_alone_does_not_start_it_again() -> None:
    """Invariant 307, in our form: client-go's expires after twice its cap, this one stays while the trouble lasts."""
    memory, delays = Memory(), []
    for number in range(9):
        delay, memory = waits(memory, Moment(number * 10_000.0, 0.0))
        delays.append(delay)
    assert delays == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0]


@pytest.mark.parametrize(
    ("healthy_for", "expected"), [(0.0, 30.0), (HEALTH - 0.1, 30.0), (HEALTH, 0.8), (10 * HEALTH, 0.8)]
)
def test_lasting_health_starts_it_again(healthy_for: float, expected: float) -> None:
    """Invariant 307: reset by two minutes without a failure, and not a moment sooner."""
    memory = Memory(backoff=Backoff(failures=7), healthy_since=100.0)
    delay, after = waits(memory, Moment(100.0 + healthy_for, 0.0))
    assert delay == expected
    assert after.healthy_since is None
    assert waits(after, Moment(1e6, 0.0))[0] == min(30.0, 2 * expected)


def test_health_is_counted_from_the_last_failure() -> None:
    """Invariant 307: failures a minute apart are one stretch of trouble."""
    memory, delays = Memory(), []
    for number in range(8):
        delay, memory = waits(memory, Moment(60.0 * number, 0.0))
        delays.append(delay)
        memory = replace(memory, healthy_since=60.0 * number + delay)
    assert delays == sorted(delays)
    assert delays[-1] == 30.0


@pytest.mark.parametrize("chance", [0.0, 0.5, 1 - 2**-53])
@pytest.mark.parametrize("failures", [0, 3, 40, 10_000])
def test_jitter_keeps_its_bounds(failures: int, chance: float) -> None:
    """Invariant 307: each delay is drawn from [d, 2d), also at the cap and after any number of failures."""
    memory = Memory(backoff=Backoff(failures=failures))
    base = min(30.0, 0.8 * 2.0 ** min(failures, 40))
    delay, _ = waits(memory, Moment(0.0, chance))
    assert base <= delay <= 2 * base
    assert delay == pytest.approx(base * (1 + chance))


def test_what_the_server_asks_for_counts_where_it_is_longer() -> None:
    """Invariant 307: beside the delay of its own, and up to ten minutes."""
    for asked, expected in ((0.1, 0.8), (5.0, 5.0), (3600.0, 600.0)):
        error: StatusError = TooManyRequests(429, "TooManyRequests", "wait", retry_after=asked)
        assert waits(Memory(), Moment(0.0, 0.0), error)[0] == expected
