"""ErrorReporter: everybody hears of background errors, and no log fills up with one of them."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from tests.cache.store_builders import DEADLINE, Calls, in_threads, no_thread_left

from kubeinformer.cache.background_errors import LONGEST_QUEUE, BackgroundError, ErrorReporter
from kubeinformer.errors import NetworkError
from kubeinformer.testing.fake_clock import FakeClock

REFUSED = BackgroundError("pods", None, "watch", None, NetworkError("refused"), "watching again", 1.25)
LOGGER = "kubeinformer.errors"


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands still until it is moved."""
    return FakeClock(start=1000.0)


Make = Callable[[Callable[[BackgroundError], object] | None], ErrorReporter]


@pytest.fixture
def reporter_for(clock: FakeClock) -> Iterator[Make]:
    """Make reporters that are closed at the end; no thread may be left."""
    made: list[ErrorReporter] = []

    def make(on_error: Callable[[BackgroundError], object] | None) -> ErrorReporter:
        made.append(ErrorReporter(clock, on_error))
        return made[-1]

    with no_thread_left():
        yield make
        for reporter in made:
            assert reporter.close().join(DEADLINE)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (REFUSED, "pods: watch: refused; watching again in 1.2 s"),
        (replace(REFUSED, namespace="web"), "pods in web: watch: refused; watching again in 1.2 s"),
        (replace(REFUSED, retry_in=None), "pods: watch: refused; watching again"),
        (replace(REFUSED, retry_in=0.0), "pods: watch: refused; watching again"),
        (replace(REFUSED, error=KeyError()), "pods: watch: KeyError; watching again in 1.2 s"),
    ],
)
def test_reads_as_a_sentence(error: BackgroundError, text: str) -> None:
    """Where, what, why, and what is done about it; an exception without a text shows as its type."""
    assert str(error) == text


def test_on_error_hears_every_error_in_order(reporter_for: Make) -> None:
    """Also those that are not logged, on a thread that is not the reporting one."""
    heard = Calls()
    reporter = reporter_for(lambda error: heard.note(error, threading.get_ident()))
    errors = [replace(REFUSED, retry_in=float(number)) for number in range(20)]
    for error in errors:
        reporter.report(error)
    calls = heard.wait_for(20)
    assert [error for error, _ in calls] == errors
    assert threading.get_ident() not in {ident for _, ident in calls}


@pytest.mark.parametrize("raised", [ValueError, asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_an_on_error_that_raises_is_called_again(
    reporter_for: Make, raised: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """What it raises is logged with its trace, and the next error comes all the same."""
    heard = Calls()

    def on_error(error: BackgroundError) -> None:
        heard.note(error)
        raise raised("on purpose")

    reporter = reporter_for(on_error)
    reporter.report(REFUSED)
    reporter.report(REFUSED)
    heard.wait_for(2)
    assert reporter.close().join(DEADLINE)
    shown = [record for record in caplog.records if record.getMessage() == "on_error raised"]
    assert [record.exc_info and record.exc_info[0] for record in shown] == [raised] * len(shown)
    assert shown


def test_a_slow_on_error_keeps_the_newest(reporter_for: Make) -> None:
    """The queue is bounded: what it drops is the oldest, and reporting never waits."""
    heard, opened = Calls(), threading.Event()

    def on_error(error: BackgroundError) -> None:
        heard.note(error.retry_in)
        assert opened.wait(DEADLINE)

    reporter = reporter_for(on_error)
    reporter.report(replace(REFUSED, retry_in=0.0))
    heard.wait_for(1)
    for number in range(1, LONGEST_QUEUE + 51):
        reporter.report(replace(REFUSED, retry_in=float(number)))
    opened.set()
    numbers = [number for (number,) in heard.wait_for(LONGEST_QUEUE + 1)]
    assert numbers == [0.0, *map(float, range(51, LONGEST_QUEUE + 51))]


def test_without_on_error_errors_are_logged_and_no_thread_starts(
    reporter_for: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """There is nobody to tell."""
    before = threading.enumerate()
    reporter_for(None).report(REFUSED)
    assert threading.enumerate() == before
    assert caplog.messages == [str(REFUSED)]


def test_after_close_nothing_is_passed_on(reporter_for: Make, caplog: pytest.LogCaptureFixture) -> None:
    """It is still logged."""
    heard = Calls()
    reporter = reporter_for(heard.note)
    reporter.close()
    reporter.report(REFUSED)
    assert reporter.close().join(DEADLINE)
    assert heard.seen == []
    assert caplog.messages == [str(REFUSED)]


def test_one_error_is_logged_every_thirty_seconds(
    reporter_for: Make, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The next line counts those that came in between; the pause is measured from the last line."""
    reporter = reporter_for(None)
    for seconds in (0.0, 10.0, 19.9):  # at 0, 10 and 29.9 s
        clock.advance(seconds)
        reporter.report(REFUSED)
    assert caplog.messages == [str(REFUSED)]
    clock.advance(0.1)
    reporter.report(REFUSED)
    assert caplog.messages[1:] == [f"{REFUSED} (2 more like it since the last line)"]
    clock.advance(30.0)
    reporter.report(REFUSED)
    assert caplog.messages[2:] == [str(REFUSED)]


@pytest.mark.parametrize(
    "other",
    [
        replace(REFUSED, resource="nodes"),
        replace(REFUSED, namespace="web"),
        replace(REFUSED, verb="list"),
        replace(REFUSED, status=503),
        replace(REFUSED, error=ValueError("refused")),
    ],
)
def test_another_kind_of_error_is_logged_at_once(
    reporter_for: Make, other: BackgroundError, caplog: pytest.LogCaptureFixture
) -> None:
    """Resource, namespace, verb, status and class of exception tell kinds apart."""
    reporter = reporter_for(None)
    for error in (REFUSED, other, REFUSED, other):
        reporter.report(error)
    assert caplog.messages == [str(REFUSED), str(other)]


def test_the_text_of_an_error_makes_no_kind_of_its_own(
    reporter_for: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Messages often hold a counter or a port; they would never repeat."""
    reporter = reporter_for(None)
    reporter.report(REFUSED)
    reporter.report(replace(REFUSED, error=NetworkError("port 4711"), action="otherwise", retry_in=2.0))
    assert len(caplog.messages) == 1


def test_only_what_nobody_expected_is_logged_with_its_trace(
    reporter_for: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the server or the network explains itself; one of user code needs its place."""
    reporter = reporter_for(None)
    reporter.report(REFUSED)
    reporter.report(replace(REFUSED, error=ZeroDivisionError()))
    expected, unexpected = caplog.records
    assert expected.exc_info is None
    assert unexpected.exc_info is not None
    assert unexpected.exc_info[0] is ZeroDivisionError
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


@pytest.fixture
def eager_switching() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_switching")
def test_no_error_is_lost_from_the_count(
    reporter_for: Make, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Reports come from handler threads and from the loop at the same time."""
    reporter = reporter_for(None)
    reporter.report(REFUSED)

    def report() -> None:
        for _ in range(1000):
            reporter.report(REFUSED)

    in_threads(*[report] * 4)
    clock.advance(30.0)
    reporter.report(REFUSED)
    assert caplog.messages == [str(REFUSED), f"{REFUSED} (4000 more like it since the last line)"]
