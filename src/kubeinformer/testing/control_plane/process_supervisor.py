"""The process that owns the servers of one test run, and outlives that run just long enough to remove them.

A plain script, started by :class:`kubeinformer.testing.control_plane.processes.Processes` as a process of its own. It makes a
temporary directory, starts servers in it on request, and at the end kills them all and removes the directory.
The end is any of: a `stop` request, the end of its standard input (the test process died, by SIGKILL too), a new
parent process (a forked child keeps the pipe open), SIGTERM, SIGINT, SIGHUP. Should this process itself be killed
by SIGKILL, Linux kills the servers with it: they are children of its only thread, so `PR_SET_PDEATHSIG` is exact
here, where in a test process with threads it would fire when the thread that forked ends (prctl(2)).

Requests are one JSON object a line on standard input, answers the same on standard output:

    (none)                                          -> {"directory": "/tmp/..."}
    {"do": "start", "name": "etcd", "argv": [...]}  -> {} or {"error": "..."}
    {"do": "signal", "name": "etcd", "signal": 9}   -> {}
    {"do": "poll", "name": "etcd"}                  -> {"is_running": bool, "exit_code": None or int}
    {"do": "stop"}                                  -> (exits)
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PARENT_CHECK_SECONDS = 0.5
_INPUT, _OUTPUT = 0, 1


class Supervisor:
    """The servers, by name, and the directory that they live in. One thread, no locks."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
        self._libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._pid = os.getpid()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request and return its answer."""
        name = request["name"]
        match request["do"]:
            case "start":
                return self._start(name, request["argv"])
            case "signal":
                return self._signal(name, request["signal"])
            case "poll":
                return self._poll(name)
            case unknown:
                return {"error": f"not a request: {unknown}"}

    def _start(self, name: str, argv: list[str]) -> dict[str, Any]:
        with (self._directory / f"{name}.log").open("ab") as log:
            try:
                self._servers[name] = subprocess.Popen(  # noqa: S603 - the test run names its own servers
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self._directory,
                    preexec_fn=self._die_with_supervisor,  # noqa: PLW1509 - this process has one thread
                )
            except OSError as error:
                return {"error": f"{argv[0]}: {error.strerror}"}
        return {}

    def _signal(self, name: str, number: int) -> dict[str, Any]:
        if server := self._servers.get(name):
            server.send_signal(number)
        return {}

    def _poll(self, name: str) -> dict[str, Any]:
        server = self._servers.get(name)
        exit_code = None if server is None else server.poll()
        return {"is_running": server is not None and exit_code is None, "exit_code": exit_code}

    def _die_with_supervisor(self) -> None:
        if self._libc is None:
            return
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._pid:  # it died before the line above
            os._exit(1)

    def kill_all(self) -> None:
        """Kill every server and wait for each to be gone."""
        for server in self._servers.values():
            server.kill()
        for server in self._servers.values():
            server.wait()


def serve(supervisor: Supervisor, parent: int) -> None:
    """Answer requests until told to stop, or until the parent process is gone."""
    received = b""
    while os.getppid() == parent:
        if not select.select([_INPUT], [], [], _PARENT_CHECK_SECONDS)[0]:
            continue
        chunk = os.read(_INPUT, 65536)
        if not chunk:
            return
        *lines, received = (received + chunk).split(b"\n")
        for request in map(json.loads, lines):
            if request["do"] == "stop":
                return
            _send(supervisor.answer(request))


def _send(answer: dict[str, Any]) -> None:
    os.write(_OUTPUT, json.dumps(answer).encode() + b"\n")


def main(parent: int) -> None:
    """Run until the end, then leave no process and no file behind."""
    endings = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    for ending in endings:
        signal.signal(ending, lambda *_: sys.exit(0))
    directory = Path(tempfile.mkdtemp(prefix="kubeinformer-control-plane-"))
    supervisor = Supervisor(directory)
    try:
        _send({"directory": str(directory)})
        with contextlib.suppress(BrokenPipeError):
            serve(supervisor, parent)
    finally:
        for ending in endings:
            signal.signal(ending, signal.SIG_IGN)
        supervisor.kill_all()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
