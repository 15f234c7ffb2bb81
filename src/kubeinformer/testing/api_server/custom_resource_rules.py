"""CustomResourceDefinitions: an object of this kind makes a resource, and its end takes the resource along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubeinformer.testing.api_server.custom_resources import (
    check_definition,
    completed_spec,
    defined_resources,
)
from kubeinformer.testing.api_server.kind_rules import Delete
from kubeinformer.testing.api_server.managed_fields import timestamp
from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.object_storage import ObjectStorage, StoredObject
from kubeinformer.testing.api_server.refusals import forbidden
from kubeinformer.testing.api_server.resource_table import ResourceTable
from kubeinformer.testing.api_server.served_resources import ServedResource

COLLECTION = "customresourcedefinitions.apiextensions.k8s.io"
_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
_ACCEPTED = ("NamesAccepted", "NoConflicts", "no conflicts found")
_ESTABLISHED = ("Established", "InitialNamesAccepted", "the initial names have been accepted")


class CustomResourceRules:
    """Does the work of the controllers of CustomResourceDefinitions, at once.

    Args:
        storage: Where the definitions and the custom objects are.
        table: Where the defined resources are served.
        wall_time: Returns seconds since 1970.
    """

    def __init__(self, storage: ObjectStorage, table: ResourceTable, wall_time: Callable[[], float]) -> None:
        self._storage = storage
        self._table = table
        self._wall_time = wall_time

    def check_takes(self, served: ServedResource, name: str) -> None:
        """Raise a Refusal (403) where the definition of a custom resource is being deleted."""
        if served.typed or (definition := self._definition_of(served)) is None:
            return
        if "deletionTimestamp" in definition.document["metadata"]:
            raise forbidden(
                served, name, "create not allowed while custom resource definition is terminating"
            )

    def admit(self, served: ServedResource, document: Document) -> Document:
        """Check a definition, and fill in the names that follow from others."""
        check_definition(served, document)
        return {**document, "spec": completed_spec(document["spec"])}

    def prepared(self, document: Document) -> Document:
        """Add nothing."""
        return document

    def holds(self, document: Document) -> bool:
        """Return False: a definition is held by a finalizer in its metadata."""
        return False

    def written(self, stored: StoredObject) -> None:
        """Serve what is defined, and say so in the conditions."""
        metadata = stored.document["metadata"]
        if "deletionTimestamp" in metadata:
            return
        self._table.define(stored.key, defined_resources(stored.document))
        status = self._status(stored.document)
        if status != stored.document.get("status"):
            self._storage.put(stored.served, stored.key, {**stored.document, "status": status})

    def define_all(self) -> None:
        """Serve what the definitions in the storage define, and nothing else."""
        self._table.define_nothing()
        definitions = self._definitions()
        for stored in self._storage.snapshot(definitions).page().items:
            self._table.define(stored.key, defined_resources(stored.document))

    def check_deletion(self, current: StoredObject) -> None:
        """Let every definition be deleted."""

    def marked(self, current: StoredObject) -> Document:
        """Return the definition held by a finalizer until its objects are gone."""
        metadata = current.document["metadata"]
        held = metadata.get("finalizers") or []
        finalizers = held if _FINALIZER in held else [*held, _FINALIZER]
        return {**current.document, "metadata": {**metadata, "finalizers": finalizers}}

    def end(self, terminating: StoredObject, delete: Delete) -> None:
        """Delete all objects of the resource, then the definition."""
        forms = self._table.versions_of(terminating.key)
        for stored in self._storage.snapshot(forms[0]).page().items if forms else ():
            metadata = stored.document["metadata"]
            delete(forms[0], metadata.get("namespace"), metadata["name"])
        self._end_if_empty(terminating)

    def released(self, stored: StoredObject) -> None:
        """End a terminating definition with the last object of its resource."""
        if not stored.served.typed and (definition := self._definition_of(stored.served)) is not None:
            self._end_if_empty(definition)

    def _end_if_empty(self, definition: StoredObject) -> None:
        current = self._storage.get(definition.served, definition.key)
        if current is None or "deletionTimestamp" not in current.document["metadata"]:
            return
        if any(self._storage.count(served) for served in self._table.versions_of(current.key)[:1]):
            return
        metadata = current.document["metadata"]
        others = [name for name in metadata.get("finalizers") or [] if name != _FINALIZER]
        if not others:
            self._storage.remove(current.served, current.key)
            self._table.define(current.key, ())
        elif others != metadata["finalizers"]:
            document = {**current.document, "metadata": {**metadata, "finalizers": others}}
            self._storage.put(current.served, current.key, document)

    def _definition_of(self, served: ServedResource) -> StoredObject | None:
        return self._storage.get(self._definitions(), served.collection)

    def _definitions(self) -> ServedResource:
        found = self._table.at("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        assert found is not None, "every server has definitions"
        return found

    def _status(self, document: Document) -> Document:
        status = document.get("status") or {}
        storage = next(version["name"] for version in document["spec"]["versions"] if version["storage"])
        stored_versions = list(dict.fromkeys([*(status.get("storedVersions") or []), storage]))
        return {
            "conditions": status.get("conditions")
            or [self._condition(_ACCEPTED), self._condition(_ESTABLISHED)],
            "acceptedNames": document["spec"]["names"],
            "storedVersions": stored_versions,
        }

    def _condition(self, facts: tuple[str, str, str]) -> dict[str, Any]:
        kind, reason, message = facts
        moment = timestamp(self._wall_time())
        return {
            "type": kind,
            "status": "True",
            "lastTransitionTime": moment,
            "reason": reason,
            "message": message,
        }
