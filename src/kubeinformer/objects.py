"""A Kubernetes object as the cache keeps it: a small decoded header, and the JSON bytes the server sent.

The header (names, version, labels, owners) is read on every path of an informer, so it is decoded once, on
arrival. The body is decoded when somebody asks for it, into what they ask for, each time afresh: what a reader
gets is its own, and nobody can change the cache by writing to it.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar, cast

import msgspec

from kubeinformer.decoding import decode_as
from kubeinformer.errors import InvalidObject
from kubeinformer.object_bytes import RAW_BYTES, ObjectBytes
from kubeinformer.resources import Resource

T = TypeVar("T")
_NOTHING: Mapping[str, str] = MappingProxyType({})


class OwnerReference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An owner of an object, as `metadata.ownerReferences` names it."""

    kind: str
    name: str
    uid: str
    api_version: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class Metadata(msgspec.Struct, gc=False, rename="camel"):
    """The fields of `metadata` that are decoded when an object arrives; null is taken for absent."""

    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: tuple[str, ...] | None = None
    owner_references: tuple[OwnerReference, ...] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class Header(msgspec.Struct, gc=False, rename="camel"):
    """What is decoded of an object on arrival; everything else is skipped."""

    metadata: Metadata
    kind: str | None = None
    api_version: str | None = None


_decode_header = msgspec.json.Decoder(Header).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_value = msgspec.json.Decoder().decode


class _ObjectType(type(msgspec.Struct), ABCMeta):  # type: ignore[misc]  # a computed base: mypy cannot follow it
    """Makes a msgspec structure that is also a Mapping."""


class KubernetesObject(
    msgspec.Struct, Mapping[str, Any], metaclass=_ObjectType, frozen=True, eq=False, gc=False
):
    """One object of the cluster: read-only, thread-safe, hashable by identity and version.

    It reads as the mapping that its JSON is (`obj["spec"]["nodeName"]`, `obj.get("status")`), and has the fields
    of its metadata as attributes. Each access of the body decodes afresh (some microseconds a kilobyte): keep
    what you read in a variable, or decode once with :meth:`decode`.
    """

    # A structure outside the garbage collector: a collection over a million objects would stop the program.
    _metadata: Metadata
    _handle: object
    _has_type: bool
    _resource: Resource
    _storage: ObjectBytes

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self._metadata.name or ""

    @property
    def namespace(self) -> str | None:
        """`metadata.namespace`; None for an object that has none."""
        return self._metadata.namespace or None

    @property
    def key(self) -> str:
        """`namespace/name`, or `name` for an object that has no namespace."""
        metadata = self._metadata
        return f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name or ""

    @property
    def uid(self) -> str:
        """`metadata.uid`, "" where the server sets none."""
        return self._metadata.uid or ""

    @property
    def resource_version(self) -> str:
        """`metadata.resourceVersion`, "" where the server sets none."""
        return self._metadata.resource_version or ""

    @property
    def generation(self) -> int | None:
        """`metadata.generation`: counts changes of the spec."""
        return self._metadata.generation

    @property
    def labels(self) -> Mapping[str, str]:
        """`metadata.labels`, read-only; empty where there are none."""
        labels = self._metadata.labels
        return MappingProxyType(labels) if labels else _NOTHING

    @property
    def annotations(self) -> Mapping[str, str]:
        """`metadata.annotations`, read-only; empty where there are none."""
        annotations = self._metadata.annotations
        return MappingProxyType(annotations) if annotations else _NOTHING

    @property
    def finalizers(self) -> tuple[str, ...]:
        """`metadata.finalizers`."""
        return self._metadata.finalizers or ()

    @property
    def owner_references(self) -> tuple[OwnerReference, ...]:
        """`metadata.ownerReferences`."""
        return self._metadata.owner_references or ()

    @property
    def creation_timestamp(self) -> datetime | None:
        """`metadata.creationTimestamp` with its time zone.

        Raises:
            ValueError: The server sent something that is no time.
        """
        return _timestamp("creationTimestamp", self._metadata.creation_timestamp)

    @property
    def deletion_timestamp(self) -> datetime | None:
        """`metadata.deletionTimestamp` with its time zone: set once deletion was asked for.

        Raises:
            ValueError: The server sent something that is no time.
        """
        return _timestamp("deletionTimestamp", self._metadata.deletion_timestamp)

    @property
    def kind(self) -> str:
        """The real kind, also for list items, which come without one, and for metadata-only answers."""
        return self._resource.kind

    @property
    def api_version(self) -> str:
        """The real apiVersion, also for list items, which come without one."""
        return self._resource.api_version

    @property
    def raw(self) -> bytes:
        """The JSON bytes that the server sent."""
        return self._storage.load(self._handle)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole object as a dict of the caller's own, with kind and apiVersion."""
        return cast("dict[str, Any]", _decode_value(self._typed_bytes()))

    def decode(self, model: type[T]) -> T:
        """Return the object as a `model` of the caller's own.

        Args:
            model: A `msgspec.Struct` (name just the fields you use: that is fastest), a dataclass, TypedDict or
                attrs class, a pydantic model, or a model of the official client such as `V1Pod`.

        Raises:
            msgspec.ValidationError: The object does not fit (pydantic models raise their own ValidationError).
        """
        return decode_as(self._typed_bytes(), model)

    def __getitem__(self, field: str) -> Any:
        return _decode_value(_decode_fields(self._typed_bytes())[field])

    def __iter__(self) -> Iterator[str]:
        return iter(_decode_fields(self._typed_bytes()))

    def __len__(self) -> int:
        return len(_decode_fields(self._typed_bytes()))

    def __contains__(self, field: object) -> bool:
        return field in _decode_fields(self._typed_bytes())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, KubernetesObject):
            if self is other:
                return True
            return hash(self) == hash(other) and self.to_dict() == other.to_dict()
        return self.to_dict() == other if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        metadata = self._metadata
        return hash((metadata.namespace, metadata.name, metadata.uid, metadata.resource_version))

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{self.kind} {self.key} resourceVersion={self.resource_version}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("key", self.key), ("resource_version", self.resource_version)]

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.raw, self._resource)

    def _typed_bytes(self) -> bytes:
        raw = self.raw
        if self._has_type:
            return raw
        # A key that stands twice counts as its last: this also replaces the kind of metadata-only answers.
        return b'%s,"apiVersion":"%s","kind":"%s"}' % (
            raw.rstrip()[:-1],
            self.api_version.encode(),
            self.kind.encode(),
        )


class DeletedFinalStateUnknown(KubernetesObject, frozen=True, eq=False, gc=False):
    """An object that vanished while nobody watched: the last state that was seen, possibly a stale one.

    It is used like any other object (client-go's tombstones must be unwrapped first); that the deletion itself
    was missed shows in the type.
    """

    @classmethod
    def of(cls, last_seen: KubernetesObject) -> DeletedFinalStateUnknown:
        """Return the tombstone of an object."""
        return cls(*_fields(last_seen))

    @property
    def object(self) -> KubernetesObject:
        """The last state that was seen, as a plain object."""
        return KubernetesObject(*_fields(self))


def decode_object(raw: bytes, resource: Resource, storage: ObjectBytes = RAW_BYTES) -> KubernetesObject:
    """Return the object in `raw`.

    Args:
        raw: The JSON bytes of one object, kept as they are (pass a copy, not a view into a larger buffer).
        resource: What it is: kind and apiVersion are taken from here.
        storage: Where the bytes are kept.

    Raises:
        InvalidObject: It is not JSON, not UTF-8, nested too deeply, or its metadata is missing or misshapen.
    """
    return make_object(decode_header(raw, resource), raw, resource, storage)


def decode_header(raw: bytes, resource: Resource) -> Header:
    """Return the header of the one object in `raw`, all of which was looked at and can be decoded later.

    Raises:
        InvalidObject: As `decode_object`.
    """
    try:
        header = _decode_header(raw)
        _check_text(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidObject(describe_fault(error), resource=resource.group_resource) from error
    if not header.metadata.name:
        raise InvalidObject("metadata.name is empty", resource=resource.group_resource)
    return header


def make_object(header: Header, raw: bytes, resource: Resource, storage: ObjectBytes) -> KubernetesObject:
    """Return the object whose header `decode_header` returned."""
    has_type = header.kind == resource.kind and header.api_version == resource.api_version
    return KubernetesObject(header.metadata, storage.store(raw), has_type, resource, storage)


def describe_fault(error: Exception) -> str:
    """Return what is wrong with some JSON, without a word of its content."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 (byte {error.start} of the text)"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)


def _check_text(raw: bytes) -> None:
    """Raise UnicodeDecodeError where bytes are not UTF-8, which the decoder does not see in what it skips."""
    if not raw.isascii():
        raw.decode()


def _fields(source: KubernetesObject) -> tuple[Metadata, object, bool, Resource, ObjectBytes]:
    return source._metadata, source._handle, source._has_type, source._resource, source._storage


def _timestamp(field: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        # Without the text, which could be anything.
        raise ValueError(f"metadata.{field} is no RFC 3339 time") from None


def _rebuild(kind: type[KubernetesObject], raw: bytes, resource: Resource) -> KubernetesObject:
    rebuilt = decode_object(raw, resource)
    return DeletedFinalStateUnknown.of(rebuilt) if kind is DeletedFinalStateUnknown else rebuilt
