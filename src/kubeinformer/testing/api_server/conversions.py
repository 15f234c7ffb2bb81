"""The same object in another version of its API.

Versions of one resource differ in their names alone here, as those of a CRD without a conversion webhook do. Events
are the exception: `v1` and `events.k8s.io/v1` have other names for the same fields (KEP-383).
"""

from __future__ import annotations

from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.served_resources import ServedResource

EVENTS = "events"
_EVENT_FIELDS = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_CORE_EVENT_FIELDS = {new: core for core, new in _EVENT_FIELDS.items()}


def in_version(document: Document, served: ServedResource) -> Document:
    """Return a canonical document as the given version of its resource shows it."""
    api_version = served.resource.api_version
    if document["apiVersion"] == api_version:
        return document
    converted = {**document, "kind": served.resource.kind, "apiVersion": api_version}
    if served.collection != EVENTS:
        return converted
    names = _EVENT_FIELDS if served.resource.group else _CORE_EVENT_FIELDS
    return {names.get(name, name): value for name, value in converted.items()}
