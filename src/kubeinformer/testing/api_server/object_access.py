"""Reading and writing a server's objects from the test itself, without HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kubeinformer.testing.api_server.object_documents import Document, copied
from kubeinformer.testing.api_server.object_selection import parse_selection
from kubeinformer.testing.api_server.object_storage import ObjectStorage, StoredObject
from kubeinformer.testing.api_server.patch_types import patching
from kubeinformer.testing.api_server.refusals import Refusal
from kubeinformer.testing.api_server.registry import Registry
from kubeinformer.testing.api_server.resource_table import ResourceTable
from kubeinformer.testing.api_server.served_resources import ServedResource

_PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}


class ObjectAccess:
    """The verbs as plain calls. Any thread may use them, at any time; watches see what they write.

    They follow the rules of the HTTP verbs and raise the errors that a client would, with these liberties: kind and
    apiVersion may be left out, the namespace is that of the body or `default`, and spec and status are written alike.
    What they return is a copy.
    """

    def __init__(
        self, table: ResourceTable, storage: ObjectStorage, registry: Registry, lock: threading.RLock
    ) -> None:
        self._table = table
        self._storage = storage
        self._registry = registry
        self._lock = lock

    @property
    def resource_version(self) -> int:
        """The resourceVersion of the last write."""
        return self._storage.version

    def create(self, resource: str, body: Mapping[str, Any], namespace: str | None = None) -> Document:
        """Create an object; its namespace must exist.

        Args:
            resource: Such as `pods`, `deployments.apps` or `apps/v1/deployments`.
            body: The object; `metadata.name` or `metadata.generateName` suffices.
            namespace: Where; None for the one in the body, or `default`.

        Raises:
            StatusError: Conflict, NotFound (the namespace), Invalid, BadRequest.
            LookupError: The server has no such resource.
        """
        served = self._table.find(resource)
        document = _whole(served, body)
        place = _namespace(served, namespace, document)
        with self._call("create", served):
            return _copy(self._registry.create(served, place, document, keep_status=True))

    def get(self, resource: str, name: str, namespace: str | None = None) -> Document:
        """Return an object.

        Raises:
            NotFound: It does not exist.
        """
        served = self._table.find(resource)
        with self._call("get", served):
            return _copy(self._registry.get(served, _namespace(served, namespace), name))

    def update(self, resource: str, body: Mapping[str, Any], namespace: str | None = None) -> Document:
        """Replace an object; without a resourceVersion in the body whatever is there.

        Raises:
            StatusError: NotFound, Conflict, Invalid, BadRequest.
        """
        served = self._table.find(resource)
        document = _whole(served, body)
        place, name = _namespace(served, namespace, document), document.get("metadata", {}).get("name", "")
        with self._call("update", served):
            return _copy(self._registry.update(served, place, name, document, write_all=True))

    def patch(
        self,
        resource: str,
        name: str,
        patch: Any,
        namespace: str | None = None,
        *,
        type: str = "merge",  # noqa: A002 - the name it has in the client
    ) -> Document:
        """Change an object.

        Args:
            resource: As for `create`.
            name: The object.
            patch: A mapping (merge, strategic) or a list of operations (json).
            namespace: Where it is; None for `default`.
            type: `merge`, `json` or `strategic`.

        Raises:
            StatusError: NotFound, Conflict, Invalid, BadRequest.
        """
        served = self._table.find(resource)
        with self._call("patch", served):
            apply = patching(_PATCH_TYPES[type], copied(patch))
            place = _namespace(served, namespace)
            return _copy(self._registry.patch(served, place, name, apply, write_all=True))

    def delete(self, resource: str, name: str, namespace: str | None = None) -> Document:
        """Delete an object, or mark it where finalizers hold it, and return its last state.

        Raises:
            NotFound: It does not exist.
        """
        served = self._table.find(resource)
        with self._call("delete", served):
            return _copy(self._registry.delete(served, _namespace(served, namespace), name)[0])

    def list_objects(
        self, resource: str, namespace: str | None = None, *, label_selector: str = ""
    ) -> list[Document]:
        """Return the objects of a namespace, or of all (None), in the server's order."""
        served = self._table.find(resource)
        with self._call("list", served):
            selection = parse_selection(served, namespace, label_selector)
            page = self._storage.snapshot(served).page(selection.prefix, selects=selection)
        return [_copy(stored) for stored in page.items]

    def count(self, resource: str, namespace: str | None = None) -> int:
        """Return the number of objects in a namespace, or in all (None)."""
        served = self._table.find(resource)
        with self._lock:
            return self._storage.count(served, served.prefix(namespace))

    @contextmanager
    def _call(self, verb: str, served: ServedResource) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except Refusal as refusal:
            raise refusal.error(verb, served) from None


def _whole(served: ServedResource, body: Mapping[str, Any]) -> Document:
    return {"kind": served.resource.kind, "apiVersion": served.resource.api_version, **copied(body)}


def _namespace(served: ServedResource, given: str | None, document: Document | None = None) -> str | None:
    if not served.resource.namespaced:
        return None
    metadata = (document or {}).get("metadata") or {}
    return given or metadata.get("namespace") or "default"


def _copy(stored: StoredObject) -> Document:
    document: Document = copied(stored.document)
    return document
