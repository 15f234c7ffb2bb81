"""Programs with an event recorder that end, are interrupted, or fork: nothing hangs, and what can be is written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import pytest

from kubeinformer.events.event_recorder import EventRecorder
from kubeinformer.testing import APIServer, eventually

EVENTS = "events.events.k8s.io"
HEAD = """
import asyncio, logging, os, signal, sys, threading
from kubeinformer import Config, UsageError
from kubeinformer.events.event_recorder import EventRecorder

logging.getLogger("asyncio").setLevel(logging.ERROR)  # a machine may be slow
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default"}}
recorder = EventRecorder(Config(server=sys.argv[1]), "shopkeeper")
recorder.event(POD, "Normal", "Begun", "words")
"""


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running


def run(
    server: APIServer, body: str, options: Sequence[str] = ("-X", "dev", "-W", "error")
) -> tuple[str, str]:
    """Run a program, usually with every warning an error; return what it wrote to stdout and stderr."""
    command = [sys.executable, *options, "-c", HEAD + body, server.url]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout, result.stderr


def reasons(server: APIServer) -> list[str]:
    """Return the reasons of the events on the server."""
    return sorted(event["reason"] for event in server.list_objects(EVENTS))


def test_a_program_that_forgets_to_close_writes_what_waits(server: APIServer) -> None:
    """Its end waits for that; counts of series included."""
    said = run(
        server,
        """
for _ in range(3):
    recorder.event(POD, "Normal", "Again", "words")
assert recorder.flush()
for _ in range(3):
    recorder.event(POD, "Normal", "Again", "words")
""",
    )
    assert said == ("", "")
    assert reasons(server) == ["Again", "Begun"]
    assert [event["series"]["count"] for event in server.list_objects(EVENTS) if "series" in event] == [6]


def test_an_asyncio_program_that_forgets_to_close_writes_what_waits(server: APIServer) -> None:
    """Its own loop is closed by then."""
    assert run(
        server,
        """
async def main():
    recorder.event(POD, "Normal", "Async", "words")

asyncio.run(main())
""",
    ) == ("", "")
    assert reasons(server) == ["Async", "Begun"]


def test_a_program_ends_though_the_server_hangs(server: APIServer) -> None:
    """Invariant 291: with or without a close; what was not written is said."""
    with server.stall(lambda record: record.resource == EVENTS):
        for body in ("", "recorder.close(0.1)"):
            out, err = run(server, body)
            assert (out, err) == ("", "1 events were not written: the recorder was closed before\n")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers of signals")
def test_a_signal_handler_may_record(server: APIServer) -> None:
    """Hundreds of times in the middle of other calls of the same thread: nothing locks up, nothing is lost."""
    out, err = run(
        server,
        """
handled = 0

def handle(*_):
    global handled
    handled += 1
    recorder.event(POD, "Normal", "Handled", "words")

signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
recorded = 0
while handled < 200:
    recorder.event(POD, "Normal", "Worked", "words")
    recorded += 1
signal.setitimer(signal.ITIMER_REAL, 0)
recorder.close(30)
assert recorder.counts["folded"] == handled + recorded - 2, (recorder.counts, handled, recorded)
print("done")
""",
    )
    assert (out, err) == ("done\n", "")
    assert reasons(server) == ["Begun", "Handled", "Worked"]


def test_a_thread_that_cannot_begin_begins_later(server: APIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 287: a process at its limit of threads loses no event: the next one, or a flush, tries again."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default"}}
    with EventRecorder(server.config, "c") as recorder, monkeypatch.context() as limit:
        limit.setattr(threading.Thread, "start", refuse)
        recorder.event(pod, "Normal", "First", "words")
        assert not recorder.flush()
        limit.undo()
        recorder.event(pod, "Normal", "Second", "words")
        eventually(lambda: reasons(server) == ["First", "Second"])
    with EventRecorder(server.config, "d") as recorder, monkeypatch.context() as limit:
        limit.setattr(threading.Thread, "start", refuse)
        recorder.event(pod, "Normal", "Third", "words")
        limit.undo()
        assert recorder.flush(30)
        assert reasons(server) == ["First", "Second", "Third"]
        recorder.event(pod, "Normal", "Fourth", "words")
        eventually(lambda: "Fourth" in reasons(server))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_makes_its_own(server: APIServer) -> None:
    """The parent's tells it so; closing it there does nothing; the parent goes on, whatever it was at."""
    out, err = run(
        server,
        """
def busy():
    while not stop.is_set():
        recorder.event(POD, "Normal", "Busy", "words")

stop = threading.Event()
thread = threading.Thread(target=busy)
thread.start()
codes = []
for number in range(10):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for forbidden in (
                lambda: recorder.event(POD, "Normal", "Child", "words"),
                recorder.flush,
                lambda: asyncio.run(recorder.flush_async()),
            ):
                try:
                    forbidden()
                except UsageError as error:
                    assert "made before the fork" in str(error), error
                else:
                    raise AssertionError(forbidden)
            recorder.close()
            asyncio.run(recorder.close_async())
            assert recorder.counts["failed"] == 0
            with EventRecorder(Config(server=sys.argv[1]), "child") as own:
                own.event(POD, "Normal", "Child", "words")
            assert own.counts["written"] == 1
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    codes.append(os.waitpid(pid, 0)[1])
stop.set()
thread.join()
recorder.close(30)
assert codes == [0] * 10, codes
print("done")
""",
        options=("-W", "ignore::DeprecationWarning"),  # Python warns of a fork beside threads, since 3.12
    )
    assert (out, err) == ("done\n", "")
    assert reasons(server) == ["Begun", "Busy", *["Child"] * 10]
