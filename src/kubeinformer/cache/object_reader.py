"""From the JSON of one object to the object that the cache keeps: transform, storage, and setting aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from kubeinformer.cache.salvage import Identity, identify
from kubeinformer.errors import InvalidObject
from kubeinformer.object_bytes import ObjectBytes
from kubeinformer.objects import (
    Header,
    KubernetesObject,
    check_text,
    decode_object,
    describe_fault,
    make_object,
)
from kubeinformer.resources import Resource

Transform = Callable[[dict[str, Any]], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Aside:
    """An object that is not kept.

    Attributes:
        error: Why it could not be read; None where the transform dropped it.
        identity: Which object it is; None where not even that can be told.
    """

    error: InvalidObject | None
    identity: Identity | None


class ObjectReader:
    """Turns JSON into objects, exactly once each; it is called on the event loop's thread only.

    Args:
        resource: What the objects are.
        storage: Where their bytes are kept.
        transform: User code that changes an object (a dict of its own) before anything sees it, or returns None
            to keep it out of the cache.
        strip_managed_fields: Whether to drop `metadata.managedFields` before the transform.
    """

    def __init__(
        self,
        resource: Resource,
        storage: ObjectBytes,
        transform: Transform | None = None,
        strip_managed_fields: bool = False,
    ) -> None:
        self.resource = resource
        self._storage = storage
        self._transform = _stripping(transform) if strip_managed_fields else transform

    def read(self, raw: bytes) -> KubernetesObject | Aside:
        """Return the object in `raw`, or why it is set aside."""
        try:
            read = decode_object(raw, self.resource, self._storage)
        except InvalidObject as error:
            return self._aside(raw, error)
        return read if self._transform is None else self._transformed(raw, self._transform)

    def read_decoded(self, header: Header, raw: bytes) -> KubernetesObject | Aside:
        """Return the object in `raw`, whose header was decoded already."""
        if self._transform is not None or not header.metadata.name:
            return self.read(raw)
        try:
            check_text(raw)
        except UnicodeDecodeError as error:
            return self._aside(raw, InvalidObject(describe_fault(error)))
        return make_object(header, raw, self.resource, self._storage)

    def _transformed(self, raw: bytes, transform: Transform) -> KubernetesObject | Aside:
        try:
            kept = transform(self._as_dict(raw))
            if kept is None:
                return Aside(None, identify(raw))
            return decode_object(msgspec.json.encode(kept), self.resource, self._storage)
        except Exception as error:  # noqa: BLE001  # user code: whatever it raises costs this object only
            return self._aside(raw, InvalidObject(f"the transform raised {type(error).__name__}: {error}"))

    def _as_dict(self, raw: bytes) -> dict[str, Any]:
        value: dict[str, Any] = msgspec.json.decode(raw)
        return {**value, "apiVersion": self.resource.api_version, "kind": self.resource.kind}

    def _aside(self, raw: bytes, error: InvalidObject) -> Aside:
        identity = identify(raw)
        key = identity.key if identity else ""
        named = InvalidObject(error.fault, resource=self.resource.group_resource, key=key)
        return Aside(named, identity)


def _stripping(transform: Transform | None) -> Transform:
    def strip(value: dict[str, Any]) -> dict[str, Any] | None:
        metadata = value.get("metadata")
        if isinstance(metadata, dict):
            metadata.pop("managedFields", None)
        return value if transform is None else transform(value)

    return strip
