"""From the lines of a watch to inputs of the reflector: one scan an event.

A line is decoded once into its type and the header of its object, and the object's bytes are sliced out of it.
That works where the line reads as API servers write it; any other spelling takes a slower way with the same end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.deltas import Delta, DeltaType
from kubeinformer.cache.object_reader import Aside, ObjectReader
from kubeinformer.cache.salvage import event_type, identify
from kubeinformer.errors import InvalidObject, InvalidResponse
from kubeinformer.objects import Header, KubernetesObject, describe_fault
from kubeinformer.statuses import error_from_status

_TYPES = {"ADDED": DeltaType.ADDED, "MODIFIED": DeltaType.UPDATED, "DELETED": DeltaType.DELETED}
_PREFIXES = {name: b'{"type":"%s","object":' % name.encode() for name in _TYPES}
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _PlainEvent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    type: str
    object: Header


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    object: msgspec.Raw = msgspec.Raw(b"null")
    kind: str | None = None


class _BookmarkMetadata(msgspec.Struct, gc=False):
    resource_version: str = msgspec.field(name="resourceVersion")


class _Bookmark(msgspec.Struct, gc=False):
    metadata: _BookmarkMetadata


_decode_plain = msgspec.json.Decoder(_PlainEvent).decode
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
                version = said.version or version
                continue
            if deltas or version:
                yield inputs.Received(tuple(deltas), version)
                deltas, version = [], ""
            yield said
        if deltas or version:
            yield inputs.Received(tuple(deltas), version)

    def _read_line(self, line: bytes) -> _Change | StreamInput:
        try:
            event = _decode_plain(line)
        except _UNREADABLE:
            return self._read_slowly(line)
        prefix = _PREFIXES.get(event.type)
        plain = prefix is not None and line.startswith(prefix) and line.endswith(b"}}")
        # A second "object" in the line would count instead of the first: leave that to the decoder.
        if prefix is None or not plain or b'},"object":' in line:
            return self._read_slowly(line)
        raw = line[len(prefix) : -1]
        return self._changed(_TYPES[event.type], self._reader.read_decoded(event.object, raw))

    def _read_slowly(self, line: bytes) -> _Change | StreamInput:
        resource = self._reader.resource.group_resource
        try:
            event = _decode_event(line)
        except _UNREADABLE as error:
            return self._set_aside_line(line, error)
        raw = bytes(event.object)
        if event.type in _TYPES:
            return self._changed(_TYPES[event.type], self._reader.read(raw))
        if event.type == "BOOKMARK":
            return self._bookmark(raw)
        if event.type == "ERROR" or (event.type is None and event.kind == "Status"):
            body = raw if event.type else line
            return inputs.Failed(error_from_status(body, verb="watch", resource=resource))
        return self._garbled("an event of unknown type" if event.type else "a line that is no event")

    def _changed(self, delta_type: DeltaType, read: KubernetesObject | Aside) -> _Change | StreamInput:
        if isinstance(read, Aside) and (read.identity is None or not read.identity.name):
            return self._garbled(str(read.error))
        return self._change(delta_type, read)

    def _change(self, delta_type: DeltaType, read: KubernetesObject | Aside) -> _Change:
        if isinstance(read, KubernetesObject):
            return _Change(Delta(delta_type, read.key, read), read.resource_version)
        assert read.identity is not None
        if read.error is not None:
            self.asides.append(read.error)
        # What the transform drops must not stay either, nor what was deleted unread.
        gone = read.error is None or delta_type is DeltaType.DELETED
        delta = Delta(DeltaType.DELETED, read.identity.key, None) if gone else None
        return _Change(delta, read.identity.resource_version)

    def _bookmark(self, raw: bytes) -> StreamInput:
        try:
            return inputs.Bookmarked(_decode_bookmark(raw).metadata.resource_version)
        except _UNREADABLE as error:
            return self._garbled(f"a bookmark that cannot be read: {describe_fault(error)}")

    def _set_aside_line(self, line: bytes, error: Exception) -> _Change | StreamInput:
        """Set aside the one object of a line that is too deep; any other unreadable line is garbled."""
        identity = identify(line) if isinstance(error, RecursionError) else None
        if identity is None or event_type(line) not in _TYPES:
            return self._garbled(describe_fault(error))
        resource = self._reader.resource.group_resource
        aside = Aside(InvalidObject(describe_fault(error), resource=resource, key=identity.key), identity)
        return self._change(_TYPES[event_type(line)], aside)

    def _garbled(self, fault: str) -> inputs.Garbled:
        resource = self._reader.resource.group_resource
        return inputs.Garbled(
            InvalidResponse(f"watch line: {fault}", code=200, verb="watch", resource=resource)
        )


class _Change(msgspec.Struct, gc=False):
    """What a line about one object says: the change (None where it is set aside) and its version."""

    delta: Delta | None
    version: str
