"""Namespaces: what may be created in them, and how they end with all that is in them."""

from __future__ import annotations

from kubeinformer.testing.api_server.kind_rules import Delete
from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.object_storage import ObjectStorage, StoredObject
from kubeinformer.testing.api_server.refusals import forbidden, namespace_terminating, not_found
from kubeinformer.testing.api_server.resource_table import ResourceTable
from kubeinformer.testing.api_server.served_resources import ServedResource

COLLECTION = "namespaces"
INITIAL_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_IMMORTAL = ("default", "kube-public", "kube-system")
_LABEL = "kubernetes.io/metadata.name"
_FINALIZER = "kubernetes"


class NamespaceRules:
    """Does the work of the namespace controller: a deleted namespace ends as soon as it is empty.

    Objects that hold finalizers keep it in `Terminating`, where nothing can be created in it, until they go.
    """

    def __init__(self, storage: ObjectStorage, table: ResourceTable) -> None:
        self._storage = storage
        self._table = table
        self._ending: set[str] = set()

    def check_takes(self, served: ServedResource, namespace: str | None, name: str) -> None:
        """Raise a Refusal unless an object may be created in the namespace (403, 404)."""
        if not served.resource.namespaced:
            return
        namespaces = self._namespaces()
        found = self._storage.get(namespaces, namespace or "")
        if found is None:
            raise not_found(namespaces, namespace or "")
        if "deletionTimestamp" in found.document["metadata"]:
            raise namespace_terminating(served, name, namespace or "")

    def admit(self, served: ServedResource, document: Document) -> Document:
        """Label a namespace with its name (KEP-2161)."""
        metadata = document["metadata"]
        labels = {**(metadata.get("labels") or {}), _LABEL: metadata["name"]}
        return {**document, "metadata": {**metadata, "labels": labels}}

    def prepared(self, document: Document) -> Document:
        """Hold a namespace by a finalizer until it is empty."""
        return {**document, "spec": {"finalizers": [_FINALIZER], **(document.get("spec") or {})}}

    def holds(self, document: Document) -> bool:
        """Return whether the namespace controller has not finished yet."""
        return bool((document.get("spec") or {}).get("finalizers"))

    def written(self, stored: StoredObject) -> None:
        """Do nothing: a namespace is there as soon as it is stored."""

    def check_deletion(self, current: StoredObject) -> None:
        """Refuse to delete the namespaces that every cluster has."""
        if current.key in _IMMORTAL:
            raise forbidden(current.served, current.key, "this namespace may not be deleted")

    def marked(self, current: StoredObject) -> Document:
        """Return the namespace in its last phase."""
        status = {**(current.document.get("status") or {}), "phase": "Terminating"}
        return {**current.document, "status": status}

    def end(self, terminating: StoredObject, delete: Delete) -> None:
        """Delete everything in the namespace, then the namespace."""
        self._ending.add(terminating.key)
        for served in self._contained():
            for stored in self._storage.snapshot(served).page(served.prefix(terminating.key)).items:
                delete(served, terminating.key, stored.document["metadata"]["name"])
        self._ending.discard(terminating.key)
        self._end_if_empty(terminating.key)

    def released(self, stored: StoredObject) -> None:
        """End a terminating namespace with its last object."""
        namespace = stored.document["metadata"].get("namespace")
        if namespace and namespace not in self._ending:
            self._end_if_empty(namespace)

    def _end_if_empty(self, name: str) -> None:
        current = self._storage.get(self._namespaces(), name)
        if current is None or "deletionTimestamp" not in current.document["metadata"]:
            return
        if any(self._storage.count(served, served.prefix(name)) for served in self._contained()):
            return
        spec = {key: value for key, value in current.document.get("spec", {}).items() if key != "finalizers"}
        if current.document["metadata"].get("finalizers"):
            self._storage.put(current.served, name, {**current.document, "spec": spec})
        else:
            self._storage.remove(current.served, name)

    def _contained(self) -> list[ServedResource]:
        """Return one form of each resource that lives in namespaces."""
        forms = {served.collection: served for served in self._table if served.resource.namespaced}
        return [served for served in forms.values() if served.stored]

    def _namespaces(self) -> ServedResource:
        found = self._table.at("", "v1", COLLECTION)
        assert found is not None, "every server has namespaces"
        return found
