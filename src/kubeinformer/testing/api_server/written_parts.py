"""Which part of an object a write changes: all but the status, or what a subresource stands for."""

from __future__ import annotations

from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.object_storage import StoredObject
from kubeinformer.testing.api_server.served_resources import ServedResource

PART_OF_SUBRESOURCE = {
    "status": "status",
    "approval": "status",
    "finalize": "spec",
    "resize": "spec",
    "ephemeralcontainers": "spec",
}


def with_initial_status(served: ServedResource, document: Document) -> Document:
    """Return a new object with the status that its kind begins with."""
    if not served.status_subresource or served.initial_status is None:
        return document
    rest = {name: value for name, value in document.items() if name != "status"}
    return {**rest, "status": dict(served.initial_status)} if served.initial_status else rest


def written_part(current: StoredObject, wanted: Document, subresource: str) -> Document:
    """Return the object with what a write may change of it: all but the status, or the subresource's part.

    Built-in kinds let a write of the status change labels and annotations too, custom resources do not.
    """
    if not subresource and not current.served.status_subresource:
        return wanted
    part = PART_OF_SUBRESOURCE[subresource] if subresource else "status"
    source, target = (wanted, current.document) if subresource else (current.document, wanted)
    document = {name: value for name, value in target.items() if name != part}
    if part in source:
        document[part] = source[part]
    if subresource and current.served.typed:
        document["metadata"] = wanted["metadata"]
    return document


def applied_part(served: ServedResource, wanted: Document, subresource: str, name: str) -> Document:
    """Return what of an applied configuration counts: not the status, or the subresource's part alone."""
    metadata = {**wanted["metadata"], "name": name}
    if subresource:
        part = PART_OF_SUBRESOURCE[subresource]
        head = {"kind": wanted["kind"], "apiVersion": wanted["apiVersion"], "metadata": {"name": name}}
        return {**head, part: wanted[part]} if part in wanted else head
    return {**without_server_part(served, wanted), "metadata": metadata}


def without_server_part(served: ServedResource, document: Document) -> Document:
    """Return an object without the status that its kind writes apart."""
    if not served.status_subresource:
        return document
    return {name: value for name, value in document.items() if name != "status"}


def content(document: Document) -> Document:
    """Return what `metadata.generation` counts the changes of."""
    return {name: value for name, value in document.items() if name not in {"metadata", "status"}}
