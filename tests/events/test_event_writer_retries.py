"""Writes of events that fail: what is tried again and when, what is given up, and who is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

import pytest
from tests.events.event_stage import Stage, play

from kubeinformer.errors import (
    ConfigurationError,
    InvalidResponse,
    KubeInformerError,
    NetworkError,
    StatusError,
    status_error,
)
from kubeinformer.events.event_writer import is_retried


@pytest.mark.parametrize(
    "error",
    [
        NetworkError("refused"),
        InvalidResponse("HTML", code=200),
        status_error(429),
        status_error(500, "InternalError"),
        status_error(503),
    ],
    ids=str,
)
def test_twelve_tries(error: KubeInformerError) -> None:
    """Invariant 289: the first pause is a random part of 10 s, later ones 10 s and a random part of a quarter more."""

    async def scene(stage: Stage) -> None:
        stage.requests.answer = lambda *_: error
        stage.happen()
        await stage.clock.advance_async(350.0)
        times = [time for time, *_ in stage.requests.sent]
        assert times == [0.0, 5.0, *(5.0 + 11.25 * number for number in range(1, 11))]
        assert stage.counted("written", "failed") == [0, 1]
        assert stage.queue.requests["create", "failed"] == 12

    play(scene)


@pytest.mark.parametrize("succeeds", [1, 5, 11])
def test_a_success_ends_the_tries(succeeds: int) -> None:
    """Invariant 289: and it is counted as written."""

    async def scene(stage: Stage) -> None:
        stage.requests.answer = lambda *_: (
            NetworkError("refused") if len(stage.requests.sent) <= succeeds else None
        )
        stage.happen()
        await stage.clock.advance_async(150.0)
        assert len(stage.requests.sent) == succeeds + 1
        assert stage.counted("written", "failed") == [1, 0]

    play(scene)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 422])
def test_what_the_server_refuses_is_not_tried_again(code: int) -> None:
    """Invariant 289: any other Status gives up at once; so does what can't be sent at all."""

    async def scene(stage: Stage) -> None:
        stage.requests.answer = lambda *_: status_error(code, "No", verb="create")
        stage.happen()
        await stage.clock.advance_async(300.0)
        stage.requests.answer = lambda *_: ConfigurationError("no credentials")
        stage.happen("b")
        await stage.clock.advance_async(30.0)
        assert [name for _, _, name, _ in stage.requests.sent] == ["a", "b"]
        assert stage.counted("written", "failed") == [0, 2]

    play(scene)


def test_the_server_says_how_long_to_wait() -> None:
    """`Retry-After` counts where it is longer than the pause."""

    async def scene(stage: Stage) -> None:
        errors: list[StatusError | None] = [status_error(429, retry_after=60.0), None]
        stage.requests.answer = lambda *_: errors.pop(0)
        stage.happen()
        await stage.clock.advance_async(59.0)
        assert len(stage.requests.sent) == 1
        await stage.clock.advance_async(1.0)
        assert stage.counted("written") == [1]

    play(scene)


def test_a_creation_that_got_through_unseen_is_no_failure() -> None:
    """Invariant 290: the answer was lost, the second try hears that it exists: its count is patched, nothing is doubled."""

    async def scene(stage: Stage) -> None:
        answers: list[Exception | None] = [NetworkError("cut"), status_error(409, "AlreadyExists"), None]
        stage.requests.answer = lambda *_: answers.pop(0)
        stage.happen()
        await stage.clock.settle()
        stage.happen()
        await stage.clock.advance_async(30.0)
        assert [entry[1:] for entry in stage.requests.story] == [
            ("create", "a", 1),
            ("create", "a", 2),
            ("patch", "a", 2),
        ]
        assert stage.counted("written", "folded", "failed") == [1, 1, 0]

    play(scene)


def test_one_failing_series_does_not_hold_up_others() -> None:
    """Invariant 292: they are written within a second, and one success takes the brake off."""

    async def scene(stage: Stage) -> None:
        stage.requests.answer = lambda _, name: status_error(500) if name == "bad" else None
        stage.happen("bad")
        await stage.clock.settle()
        for number in range(20):
            stage.happen(f"p{number}")
        await stage.clock.advance_async(1.0)
        assert stage.counted("written") == [20]
        assert {time for time, _, name, _ in stage.requests.sent if name != "bad"} == {1.0}

    play(scene)


def test_nobody_looks_again_and_again_while_a_write_hangs() -> None:
    """Invariant 292: with one write that failed, and one without an answer, the next is made when that is over."""

    async def scene(stage: Stage) -> None:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stage.requests.answer = lambda _, name: gate if name == "slow" else status_error(503)
        stage.happen("slow")
        stage.happen("bad")
        await stage.pass_time()
        assert (len(stage.requests.sent), stage.clock.pending) == (2, 0)
        stage.requests.answer = lambda *_: None
        await stage.clock.advance_async(10.0)
        assert len(stage.requests.sent) == 2
        gate.set_result(None)
        await stage.pass_time()
        assert stage.counted("written") == [2]

    play(scene)


def test_a_server_in_trouble_gets_one_write_a_second() -> None:
    """Whatever waits: 500 events do not fall upon a server that is just coming back."""

    async def scene(stage: Stage) -> None:
        stage.requests.answer = lambda *_: NetworkError("refused")
        for number in range(500):
            stage.happen(f"p{number}")
        await stage.pass_time()
        assert len(stage.requests.sent) == 8
        await stage.pass_time(60.0)
        assert len(stage.requests.sent) == 68
        stage.requests.answer = lambda *_: None
        for _ in range(20):
            await stage.pass_time(1.0)
        assert stage.counted("written", "failed") == [500, 0]

    play(scene, None)


def test_a_thousand_events_with_failures_all_arrive() -> None:
    """Invariant 292: each fails four times, at most eight are under way at a time, none is lost or written twice."""

    async def scene(stage: Stage) -> None:
        failures: dict[str, int] = {}

        def answer(_verb: str, name: str) -> Exception | Awaitable[None] | None:
            failures[name] = failures.get(name, 0) + 1
            return status_error(503) if failures[name] <= 4 else asyncio.sleep(0)

        stage.requests.answer = answer
        for number in range(1000):
            stage.happen(f"p{number}")
        for _ in range(50):
            await stage.pass_time(100.0)
        assert stage.counted("written", "failed") == [1000, 0]
        assert len(stage.requests.sent) == 5000
        assert stage.requests.most_under_way == 8

    play(scene, None)


@pytest.mark.parametrize("verb", ["create", "patch"])
def test_a_missing_permission_is_logged_once(verb: str, caplog: pytest.LogCaptureFixture) -> None:
    """With the verb that is missing, however many events it costs."""

    async def scene(stage: Stage) -> None:
        stage.requests.answer = lambda asked, _: (
            status_error(403, "Forbidden", "no", verb=verb) if asked == verb else None
        )
        for number in range(20):
            for _ in range(3):
                stage.happen(f"p{number}")
                await stage.clock.settle()
        await stage.clock.advance_async(1000.0)

    play(scene)
    [record] = caplog.records
    assert (record.name, record.levelname) == ("kubeinformer.events", "WARNING")
    assert f"c may not {verb} events.events.k8s.io" in record.message


def test_other_failures_are_logged_at_most_every_half_minute(caplog: pytest.LogCaptureFixture) -> None:
    """A line for the first, and how many there were since with the next; an end of a namespace is none at all."""

    async def scene(stage: Stage) -> None:
        stage.requests.answer = lambda *_: status_error(
            422, "Invalid", verb="create", resource="events.events.k8s.io"
        )
        for number in range(20):
            stage.happen(f"p{number}")
        await stage.clock.advance_async(31.0)
        stage.happen("late")
        await stage.clock.settle()
        stage.requests.answer = lambda *_: status_error(403, "Forbidden", causes=("NamespaceTerminating",))
        stage.happen("gone")
        await stage.clock.settle()

    with caplog.at_level(logging.INFO):
        play(scene)
    assert [record.message for record in caplog.records] == [
        f"events.events.k8s.io: create events.events.k8s.io: 422 Invalid; the event is given up{more}"
        for more in ("", " (19 more like it since the last line)")
    ]


def test_a_fault_of_our_own_takes_nothing_with_it(caplog: pytest.LogCaptureFixture) -> None:
    """An error that nobody foresaw is logged with its traceback; other events are written."""

    async def scene(stage: Stage) -> None:
        stage.requests.answer = lambda _, name: ZeroDivisionError("oops") if name == "a" else None
        stage.happen("a")
        stage.happen("b")
        await stage.clock.settle()
        assert stage.counted("written", "failed") == [1, 1]

    play(scene)
    [record] = caplog.records
    assert record.exc_info
    assert "oops" in record.message


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (NetworkError("x"), True),
        (InvalidResponse("x"), True),
        (status_error(500), True),
        (status_error(504), True),
        (status_error(429), True),
        (status_error(409, "Conflict"), False),
        (status_error(410), False),
        (ConfigurationError("x"), False),
        (UnicodeEncodeError("utf-8", "x", 0, 1, "surrogate"), False),
    ],
    ids=repr,
)
def test_what_is_worth_another_try(error: Exception, retried: bool) -> None:
    """Invariant 289: no answer, an odd one, a server in trouble; nothing else."""
    assert is_retried(error) is retried
