"""Keeping secrets out of a recording: the content of Secret objects, and tokens that a server hands out."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import msgspec

_SECRET_ENDPOINTS = frozenset({"secrets", "token", "tokenreviews"})
_HIDDEN_MAPS = frozenset({"data", "stringData"})
_HIDDEN_VALUES = frozenset({"message", "token", "kubectl.kubernetes.io/last-applied-configuration"})
_KNOWN_KINDS = frozenset(
    {
        "PartialObjectMetadata",
        "PartialObjectMetadataList",
        "Secret",
        "SecretList",
        "Status",
        "Table",
        "TokenRequest",
        "TokenReview",
    }
)
HIDDEN = "REDACTED"


def redactor_for(path: str, *, watch: bool) -> ChunkRedactor | None:
    """Return what the body of an answer goes through, None where it may be written as it comes.

    Args:
        path: The path of the request.
        watch: Whether the answer is a stream of lines.
    """
    if _SECRET_ENDPOINTS.isdisjoint(unquote(path).split("/")):
        return None
    return ChunkRedactor(lines=watch)


class ChunkRedactor:
    """Collects chunks until they are whole JSON texts, and returns these without what is secret.

    What is no object of a known kind is replaced altogether, and so is everything after it in a stream of lines: nothing
    gets through that was not understood.

    Args:
        lines: Whether each line is a text of its own, instead of the whole body.
    """

    def __init__(self, *, lines: bool) -> None:
        self._lines = lines
        self._pending = bytearray()
        self._is_understood = True

    def feed(self, chunk: bytes) -> bytes:
        """Take a chunk and return what can be written by now."""
        self._pending += chunk
        if not self._lines:
            return b""
        whole, newline, rest = self._pending.rpartition(b"\n")
        self._pending = bytearray(rest)
        return (
            b"".join(self._redacted(line) + b"\n" for line in bytes(whole).split(b"\n")) if newline else b""
        )

    def finish(self) -> bytes:
        """Return what is left at the end of the body."""
        rest, self._pending = bytes(self._pending), bytearray()
        return self._redacted(rest) if rest else b""

    def _redacted(self, text: bytes) -> bytes:
        if not text.strip():
            return text
        shown = redacted(text) if self._is_understood else None
        if shown is None:
            self._is_understood = False
            return f"{HIDDEN}: {len(text)} bytes that are no known object".encode()
        return shown


def redacted(text: bytes) -> bytes | None:
    """Return a JSON text with every secret value replaced; None unless it is an object, or an event, of a known kind."""
    try:
        document = msgspec.json.decode(text)
        return msgspec.json.encode(_hidden(document)) if _is_known(document) else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _is_known(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    if document.keys() == {"type", "object"}:
        return _is_known(document["object"])
    return document.get("kind") in _KNOWN_KINDS


def _hidden(value: Any, name: str = "") -> Any:
    if name in _HIDDEN_VALUES and isinstance(value, str):
        return HIDDEN
    if name in _HIDDEN_MAPS and value is not None:
        return dict.fromkeys(value, HIDDEN) if isinstance(value, dict) else HIDDEN
    if isinstance(value, dict):
        return {key: _hidden(entry, key) for key, entry in value.items()}
    return [_hidden(entry) for entry in value] if isinstance(value, list) else value
