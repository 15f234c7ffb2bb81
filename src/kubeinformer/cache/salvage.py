"""Reading what can be read of JSON that the decoder refuses: which object it was, and where its items lie.

This is the slow path of an object that has to be set aside (nested too deeply, labels that are no strings). Which
object it is decides whether it counts as gone, so its name is worth some effort.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

# A string, or a mark of structure (the group). Possessive, so that long strings cost no backtracking.
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"|([{}\[\],])', re.DOTALL)
_MEMBER = re.compile(rb'"((?:[^"\\]++|\\.)*+)"\s*+:\s*+(.*)', re.DOTALL)
_OPENING, _CLOSING = (b"{", b"["), (b"}", b"]")


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
        return _identify_by_parts(raw)
    metadata = named.metadata or _Metadata()
    return Identity(metadata.namespace or "", metadata.name or "", metadata.resource_version or "")


def _identify_by_parts(raw: bytes) -> Identity | None:
    metadata = _members(_members(raw).get(b"metadata", b""))
    # One by one: managedFields, between them, nest as deeply as the object itself.
    namespace, name, version = (
        _text(metadata.get(field, b"null")) for field in (b"namespace", b"name", b"resourceVersion")
    )
    return Identity(namespace, name, version) if name else None


def split_event(line: bytes) -> tuple[str, bytes]:
    """Return type and object of a watch line that nests too deeply: "" or null where there is none."""
    event = _members(line)
    return _text(event.get(b"type", b"null")), event.get(b"object", b"null")


def split_items(body: bytes) -> tuple[bytes, list[bytes]] | None:
    """Return a list's body without its items, and the items, without descending into them.

    For bodies that hold an item nested too deeply for the decoder; None where there is no list of items.
    """
    members = _members(body)
    array = members.get(b"items", b"")
    items = _parts(array)
    if items is None or not array.startswith(b"["):
        return None
    members[b"items"] = b"[]"
    return b"{%s}" % b",".join(b'"%s":%s' % member for member in members.items()), items


def _text(value: bytes) -> str:
    """Return a string in JSON; "" for everything else."""
    try:
        return msgspec.json.decode(value, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def _members(text: bytes) -> dict[bytes, bytes]:
    """Return the members of a JSON object as they are written (of doubled keys the last); none of anything else."""
    matches = [_MEMBER.fullmatch(part) for part in _parts(text) or ()]
    return {match[1]: match[2] for match in matches if match} if all(matches) else {}


def _parts(text: bytes) -> list[bytes] | None:
    """Return what stands between the commas of the JSON object or array that `text` is; None where it is none."""
    parts: list[bytes] = []
    depth, start = 0, 0
    for token in _TOKENS.finditer(text):
        mark = token[1]
        if mark in _OPENING:
            depth += 1
            start = token.end() if depth == 1 else start
        elif mark is not None and depth == 1:
            parts.append(text[start : token.start()].strip())
            start = token.end()
        if mark in _CLOSING:
            depth -= 1
            if depth == 0:
                whole = all(parts) or parts == [b""]
                return [part for part in parts if part] if whole and not text[start:].strip() else None
    return None
