"""The JSON of objects as a real API server writes it, byte by byte.

Built-in kinds come in the order of Go's struct fields, and their list items lack kind and apiVersion; custom
resources are sorted by key and keep both everywhere. Output is compact, with `<`, `>` and `&` escaped as Go does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kubeinformer.testing.api_server.served_resources import ServedResource

Document = dict[str, Any]

METADATA_ORDER = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)
_OMITTED_WHEN_EMPTY = ("data", "binaryData", "stringData")
_ESCAPES = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def encode(document: object, *, sort: bool = False) -> bytes:
    """Return compact JSON with Go's escapes, which are all inside strings."""
    text = _encode_sorted(document) if sort else _encode(document)
    for plain, escaped in _ESCAPES:
        if plain in text:
            text = text.replace(plain, escaped)
    return text


def copied(body: Any) -> Any:
    """Return a deep copy, made of plain JSON values only.

    Raises:
        TypeError: Something in it has no JSON form.
    """
    return msgspec.json.decode(_encode(body))


def canonical(served: ServedResource, document: Mapping[str, Any]) -> Document:
    """Return the document with kind, apiVersion and metadata first, and without the empty fields that Go leaves out."""
    given = document.get("metadata") or {}
    ordered = (*METADATA_ORDER, *(name for name in given if name not in METADATA_ORDER))
    metadata = {name: given[name] for name in ordered if given.get(name) not in (None, "", {}, [])}
    left_out = {"kind", "apiVersion", "metadata"}
    if served.typed:
        left_out |= {name for name in _OMITTED_WHEN_EMPTY if not document.get(name)}
    rest = {name: value for name, value in document.items() if name not in left_out}
    if served.has_spec and not rest.get("spec"):
        rest = {"spec": {}, **rest}
    return {
        "kind": served.resource.kind,
        "apiVersion": served.resource.api_version,
        "metadata": metadata,
        **rest,
    }


def encode_item(served: ServedResource, document: Document) -> bytes:
    """Return a canonical document as it stands in a list."""
    if not served.typed:
        return encode(document, sort=True)
    return encode({name: value for name, value in document.items() if name not in {"kind", "apiVersion"}})


def encode_whole(served: ServedResource, item: bytes) -> bytes:
    """Return a list item as it stands on its own: an answer to GET, or the object of a watch event."""
    return _opening(served) + item[1:] if served.typed else item


def encode_event(event_type: str, whole: bytes) -> bytes:
    """Return a line of a watch."""
    return b'{"type":"%b","object":%b}\n' % (event_type.encode(), whole)


def encode_list(
    served: ServedResource, items: list[bytes], version: int, continue_token: str, remaining: int | None
) -> bytes:
    """Return a list of items."""
    optional = {"continue": continue_token} if continue_token else {}
    metadata: dict[str, Any] = {"resourceVersion": str(version), **optional}
    if remaining is not None:
        metadata["remainingItemCount"] = remaining
    kind, api_version = served.resource.kind + "List", served.resource.api_version
    if served.typed:
        head = encode({"kind": kind, "apiVersion": api_version, "metadata": metadata})
        return b'%b,"items":[%b]}' % (head[:-1], b",".join(items))
    tail = encode({"kind": kind, "metadata": {"continue": "", **metadata}}, sort=True)
    return b'{"apiVersion":%b,"items":[%b],%b' % (encode(api_version), b",".join(items), tail[1:])


def _opening(served: ServedResource) -> bytes:
    resource = served.resource
    return b'{"kind":%b,"apiVersion":%b,' % (encode(resource.kind), encode(resource.api_version))
