"""The file that a recording is written to: a line at a time, so that a crash loses the last one at most."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from kubeinformer.testing.recording.exchanges import VERSION, encode_body

_encode = msgspec.json.Encoder().encode


class RecordingFile:
    """Takes the steps of all exchanges. Any thread may use it.

    Args:
        path: The file, which is replaced.
        max_bytes: How large it may grow; what comes after is left out, and the last line says so.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, path: str | Path, max_bytes: int) -> None:
        self._file = Path(path).open("wb")  # noqa: SIM115 - open until `close`
        self._left = max_bytes
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._exchanges = 0
        self._write({"recording": VERSION})

    def begin(self, method: str, path: str, query: dict[str, str]) -> int:
        """Note a request and return the number of its exchange."""
        with self._lock:
            self._exchanges += 1
            number = self._exchanges
            self._step(number, {"request": {"method": method, "path": path, "query": query}})
        return number

    def answer(self, number: int, status: int, headers: dict[str, str]) -> None:
        """Note the head of an answer."""
        with self._lock:
            self._step(number, {"answer": {"status": status, "headers": headers}})

    def body(self, number: int, chunk: bytes) -> None:
        """Note a part of a body."""
        if chunk:
            with self._lock:
                self._step(number, {"body": encode_body(chunk)})

    def end(self, number: int, how: str) -> None:
        """Note the end of an exchange."""
        with self._lock:
            self._step(number, {"end": how})

    def close(self) -> None:
        """Write nothing any more."""
        with self._lock:
            self._left = -1
            self._file.close()

    def _step(self, number: int, content: dict[str, Any]) -> None:
        at = round(time.monotonic() - self._began, 6)
        self._write({"exchange": number, "at": at, **content})

    def _write(self, entry: dict[str, Any]) -> None:
        if self._left < 0:
            return
        line = _encode(entry) + b"\n"
        self._left -= len(line)
        if self._left < 0:
            line = b'{"truncated":true}\n'
        self._file.write(line)
        self._file.flush()
