"""Keeping secrets out of a recording: the content of Secret objects, and tokens that a server hands out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

_SECRET_ENDPOINTS = frozenset({"secrets", "token", "tokenreviews"})
_HIDDEN_MAPS = frozenset({"data", "stringData"})
_HIDDEN_VALUES = frozenset({"token", "kubectl.kubernetes.io/last-applied-configuration"})
HIDDEN = "REDACTED"

Redactor = Callable[[bytes], bytes]


def redactor_for(path: str, *, watch: bool) -> ChunkRedactor | None:
    """Return what the body of an answer goes through, None where it may be written as it comes.

    Args:
        path: The path of the request.
        watch: Whether the answer is a stream of lines.
    """
    if _SECRET_ENDPOINTS.isdisjoint(path.split("/")):
        return None
    return ChunkRedactor(lines=watch)


class ChunkRedactor:
    """Collects chunks until they are whole JSON texts, and returns these without what is secret.

    What is no JSON is replaced altogether, so nothing gets through that was not understood.

    Args:
        lines: Whether each line is a text of its own, instead of the whole body.
    """

    def __init__(self, *, lines: bool) -> None:
        self._lines = lines
        self._pending = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        """Take a chunk and return what can be written by now."""
        self._pending += chunk
        if not self._lines:
            return b""
        whole, newline, rest = self._pending.rpartition(b"\n")
        self._pending = bytearray(rest)
        return b"".join(redacted(line) + b"\n" for line in bytes(whole).split(b"\n")) if newline else b""

    def finish(self) -> bytes:
        """Return what is left at the end of the body."""
        rest, self._pending = bytes(self._pending), bytearray()
        return redacted(rest) if rest else b""


def redacted(text: bytes) -> bytes:
    """Return a JSON text with every secret value replaced; something else, for what is no JSON."""
    if not text.strip():
        return text
    try:
        return msgspec.json.encode(_hidden(msgspec.json.decode(text)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return f"{HIDDEN}: {len(text)} bytes that are no JSON".encode()


def _hidden(value: Any, name: str = "") -> Any:
    if name in _HIDDEN_VALUES and isinstance(value, str):
        return HIDDEN
    if name in _HIDDEN_MAPS and value is not None:
        return dict.fromkeys(value, HIDDEN) if isinstance(value, dict) else HIDDEN
    if isinstance(value, dict):
        return {key: _hidden(entry, key) for key, entry in value.items()}
    return [_hidden(entry) for entry in value] if isinstance(value, list) else value
