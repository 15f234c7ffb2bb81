"""From the JSON of one object to the object that the cache keeps: transform, storage, and setting aside."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import msgspec

from kubeinformer.cache.salvage import Identity, identify
from kubeinformer.errors import InvalidObject
from kubeinformer.object_bytes import ObjectBytes
from kubeinformer.objects import (
    Header,
    KubernetesObject,
    decode_header,
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
            to keep it out of the cache. The name and the namespace are not its to change.
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
            header = decode_header(raw, self.resource)
        except InvalidObject as error:
            return self.set_aside(raw, error)
        return self.read_decoded(header, raw)

    def set_aside(self, raw: bytes, error: InvalidObject) -> Aside:
        """Return what is known of the object in `raw`, which `decode_header` refused with `error`."""
        return self._aside(identify(raw), error.fault)

    def read_decoded(self, header: Header, raw: bytes) -> KubernetesObject | Aside:
        """Return the object in `raw`, whose header `decode_header` returned."""
        if self._transform is None:
            return make_object(header, raw, self.resource, self._storage)
        metadata = header.metadata
        identity = Identity(metadata.namespace or "", metadata.name or "", metadata.resource_version or "")
        try:
            kept = self._transform(self._as_dict(raw))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # user code: costs this object only
            return self._aside(identity, f"the transform raised {_describe_raised(error)}")
        return Aside(None, identity) if kept is None else self._transformed(identity, kept)

    def _transformed(self, identity: Identity, kept: object) -> KubernetesObject | Aside:
        try:
            raw = msgspec.json.encode(kept)
            header = decode_header(raw, self.resource)
        except InvalidObject as error:
            return self._aside(identity, f"what the transform returned: {error.fault}")
        except Exception as error:  # noqa: BLE001  # the encoder's words for what it cannot do are many
            fault = f"what the transform returned cannot be encoded: {type(error).__name__}"
            return self._aside(identity, fault)
        metadata = header.metadata
        if (metadata.namespace or "", metadata.name) != (identity.namespace, identity.name):
            # The cache, and the server's word of a deletion, know the object by its key.
            return self._aside(identity, "what the transform returned has another name or namespace")
        return make_object(header, raw, self.resource, self._storage)

    def _as_dict(self, raw: bytes) -> dict[str, Any]:
        value: dict[str, Any] = msgspec.json.decode(raw)
        return {**value, "apiVersion": self.resource.api_version, "kind": self.resource.kind}

    def _aside(self, identity: Identity | None, fault: str) -> Aside:
        key = identity.key if identity else ""
        return Aside(InvalidObject(fault, resource=self.resource.group_resource, key=key), identity)


def _describe_raised(error: BaseException) -> str:
    """Return what was raised where, without its text, which may quote the object."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    code = frame.f_code
    return f"{type(error).__name__} in {code.co_name} ({PurePath(code.co_filename).name}, line {line})"


def _stripping(transform: Transform | None) -> Transform:
    def strip(value: dict[str, Any]) -> dict[str, Any] | None:
        metadata = value.get("metadata")
        if isinstance(metadata, dict):
            metadata.pop("managedFields", None)
        return value if transform is None else transform(value)

    return strip
