"""Servers that never outlive the test run, and the ports they listen on.

A test run can end in ways that no `finally` sees: SIGKILL, the out-of-memory killer, a CI job that is cut off. So
the servers are not children of the test process but of a small supervisor (`process_supervisor.py`), which removes
them as soon as the test process is gone.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubeinformer.errors import KubeInformerError
from kubeinformer.testing.control_plane import process_supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_STOP_SECONDS = 30.0


class ControlPlaneError(KubeInformerError):
    """The control plane could not be found, built, started or stopped; the message shows what its servers said."""


class Processes:
    """Named servers in a temporary directory, all gone when this is stopped or the test process dies.

    Every method may be called from any thread. Standard output and error of a server go to `<name>.log` in
    `directory`, appended to when a server of that name is started again.

    Attributes:
        directory: The temporary directory, readable by this user alone, removed at the end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._supervisor: subprocess.Popen[bytes] | None = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-I", "-S", process_supervisor.__file__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # a request that could not be sent must not wait in a buffer
            start_new_session=True,  # a Ctrl-C in the terminal is for the test process alone
        )
        self.directory = Path(self._receive()["directory"])

    def start(self, name: str, argv: Sequence[str]) -> None:
        """Start a server; one that ran under this name must have ended.

        Raises:
            ControlPlaneError: The program cannot be executed.
        """
        self._ask({"do": "start", "name": name, "argv": list(argv)})

    def signal(self, name: str, signal: int) -> None:
        """Send a signal; harmless when the server has ended."""
        self._ask({"do": "signal", "name": name, "signal": int(signal)})

    def is_running(self, name: str) -> bool:
        """Return whether a server of this name was started and has not ended (a paused one runs)."""
        return self._ask({"do": "poll", "name": name})["is_running"] is True

    def exit_code(self, name: str) -> int | None:
        """Return how the server ended (the negative signal number if by one), None while it runs or before."""
        code: int | None = self._ask({"do": "poll", "name": name})["exit_code"]
        return code

    def log(self, name: str, lines: int = 40) -> str:
        """Return the last lines that the server wrote, "" where it has written nothing."""
        path = self.directory / f"{name}.log"
        if not path.exists():
            return ""
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """Kill every server and remove the directory; returns when both are done. May be called again.

        Raises:
            ControlPlaneError: That took longer than 30 s.
        """
        with self._lock:
            supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        try:
            with supervisor:
                _end(supervisor)
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)  # the supervisor's work, unless it was killed

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            if self._supervisor is None:
                raise ControlPlaneError("the servers were stopped")
            assert self._supervisor.stdin is not None
            try:
                self._supervisor.stdin.write(json.dumps(request).encode() + b"\n")
            except BrokenPipeError:
                raise ControlPlaneError("the process that supervises the servers was killed") from None
            return self._receive()

    def _receive(self) -> dict[str, Any]:
        assert self._supervisor is not None
        assert self._supervisor.stdout is not None
        answer: dict[str, Any] = json.loads(self._supervisor.stdout.readline() or '{"error": "no answer"}')
        if "error" in answer:
            raise ControlPlaneError(answer["error"])
        return answer


def _end(supervisor: subprocess.Popen[bytes]) -> None:
    try:
        supervisor.communicate(b'{"do": "stop"}\n', timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        raise ControlPlaneError(f"the servers did not end in {_STOP_SECONDS:g} s") from None


class ReservedPort:
    """A free TCP port of 127.0.0.1 that stays ours while its server is down.

    A port that was only looked up can be given to anybody before the server binds it, or between its end and its
    restart. On Linux a socket that is bound but does not listen keeps it: connections are refused, the kernel gives
    it to nobody, and a server that sets SO_REUSEADDR, as Go's do, may listen on it. Elsewhere the port is looked up
    and let go, and a collision shows when the server starts.

    Attributes:
        number: The port.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]
        if sys.platform != "linux":
            self._socket.close()

    def release(self) -> None:
        """Let it go. May be called again."""
        self._socket.close()


def wait_until(condition: Callable[[], bool], timeout: float, *, interval: float = 0.02) -> bool:
    """Ask `condition` every `interval` seconds until it holds; return whether it did within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True
