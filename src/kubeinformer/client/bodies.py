"""What a program sends: dicts, objects of the cache, or typed models, as JSON with kind and apiVersion."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from kubeinformer.objects import KubernetesObject
from kubeinformer.resources import Resource


class _Metadata(msgspec.Struct):
    name: str | None = None
    namespace: str | None = None


class _Header(msgspec.Struct):
    metadata: _Metadata | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """An object to send.

    Attributes:
        raw: Its JSON.
        name: `metadata.name`, None where it has none yet (`generateName`).
        namespace: `metadata.namespace`, None where it has none.
    """

    raw: bytes = field(repr=False)
    name: str | None
    namespace: str | None


def encode(body: object) -> bytes:
    """Return anything that msgspec encodes, or an object of the cache, as JSON.

    Raises:
        TypeError: msgspec does not know the type.
    """
    return body.raw if isinstance(body, KubernetesObject) else msgspec.json.encode(body)


def encode_object(body: object, resource: Resource) -> Body:
    """Return an object as JSON; kind and apiVersion are filled in where it lacks them (as items of a list do).

    A kind that is there stays: the server must see, and refuse, a `PartialObjectMetadata` that is written back.

    Raises:
        TypeError: msgspec does not know the type.
        ValueError: It is not one object with readable metadata; the message does not show it.
    """
    try:
        raw = encode(body)
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(raw, type=_Header).metadata or _Metadata()
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a Kubernetes object: {error}") from error
    for name, value in (("apiVersion", resource.api_version), ("kind", resource.kind)):
        if bytes(fields.get(name, msgspec.Raw(b"null"))) in (b"null", b'""'):
            fields[name] = msgspec.Raw(msgspec.json.encode(value))
    return Body(msgspec.json.encode(fields), metadata.name or None, metadata.namespace or None)
