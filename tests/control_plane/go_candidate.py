"""A candidate for a Lease that nobody here wrote: client-go's leader election, in a Go program of its own.

It is built once into the user's cache folder, from the same module versions and with the same flags as the control plane,
so that Go finds nearly all of it compiled already (about 10 s; minutes where the control plane was not built here).
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from kubeinformer.testing import eventually

MODULE = Path(__file__).parent / "go_elector"
_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w")
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOWORK": "off"}
_DOWNLOAD_SECONDS, _BUILD_SECONDS = 90, 160  # together less than pytest's patience with a test


@functools.cache
def built_elector() -> Path:
    """Return the program, built if need be.

    Skips the test where Go is missing or too old, or the modules cannot be had; a program that does not compile fails it.
    """
    program = _cached_program()
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed")
    _run([go, "list", "-deps", *_FLAGS[:1], "."], _DOWNLOAD_SECONDS, pytest.skip)
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=program.parent
    ) as folder:  # whoever comes second builds too, and harms nobody
        output = Path(folder) / program.name
        _run([go, "build", *_FLAGS, "-o", str(output), "."], _BUILD_SECONDS, pytest.fail)
        output.rename(program)
    return program


def _cached_program() -> Path:
    """Return where it is kept: a file for each content and kind of machine, so none is ever stale."""
    digest = hashlib.sha256(repr((_FLAGS, sys.platform, platform.machine())).encode())
    for name in ("go.mod", "go.sum", "main.go"):
        digest.update((MODULE / name).read_bytes())
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kubeinformer" / "go-elector" / f"elector-{digest.hexdigest()[:16]}"


def _run(command: list[str], seconds: float, give_up: Callable[[str], object]) -> None:
    """Run Go in the module's folder; call `give_up` with its words where it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=MODULE,
            env=os.environ | _ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"`go {command[1]}` takes more than {seconds} s here")
    if done.returncode:
        give_up(f"`go {command[1]}` failed: {done.stderr[-500:]}")


class GoCandidate:
    """A running elector of client-go. Thread-safe.

    It writes `new leader X`, `started leading`, `stopping` (a leader that was told to end, and holds the lease still) and
    `stopped leading` (its lease is given up or lost).

    Attributes:
        identity: Who it is in the Lease.
    """

    def __init__(self, identity: str, process: subprocess.Popen[str], errors: IO[bytes]) -> None:
        self.identity = identity
        self._process = process
        self._errors = errors
        self._lines: list[str] = []
        self._changed = threading.Event()
        self._reader = threading.Thread(target=self._read, name=f"go-candidate-{identity}")
        self._reader.start()

    @property
    def lines(self) -> list[str]:
        """What it has written so far."""
        return list(self._lines)

    @property
    def errors(self) -> str:
        """What it and client-go have logged so far; for messages."""
        return os.pread(
            self._errors.fileno(), 1 << 20, 0
        ).decode()  # a seek would move the program's own position

    @property
    def leads(self) -> bool:
        """Whether it says that it leads now."""
        lines = self._lines
        return "started leading" in lines and "stopping" not in lines and "stopped leading" not in lines

    def wait_for(self, line: str, timeout: float = 30.0) -> None:
        """Wait until it has written a line, now or earlier; one that has ended without it fails at once.

        Args:
            line: The whole line.
            timeout: Seconds.

        Raises:
            AssertionError: It has not; the message has what it wrote and logged instead.
        """

        def has_come() -> bool:
            return line in self._lines or not self._reader.is_alive()

        try:
            eventually(has_come, timeout, wake=self._changed)
            assert line in self._lines, "it has ended"
        except AssertionError as error:
            raise AssertionError(
                f"{self.identity} has not written {line!r} but {self._lines}; its log:\n{self.errors[-2000:]}"
            ) from error

    def wait_for_leader(self, identity: str, timeout: float = 30.0) -> None:
        """Wait until it has seen somebody lead."""
        self.wait_for(f"new leader {identity}", timeout)

    def terminate(self, timeout: float = 30.0) -> int:
        """End it by SIGTERM, which makes it release its lease, and return its exit code (0 if all is well)."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self, timeout: float = 30.0) -> None:
        """End it by SIGKILL: it releases nothing."""
        self._process.kill()
        self.wait(timeout)

    def pause(self) -> None:
        """Halt it (SIGSTOP): it renews nothing, and does not know."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._process.send_signal(signal.SIGCONT)

    def wait(self, timeout: float = 30.0) -> int:
        """Wait for its end, by itself: return 1 where it lost its lease."""
        code = self._process.wait(timeout)
        self._reader.join(timeout)
        assert not self._reader.is_alive()
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line.rstrip("\n"))
            self._changed.set()
        self._changed.set()


@contextmanager
def go_candidate(
    kubeconfig: str,
    namespace: str,
    lease_name: str,
    identity: str,
    *,
    lease_duration: float = 15.0,
    renew_deadline: float = 10.0,
    retry_period: float = 2.0,
) -> Iterator[GoCandidate]:
    """Run a candidate, which is dead at the end of the block (killed, if it still runs: end it first to have it release).

    Args:
        kubeconfig: Path of the file that leads to the server.
        namespace: The Lease's.
        lease_name: The Lease's.
        identity: Who it is in the Lease.
        lease_duration: Whole seconds; how long others wait before they take the lease.
        renew_deadline: Seconds, less than `lease_duration`; how long a leader tries to renew.
        retry_period: Seconds, less than `renew_deadline` / 1.2; between two attempts.
    """
    durations = [f"{seconds:g}s" for seconds in (lease_duration, renew_deadline, retry_period)]
    command = [str(built_elector()), kubeconfig, namespace, lease_name, identity, *durations]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        candidate = GoCandidate(identity, process, errors)
        try:
            yield candidate
        finally:
            candidate.kill()
