"""The form of a recording: a file of JSON lines, each a step of one exchange of a request and its answer.

    {"recording": 1}
    {"exchange": 1, "at": 0.0, "request": {"method": "GET", "path": "/api/v1/pods", "query": {"limit": "500"}}}
    {"exchange": 1, "at": 0.1, "answer": {"status": 200, "headers": {"Content-Type": "application/json"}}}
    {"exchange": 1, "at": 0.1, "body": "..."}                 (bytes that are no UTF-8: {"base64": "..."})
    {"exchange": 1, "at": 0.1, "end": "complete"}             (or "cut", "client gone", "unreachable")

Credentials are never part of it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

VERSION = 1
COMPLETE, CUT, CLIENT_GONE, UNREACHABLE = "complete", "cut", "client gone", "unreachable"
_VOLATILE = frozenset({"continue", "limit", "resourceVersion", "resourceVersionMatch", "timeoutSeconds"})

Key = tuple[str, str, tuple[tuple[str, str], ...]]


class RecordingError(ValueError):
    """A file is no recording that can be replayed; the message says why."""


@dataclass(slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        method: The HTTP method.
        path: The path, percent-encoded.
        query: The parameters.
        at: When the request came, in seconds from the beginning of the recording.
        status: The HTTP status; 0 where there was no answer.
        headers: Some headers of the answer.
        chunks: The body, as it came: when, and what.
        end: How it ended; "" where the recording ends before.
    """

    method: str
    path: str
    query: Mapping[str, str]
    at: float
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    end: str = ""

    @property
    def key(self) -> Key:
        """What a request must have in common with this one to be answered by it."""
        return key_of(self.method, self.path, self.query)


def key_of(method: str, path: str, query: Mapping[str, str]) -> Key:
    """Return what tells requests apart: not their versions, pages and time-outs, which come in the order recorded."""
    return method, path, tuple(sorted(item for item in query.items() if item[0] not in _VOLATILE))


def is_watch(query: Mapping[str, str]) -> bool:
    """Return whether parameters ask for a watch."""
    return query.get("watch", "").lower() in {"1", "true"}


def encode_body(chunk: bytes) -> Any:
    """Return bytes as they stand in a recording."""
    try:
        return chunk.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(chunk).decode()}


def read_recording(file: str | Path) -> list[Exchange]:
    """Return the exchanges in a file, in the order of their requests; a last line that is cut off is left out.

    Raises:
        OSError: The file cannot be read.
        RecordingError: It is no recording, or one of another version.
    """
    lines = Path(file).read_bytes().splitlines()
    _check_head(file, lines[0] if lines else b"")
    exchanges: dict[int, Exchange] = {}
    for number, line in enumerate(lines[1:], 2):
        try:
            entry = msgspec.json.decode(line)
            _add(exchanges, entry)
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            if number == len(lines):
                break
            raise RecordingError(f"{file}: line {number} is no step of an exchange") from error
    return list(exchanges.values())


def _check_head(file: str | Path, line: bytes) -> None:
    try:
        version = msgspec.json.decode(line)["recording"]
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise RecordingError(f"{file} is no recording") from error
    if version != VERSION:
        raise RecordingError(f"{file} is a recording of version {version}; this is for version {VERSION}")


def _add(exchanges: dict[int, Exchange], entry: Mapping[str, Any]) -> None:
    if "exchange" not in entry:
        return
    number, at = entry["exchange"], entry["at"]
    if "request" in entry:
        request = entry["request"]
        exchanges[number] = Exchange(request["method"], request["path"], request["query"], at)
        return
    exchange = exchanges[number]
    if "answer" in entry:
        exchange.status, exchange.headers = entry["answer"]["status"], entry["answer"]["headers"]
    elif "body" in entry:
        body = entry["body"]
        exchange.chunks.append(
            (at, body.encode() if isinstance(body, str) else base64.b64decode(body["base64"]))
        )
    elif "end" in entry:
        exchange.end = entry["end"]
