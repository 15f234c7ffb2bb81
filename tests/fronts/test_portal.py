"""The portal: blocking calls into a loop on its own thread, and every way in which they may not hang."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from kubeinformer.errors import UsageError
from kubeinformer.fronts.portal import Portal


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal("test-portal", _nothing)
    yield made
    made.stop()


async def _nothing() -> None:
    """End."""


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "test-portal"]


async def _echo(value: int) -> int:
    await asyncio.sleep(0)
    return value


def test_a_call_runs_on_the_loop_and_returns(portal: Portal) -> None:
    """One thread, started by the first call, serves all of them."""
    assert _threads() == []
    assert [portal.call(_echo, value) for value in range(3)] == [0, 1, 2]
    assert _threads() == ["test-portal"]


def test_an_exception_comes_out_of_the_call(portal: Portal) -> None:
    """What the coroutine raises is raised to the caller, as it is."""

    async def fail() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        portal.call(fail)


def test_an_exit_on_the_loop_ends_it_aloud(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """A thread would end by it without a word: who waits is told, a log line says so, later calls are refused."""

    async def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        portal.call(leave)
    assert portal.ended.result(10) is None
    assert "test-portal is ended by what a task raised" in caplog.text
    with pytest.raises(UsageError):
        portal.call(_echo, 1)


def test_a_call_on_the_loops_own_thread_raises(portal: Portal) -> None:
    """It would wait for itself for ever."""

    async def call_again() -> int:
        return portal.call(_echo, 1)

    with pytest.raises(UsageError, match="own event loop"):
        portal.call(call_again)


def test_an_interrupted_wait_cancels_the_coroutine(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a blocking call must not leave its work running."""
    entered, cancelled = threading.Event(), threading.Event()

    async def work() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    def interrupted(_future: object, timeout: float | None = None) -> None:
        assert entered.wait(5)
        raise KeyboardInterrupt

    monkeypatch.setattr("concurrent.futures.Future.result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        portal.call(work)
    assert cancelled.wait(5)


def test_stop_ends_the_thread_and_what_runs_on_it(portal: Portal) -> None:
    """A waiting call is told that the portal was stopped, the thread ends, later calls are refused."""
    entered = threading.Event()
    said: list[BaseException] = []

    async def wait() -> None:
        entered.set()
        await asyncio.Event().wait()

    def caller() -> None:
        try:
            portal.call(wait)
        except UsageError as error:
            said.append(error)

    thread = threading.Thread(target=caller)
    thread.start()
    assert entered.wait(5)
    portal.stop()
    portal.stop()
    thread.join(5)
    assert "stopped meanwhile" in str(said[0])
    assert _threads() == []
    with pytest.raises(UsageError, match="is stopped"):
        portal.call(_echo, 1)


def test_many_threads_may_call_at_once(portal: Portal) -> None:
    """The first calls race to start the loop; there is one loop all the same."""
    barrier = threading.Barrier(8)
    seen: list[int] = []

    def caller(value: int) -> None:
        barrier.wait()
        seen.append(portal.call(_echo, value))

    threads = [threading.Thread(target=caller, args=(value,)) for value in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sorted(seen) == list(range(8))
    assert _threads() == ["test-portal"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.parametrize("run", range(5))
def test_a_forked_child_is_told_so(run: int) -> None:
    """The child has no such thread: a call says "made before the fork" at once, and stop is harmless."""
    program = """
import os, sys
from kubeinformer.fronts.portal import Portal
from kubeinformer.errors import UsageError
async def echo(value): return value
async def nothing():
    pass

portal = Portal("parent", nothing)
portal.call(echo, 1)
child = os.fork()
if child == 0:
    try:
        portal.call(echo, 2)
    except UsageError as error:
        portal.stop()
        new = Portal("child", nothing)
        ok = "made before the fork" in str(error) and new.call(echo, 3) == 3
        os._exit(0 if ok else 1)
    os._exit(2)
_, status = os.waitpid(child, 0)
assert portal.call(echo, 4) == 4
sys.exit(os.waitstatus_to_exitcode(status))
"""
    # Python warns of a fork beside threads, since 3.12.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    done = subprocess.run(command, timeout=30, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_interpreter_ends_by_itself() -> None:
    """A portal that nobody stopped does not hold up the end of the program, and leaves no word behind."""
    program = """
from kubeinformer.fronts.portal import Portal
import asyncio, logging
logging.getLogger("asyncio").setLevel(logging.ERROR)  # a machine may be slow
async def wait(): await asyncio.Event().wait()
async def echo(value): return value
async def nothing():
    pass

portal = Portal("forgotten", nothing)
portal.submit(wait)
assert portal.call(echo, 1) == 1
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], timeout=30, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
