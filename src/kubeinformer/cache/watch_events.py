"""From the lines of a watch to inputs of the reflector: one scan an event.

A line that reads as API servers write it holds its object between a known beginning and a closing brace: the
object's bytes are sliced out, and decoding their header is the one scan. Where they are not exactly one object, as
in any other spelling, a slower way leads to the same end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.deltas import Delta, DeltaType
from kubeinformer.cache.object_reader import Aside, ObjectReader
from kubeinformer.cache.salvage import split_event
from kubeinformer.errors import InvalidObject, InvalidResponse
from kubeinformer.objects import KubernetesObject, decode_header, describe_fault
from kubeinformer.resource_versions import later
from kubeinformer.statuses import error_from_status

_TYPES = {"ADDED": DeltaType.ADDED, "MODIFIED": DeltaType.UPDATED, "DELETED": DeltaType.DELETED}
_PREFIXES = [(kind, b'{"type":"%s","object":{' % name.encode()) for name, kind in _TYPES.items()]


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    object: msgspec.Raw = msgspec.Raw(b"null")
    kind: str | None = None


class _BookmarkMetadata(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion")
    annotations: Any = None  # whatever they are, the version beside them counts


class _Bookmark(msgspec.Struct):
    metadata: _BookmarkMetadata


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_bookmark = msgspec.json.Decoder(_Bookmark).decode

StreamInput = inputs.Received | inputs.Bookmarked | inputs.Garbled | inputs.Failed


class EventReader:
    """Turns watch lines into inputs; it is called on the event loop's thread only.

    Attributes:
        asides: The errors of objects that were set aside since somebody last emptied the list.
    """

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self.asides: list[InvalidObject] = []

    def read(self, lines: Iterable[bytes]) -> Iterator[StreamInput]:
        """Yield what the lines say, in order: runs of changes as one input, everything else one by one."""
        deltas: list[Delta] = []
        version = ""
        for line in lines:
            said = self._read_line(line)
            if isinstance(said, _Change):
                if said.delta is not None:
                    deltas.append(said.delta)
                version = later(version, said.version)
                continue
            if deltas or version:
                yield inputs.Received(tuple(deltas), version)
                deltas, version = [], ""
            yield said
        if deltas or version:
            yield inputs.Received(tuple(deltas), version)

    def _read_line(self, line: bytes) -> _Change | StreamInput:
        for delta_type, prefix in _PREFIXES:
            if line.startswith(prefix) and line.endswith(b"}}"):
                try:
                    return self._read_object(delta_type, line[len(prefix) - 1 : -1])
                except InvalidObject:
                    break
        return self._read_slowly(line)

    def _read_slowly(self, line: bytes) -> _Change | StreamInput:
        try:
            event = _decode_event(line)
        except RecursionError:
            event_type, nested = split_event(line)
            event = _Event(event_type or None, msgspec.Raw(nested))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return self._garbled(describe_fault(error))
        raw = bytes(event.object)
        if event.type in _TYPES:
            return self._read_any_object(_TYPES[event.type], raw)
        if event.type == "BOOKMARK":
            return self._bookmark(raw)
        if event.type == "ERROR" or (event.type is None and event.kind == "Status"):
            body = raw if event.type else line
            resource = self._reader.resource.group_resource
            return inputs.Failed(error_from_status(body, verb="watch", resource=resource))
        return self._garbled("an event of unknown type" if event.type else "a line that is no event")

    def _read_any_object(self, delta_type: DeltaType, raw: bytes) -> _Change | StreamInput:
        try:
            return self._read_object(delta_type, raw)
        except InvalidObject as error:
            aside = self._reader.set_aside(raw, error)
            if aside.identity is None or not aside.identity.name:
                return self._garbled(error.fault)
            return self._change(delta_type, aside, aside.identity.resource_version)

    def _read_object(self, delta_type: DeltaType, raw: bytes) -> _Change:
        header = decode_header(raw, self._reader.resource)
        read = self._reader.read_decoded(header, raw)
        # The server's own version, whatever a transform made of it: a watch resumes there.
        return self._change(delta_type, read, header.metadata.resource_version or "")

    def _change(self, delta_type: DeltaType, read: KubernetesObject | Aside, version: str) -> _Change:
        if isinstance(read, KubernetesObject):
            return _Change(Delta(delta_type, read.key, read), version)
        assert read.identity is not None
        if read.error is not None:
            self.asides.append(read.error)
        # What the transform drops must not stay either, nor what was deleted unread.
        gone = read.error is None or delta_type is DeltaType.DELETED
        delta = Delta(DeltaType.DELETED, read.identity.key, None) if gone else None
        return _Change(delta, version)

    def _bookmark(self, raw: bytes) -> StreamInput:
        try:
            metadata = _decode_bookmark(raw).metadata
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return self._garbled(f"a bookmark that cannot be read: {describe_fault(error)}")
        if not metadata.resource_version:
            return self._garbled("a bookmark without resourceVersion")
        marks = metadata.annotations if isinstance(metadata.annotations, dict) else {}
        # The value counts, not the key alone (KEP-3157).
        return inputs.Bookmarked(metadata.resource_version, marks.get("k8s.io/initial-events-end") == "true")

    def _garbled(self, fault: str) -> inputs.Garbled:
        resource = self._reader.resource.group_resource
        return inputs.Garbled(
            InvalidResponse(f"watch line: {fault}", code=200, verb="watch", resource=resource)
        )


class _Change(msgspec.Struct, gc=False):
    """What a line about one object says: the change (None where it is set aside) and its version."""

    delta: Delta | None
    version: str
