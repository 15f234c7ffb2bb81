"""The forms in which objects are answered: whole, or their metadata alone (KEP-2334), each in the version asked for."""

from __future__ import annotations

from typing import Any, Protocol

from kubeinformer.testing.api_server.conversions import in_version
from kubeinformer.testing.api_server.object_documents import (
    canonical,
    encode,
    encode_event,
    encode_item,
    encode_list,
    encode_whole,
)
from kubeinformer.testing.api_server.object_storage import StoredObject
from kubeinformer.testing.api_server.served_resources import ServedResource

_INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}


class Representation(Protocol):
    """One form.

    Attributes:
        key: Equal for equal forms, so that encoded bytes can be shared; "" where they cannot.
    """

    key: str

    def whole(self, stored: StoredObject) -> bytes:
        """Return the JSON of an object on its own."""

    def listed(
        self, found: list[StoredObject], version: int, continue_token: str = "", remaining: int | None = None
    ) -> bytes:
        """Return the JSON of a list."""

    def event(self, event_type: str, stored: StoredObject) -> bytes:
        """Return a line of a watch."""

    def bookmark(self, version: int, *, ends_initial_events: bool = False) -> bytes:
        """Return a bookmark line; with the annotation of KEP-3157 it ends the initial events of a streaming list."""


class WholeObjects:
    """Objects with all their fields, in one version."""

    def __init__(self, served: ServedResource) -> None:
        self._served = served
        self.key = served.resource.api_version

    def whole(self, stored: StoredObject) -> bytes:
        """Return the JSON of an object on its own."""
        return encode_whole(self._served, self._item(stored))

    def listed(
        self, found: list[StoredObject], version: int, continue_token: str = "", remaining: int | None = None
    ) -> bytes:
        """Return the JSON of a list."""
        items = [self._item(stored) for stored in found]
        return encode_list(self._served, items, version, continue_token, remaining)

    def event(self, event_type: str, stored: StoredObject) -> bytes:
        """Return a line of a watch."""
        return encode_event(event_type, self.whole(stored))

    def bookmark(self, version: int, *, ends_initial_events: bool = False) -> bytes:
        """Return a bookmark line."""
        document = canonical(self._served, {"metadata": bookmark_metadata(version, ends_initial_events)})
        return encode_event("BOOKMARK", encode_whole(self._served, encode_item(self._served, document)))

    def _item(self, stored: StoredObject) -> bytes:
        if stored.served.resource.api_version == self.key:
            return stored.item
        return encode_item(self._served, in_version(stored.document, self._served))


class MetadataOnly:
    """Objects as PartialObjectMetadata."""

    key = "PartialObjectMetadata"

    def whole(self, stored: StoredObject) -> bytes:
        """Return the JSON of an object on its own."""
        return encode(self._partial(stored.document["metadata"]))

    def listed(
        self, found: list[StoredObject], version: int, continue_token: str = "", remaining: int | None = None
    ) -> bytes:
        """Return the JSON of a list."""
        metadata = list_metadata(version, continue_token, remaining)
        head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        items = b"[%b]" % b",".join(self.whole(stored) for stored in found)
        return b'%b,"items":%b}' % (encode(head)[:-1], items if found else b"null")  # as Go has it here alone

    def event(self, event_type: str, stored: StoredObject) -> bytes:
        """Return a line of a watch."""
        return encode_event(event_type, self.whole(stored))

    def bookmark(self, version: int, *, ends_initial_events: bool = False) -> bytes:
        """Return a bookmark line."""
        partial = self._partial(bookmark_metadata(version, ends_initial_events))
        return encode_event("BOOKMARK", encode(partial))

    def _partial(self, metadata: dict[str, Any]) -> dict[str, Any]:
        return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}


def list_metadata(version: int, continue_token: str, remaining: int | None) -> dict[str, Any]:
    """Return the metadata of a list of built-in objects, of metadata, or of a table."""
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if continue_token:
        metadata["continue"] = continue_token
    if remaining is not None:
        metadata["remainingItemCount"] = remaining
    return metadata


def bookmark_metadata(version: int, ends_initial_events: bool) -> dict[str, Any]:
    """Return the metadata of a bookmark's object."""
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if ends_initial_events:
        metadata["annotations"] = _INITIAL_EVENTS_END
    return metadata
