"""Waiting for what happens elsewhere: on a clock that the test moves."""

from __future__ import annotations

import asyncio
import unittest

import pytest

from kubeinformer.testing import eventually, eventually_async, eventually_equal


class Hours:
    """A clock that moves by being slept on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)


def test_it_returns_what_the_condition_returns() -> None:
    """As soon as that is true, without a pause if it is at once."""
    hours = Hours()
    assert eventually(lambda: "here", now=hours.now, sleep=hours.sleep) == "here"
    assert hours.pauses == []


def test_pauses_grow_up_to_a_tenth_of_a_second() -> None:
    """Short at first, and never past the end of the time."""
    hours = Hours()
    answers = iter([False] * 12 + [True])
    assert eventually(lambda: next(answers), now=hours.now, sleep=hours.sleep)
    assert hours.pauses[:3] == [0.001, 0.002, 0.004]
    assert max(hours.pauses) == 0.1
    with pytest.raises(AssertionError):
        eventually(lambda: False, 5.0, now=hours.now, sleep=hours.sleep)


def test_asserts_are_conditions() -> None:
    """An AssertionError is a no; any other error is an error."""
    hours = Hours()
    numbers = iter([1, 2, 3])

    def check() -> bool:
        assert next(numbers) == 3
        return True

    assert eventually(check, now=hours.now, sleep=hours.sleep)
    with pytest.raises(KeyError):
        eventually(lambda: {"a": 1}["missing"], now=hours.now, sleep=hours.sleep)


def test_the_failure_tells_the_story() -> None:
    """How long, how often, what was seen at last, and what before."""
    hours = Hours()
    states = iter(["", [], 0] + [None] * 1000)
    with pytest.raises(AssertionError) as failure:
        eventually(lambda: next(states), 1.0, now=hours.now, sleep=hours.sleep)
    first, last, *earlier = str(failure.value).splitlines()
    assert first.startswith("not so in 1 s (")
    assert (last, earlier[0]) == ("None", "before that:")
    assert [line.split(": ")[1] for line in earlier[1:]] == ["''", "[]", "0"]


def test_a_difference_is_shown_line_by_line() -> None:
    """As of the last value."""
    hours = Hours()
    with pytest.raises(AssertionError) as failure:
        eventually_equal(lambda: {"a": 1}, {"a": 2}, 0.1, now=hours.now, sleep=hours.sleep)
    assert "- {'a': 2}" in str(failure.value)
    assert "+ {'a': 1}" in str(failure.value)


def test_the_last_attempt_is_made_when_the_time_is_up() -> None:
    """What becomes true in the last moment counts."""
    hours = Hours()
    eventually_equal(lambda: hours.seconds >= 0.5, True, 0.5, now=hours.now, sleep=hours.sleep)


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_it_waits_on_an_event_loop(kind: str) -> None:
    """For plain functions and for coroutines, with the loop free meanwhile."""
    hours = Hours()
    answers = iter([False, False, "here"])

    async def ask() -> object:
        return next(answers)

    check = ask if kind == "async" else lambda: next(answers)
    found = asyncio.run(eventually_async(check, now=hours.now, sleep=hours.sleep_async))
    assert found == "here"
    with pytest.raises(AssertionError, match="not so in 1 s"):
        asyncio.run(eventually_async(lambda: False, 1.0, now=hours.now, sleep=hours.sleep_async))


class ItWorksWithUnittest(unittest.TestCase):
    """No pytest needed."""

    def test_it_waits(self) -> None:
        """A failed wait is a failed test there, too."""
        eventually_equal(lambda: 1, 1)
        with self.assertRaises(AssertionError):  # noqa: PT027 - this test shows unittest
            eventually(lambda: False, 0.0)
