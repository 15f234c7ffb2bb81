"""Reading what can be read of JSON that the decoder refuses: which object it was, and where its items lie.

This is the slow path of an object that has to be set aside (nested too deeply, labels that are no strings). Which
object it is decides whether it counts as gone, so its name is worth some effort.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

_METADATA = re.compile(rb'"metadata"\s*:\s*(?=\{)')
_TYPE = re.compile(rb'\A\s*\{\s*"type"\s*:\s*"([A-Z]+)"')
_ITEMS = re.compile(rb'"items"\s*:\s*(?=\[)')
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Identity:
    """Which object some JSON is; `name` is "" for JSON that is no object of a cluster at all."""

    namespace: str
    name: str
    resource_version: str

    @property
    def key(self) -> str:
        """`namespace/name`, `name`, or "" where there is no name."""
        return f"{self.namespace}/{self.name}" if self.namespace and self.name else self.name


class _Metadata(msgspec.Struct):
    name: str | None = None
    namespace: str | None = None
    resource_version: str | None = msgspec.field(default=None, name="resourceVersion")


class _Named(msgspec.Struct):
    metadata: _Metadata | None = None


def identify(raw: bytes) -> Identity | None:
    """Return which object `raw` is, or None where nothing can be told."""
    try:
        named = msgspec.json.decode(raw, type=_Named)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _identify_nested(raw)
    metadata = named.metadata or _Metadata()
    return Identity(metadata.namespace or "", metadata.name or "", metadata.resource_version or "")


def _identify_nested(raw: bytes) -> Identity | None:
    # The server writes metadata before everything that can be deep: the first one is the object's own.
    text = raw.decode(errors="replace")
    match = _METADATA.search(text.encode())
    if match is None:
        return None
    try:
        metadata, _ = json.JSONDecoder().raw_decode(text.encode()[match.end() :].decode())
    except (ValueError, RecursionError):
        return None
    fields = [metadata.get(name) or "" for name in ("namespace", "name", "resourceVersion")]
    if not fields[1] or not all(isinstance(field, str) for field in fields):
        return None
    return Identity(*fields)


def event_type(line: bytes) -> str:
    """Return the type of a watch line that the decoder refuses, "" where it cannot be told."""
    match = _TYPE.match(line)
    return match[1].decode() if match else ""


def split_items(body: bytes) -> tuple[bytes, list[bytes]] | None:
    """Return a list's body without its items, and the items, without descending into them.

    For bodies that hold an item nested too deeply for the decoder; None where there is no list of items.
    """
    match = _ITEMS.search(body)
    if match is None:
        return None
    items: list[bytes] = []
    for start, end in _elements(body, match.end()):
        if start < 0:
            return body[: match.end()] + b"[]" + body[end:], items
        items.append(body[start:end])
    return None


def _elements(body: bytes, position: int) -> Iterator[tuple[int, int]]:
    """Yield where each object of the array at `position` starts and ends; at last -1 and the array's end."""
    depth, start = 0, 0
    for token in _TOKENS.finditer(body, position):
        text = token[0]
        if text in (b"{", b"["):
            depth += 1
            if depth == 2:
                start = token.start()
        elif text in (b"}", b"]"):
            depth -= 1
            if depth == 1:
                yield start, token.end()
            elif depth == 0:
                yield -1, token.end()
                return
