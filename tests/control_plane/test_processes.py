"""Servers end with the process that asked for them, whichever way it ends; ports stay reserved."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubeinformer.testing.control_plane.processes import (
    ControlPlaneError,
    Processes,
    ReservedPort,
    wait_until,
)

SLEEP = ["sleep", "600"]

HOLD_A_SERVER = """
import os, signal, sys
from kubeinformer.testing.control_plane.processes import Processes

processes = Processes()
processes.start("server", ["sleep", "600"])
child = os.fork() if sys.argv[1] == "forks" else -1
if child == 0:
    signal.pause()
print(child, processes.directory, flush=True)
input()
"""


@pytest.fixture
def processes() -> Iterator[Processes]:
    running = Processes()
    yield running
    running.stop()


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, None])
def test_a_server_ends_with_its_process(
    ending: signal.Signals | None, processes_of: Callable[[str], list[int]]
) -> None:
    """Neither a signal nor an uncaught error leaves the server or the directory behind."""
    child, directory = _end_a_holder("alone", ending)
    assert child == -1
    assert wait_until(lambda: not processes_of(directory) and not Path(directory).exists(), 10)


def test_a_forked_child_does_not_keep_the_servers(processes_of: Callable[[str], list[int]]) -> None:
    """A child that inherited the pipe and lives on is no reason to keep them."""
    child, directory = _end_a_holder("forks", signal.SIGKILL)
    try:
        assert wait_until(lambda: not Path(directory).exists(), 10)
        os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)
    assert processes_of(directory) == []


def _end_a_holder(mode: str, ending: signal.Signals | None) -> tuple[int, str]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_SERVER, mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        child, directory = holder.stdout.readline().split()
        if ending is None:
            holder.communicate()  # input() meets the end of its file and raises
        else:
            holder.send_signal(ending)
    assert holder.returncode != 0
    return int(child), directory


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends orphans by itself on Linux alone")
def test_servers_end_when_their_supervisor_is_killed(
    processes: Processes, processes_of: Callable[[str], list[int]]
) -> None:
    """The supervisor is no single point of failure; calls say that it is gone, and stop still cleans up."""
    processes.start("server", SLEEP)
    (server,) = processes_of(str(processes.directory))
    stat = Path(f"/proc/{server}/stat").read_text()
    os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGKILL)
    assert wait_until(lambda: not processes_of(str(processes.directory)), 10)
    with pytest.raises(ControlPlaneError, match=r"supervis|answer"):
        processes.is_running("server")
    processes.stop()
    assert not processes.directory.exists()


def test_a_server_is_watched_from_start_to_end(processes: Processes) -> None:
    """It runs until a signal ends it, and its exit code says which; before the start there is none."""
    assert not processes.is_running("server")
    assert processes.exit_code("server") is None
    processes.signal("server", signal.SIGTERM)
    processes.start("server", SLEEP)
    assert processes.is_running("server")
    assert processes.exit_code("server") is None
    processes.signal("server", signal.SIGTERM)
    assert wait_until(lambda: processes.exit_code("server") is not None, 10)
    assert processes.exit_code("server") == -signal.SIGTERM
    assert not processes.is_running("server")


def test_the_log_goes_on_over_restarts(processes: Processes) -> None:
    """What a server wrote before a restart can still be read; only the last lines are given."""
    assert processes.log("server") == ""
    for words in ("first", "second", "third"):
        processes.start("server", ["sh", "-c", f"echo {words}; echo {words} >&2"])
        assert wait_until(lambda: not processes.is_running("server"), 10)
    assert processes.log("server", lines=3) == "second\nthird\nthird"


def test_a_missing_program_is_an_error_that_names_it(processes: Processes) -> None:
    """The server that was asked for stands in the message, and others can still be started."""
    with pytest.raises(ControlPlaneError, match="no-such-program: No such file"):
        processes.start("server", ["/no-such-program"])
    processes.start("other", SLEEP)
    assert processes.is_running("other")


def test_after_stop_every_call_is_an_error(processes: Processes) -> None:
    """Stop is final, and may be repeated."""
    processes.stop()
    processes.stop()
    with pytest.raises(ControlPlaneError, match="stopped"):
        processes.start("server", SLEEP)


@pytest.mark.skipif(sys.platform != "linux", reason="a port is kept on Linux alone")
def test_a_reserved_port_refuses_connections_and_takes_its_server() -> None:
    """Nobody connects before the server listens; the server may come, go and come again."""
    port = ReservedPort()
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port.number), 5)
        with (
            socket.create_server(("127.0.0.1", port.number)),
            socket.create_connection(("127.0.0.1", port.number), 5),
        ):
            pass
    port.release()


@pytest.mark.skipif(sys.platform != "linux", reason="a port is kept on Linux alone")
def test_a_reserved_port_is_given_to_nobody_else() -> None:
    """A server that does not share ports can't have it until it is released."""
    port = ReservedPort()
    with socket.socket() as other:
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port.number))
        port.release()
        other.bind(("127.0.0.1", port.number))
