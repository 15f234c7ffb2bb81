"""Waiting for what happens elsewhere: on a clock that the test moves."""

from __future__ import annotations

import asyncio
import threading
import time
import unittest

import pytest
from tests.cache.store_builders import pod

from kubeinformer import Client
from kubeinformer.testing import APIServer, eventually, eventually_async, eventually_equal


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
    states = iter(["", [], 0] + [False] * 1000)
    with pytest.raises(AssertionError) as failure:
        eventually(lambda: next(states), 1.0, now=hours.now, sleep=hours.sleep)
    first, last, *earlier = str(failure.value).splitlines()
    assert first.startswith("not so in 1 s (")
    assert (last, earlier[0]) == ("False", "before that:")
    assert [line.split(": ")[1] for line in earlier[1:]] == ["''", "[]", "0"]


def test_a_check_that_only_asserts_is_told_what_it_lacks() -> None:
    """None is not true, so a function without `return` never holds; the message says so."""

    def check() -> None:
        assert True

    hours = Hours()
    with pytest.raises(AssertionError, match="has to end with `return True`"):
        eventually(check, 0.1, now=hours.now, sleep=hours.sleep)


def test_the_last_assertion_is_the_message_and_the_cause() -> None:
    """In full at the end, by its first line before."""
    hours = Hours()
    errors = iter([AssertionError("first\nmore of it"), *[AssertionError("second\nmore of it")] * 100])

    def check() -> bool:
        raise next(errors)

    with pytest.raises(AssertionError) as failure:
        eventually(check, 1.0, now=hours.now, sleep=hours.sleep)
    assert str(failure.value).splitlines()[1:] == [
        "second",
        "more of it",
        "before that:",
        "    0.000 s: first",
    ]
    assert isinstance(failure.value.__cause__, AssertionError)


def test_a_difference_is_shown_line_by_line() -> None:
    """Of the last value to what was expected; of the values before, each in a line."""
    hours = Hours()
    values = iter([{}, *[{"a": 1}] * 1000])
    with pytest.raises(AssertionError) as failure:
        eventually_equal(lambda: next(values), {"a": 2}, 0.1, now=hours.now, sleep=hours.sleep)
    assert str(failure.value).splitlines()[1:] == [
        "--- expected",
        "+++ found",
        "@@ -1 +1 @@",
        "-{'a': 2}",
        "+{'a': 1}",
        "before that:",
        "    0.000 s: {}",
    ]


def test_objects_differ_by_their_content() -> None:
    """Which their `repr` does not show."""
    hours = Hours()
    found, expected = [pod("a", labels={"tier": "web"})], [pod("a", labels={"tier": "db"})]
    with pytest.raises(AssertionError, match=r"-.*'tier': 'db'"):
        eventually_equal(lambda: found, expected, 0.1, now=hours.now, sleep=hours.sleep)


def test_a_long_state_is_cut() -> None:
    """A message is for people."""
    hours = Hours()
    states = iter([AssertionError("x" * 10_000), *[AssertionError("y")] * 1000])

    def check() -> bool:
        raise next(states)

    with pytest.raises(AssertionError) as failure:
        eventually(check, 0.1, now=hours.now, sleep=hours.sleep)
    assert len(str(failure.value)) < 400


def test_who_knows_of_a_change_wakes_it() -> None:
    """The next attempt is made at once, and each call of `set` is good for one."""
    wake = threading.Event()
    seen: list[bool] = []

    def check() -> bool:
        seen.append(wake.is_set())
        wake.set()  # as a handler on another thread would, during the look
        return len(seen) == 200

    began = time.monotonic()
    assert eventually(check, 10.0, wake=wake)
    assert time.monotonic() - began < 5, "200 pauses of a tenth of a second"
    assert not any(seen)


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
    """No pytest needed: a server for each test, or by `enterClassContext` for all."""

    def setUp(self) -> None:
        """Start a fresh server, and stop it after the test."""
        self.server = self.enterContext(APIServer())

    def test_a_client_writes_to_the_server(self) -> None:
        """What a program does, the server shows."""
        with Client(self.server.config) as client:
            client.create("configmaps", {"metadata": {"name": "a"}}, namespace="default")
        eventually_equal(lambda: self.server.count("configmaps"), 1)

    def test_it_waits(self) -> None:
        """A failed wait is a failed test there, too."""
        eventually_equal(lambda: 1, 1)
        with self.assertRaises(AssertionError):  # noqa: PT027 - this test shows unittest
            eventually(lambda: False, 0.0)
