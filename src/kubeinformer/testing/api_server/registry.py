"""The rules of create, update, patch and delete, over the storage. Pure but for time, chance and uids."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from kubeinformer.testing.api_server.custom_resource_rules import COLLECTION as CUSTOM_RESOURCE_DEFINITIONS
from kubeinformer.testing.api_server.custom_resource_rules import CustomResourceRules
from kubeinformer.testing.api_server.kind_rules import KindRules
from kubeinformer.testing.api_server.managed_fields import Manager, timestamp, with_update
from kubeinformer.testing.api_server.metadata_validation import check_metadata
from kubeinformer.testing.api_server.namespace_rules import COLLECTION as NAMESPACES
from kubeinformer.testing.api_server.namespace_rules import INITIAL_NAMESPACES, NamespaceRules
from kubeinformer.testing.api_server.object_documents import Document, canonical, encode_item
from kubeinformer.testing.api_server.object_storage import ObjectStorage, SavedState, StoredObject
from kubeinformer.testing.api_server.object_validation import (
    check_finalizers,
    check_name,
    check_namespace,
    check_same_name,
    checked_object,
)
from kubeinformer.testing.api_server.refusals import (
    Cause,
    already_exists,
    bad_request,
    conflict,
    failed_precondition,
    internal_error,
    invalid,
    not_found,
    unversioned_update,
)
from kubeinformer.testing.api_server.resource_table import ResourceTable
from kubeinformer.testing.api_server.served_resources import ServedResource
from kubeinformer.testing.api_server.server_side_apply import applied
from kubeinformer.testing.api_server.written_parts import (
    applied_part,
    content,
    with_initial_status,
    without_server_part,
    written_part,
)

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_OWN_BY_SERVER = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


class Registry:
    """Writes as the REST layer of an API server does them.

    Simpler than a real server: no defaults are filled in, and pods end without a grace period.
    Every method raises a Refusal where a real server says no. Call with the server's lock held.
    """

    def __init__(
        self, storage: ObjectStorage, table: ResourceTable, wall_time: Callable[[], float] = time.time
    ) -> None:
        self._storage = storage
        self._table = table
        self._wall_time = wall_time
        self._namespaces = NamespaceRules(storage, table)
        self._custom_resources = CustomResourceRules(storage, table, wall_time)
        self._rules: Mapping[str, KindRules] = {
            NAMESPACES: self._namespaces,
            CUSTOM_RESOURCE_DEFINITIONS: self._custom_resources,
        }
        self._make_initial_namespaces()

    def begin_anew(self) -> None:
        """Forget everything, as a new cluster does; versions begin at 1."""
        self.restore(SavedState(1, {}))
        self._make_initial_namespaces()

    def restore(self, saved: SavedState) -> None:
        """Be as a copy of the storage is, the resources that its CRDs define included."""
        self._storage.load(saved)
        self._custom_resources.define_all()

    def _make_initial_namespaces(self) -> None:
        for name in INITIAL_NAMESPACES:
            self.create(self._table.find(NAMESPACES), None, {"metadata": {"name": name}})

    def get(self, served: ServedResource, namespace: str | None, name: str) -> StoredObject:
        """Return an object (404)."""
        found = self._storage.get(served, served.key(namespace, name))
        if found is None:
            raise not_found(served, name)
        return found.as_served(served)

    def create(
        self,
        served: ServedResource,
        namespace: str | None,
        body: Any,
        *,
        keep_status: bool = False,
        manager: Manager | None = None,
    ) -> StoredObject:
        """Store a new object (400, 403, 404, 409, 422).

        Args:
            served: Its resource.
            namespace: Where; None for a resource without namespaces.
            body: The object, which this keeps.
            keep_status: Whether its status is stored as given, which over HTTP depends on the kind.
            manager: Who owns its fields; None where nobody asks.
        """
        document = checked_object(served, body)
        check_namespace(document, namespace)
        metadata = document["metadata"]
        if metadata.get("resourceVersion"):
            raise internal_error("resourceVersion should not be set on objects to be created")
        name = metadata.get("name") or self._generated_name(metadata.get("generateName"))
        check_name(served, name)
        check_metadata(served, document)
        self._namespaces.check_takes(served, namespace, name)
        self._custom_resources.check_takes(served, name)
        if self._storage.get(served, served.key(namespace, name)) is not None:
            raise already_exists(served, name)
        document = {**document, "metadata": {**document["metadata"], "name": name}}
        rules = self._rules.get(served.collection)
        document = self._managed(served, rules.admit(served, document) if rules else document, manager)
        if not keep_status:
            document = with_initial_status(served, document)
        document = rules.prepared(document) if rules else document
        document = canonical(served, self._with_system_fields(served, document, namespace))
        return self._put(served, served.key(namespace, name), document)

    def update(
        self,
        served: ServedResource,
        namespace: str | None,
        name: str,
        body: Any,
        *,
        subresource: str = "",
        write_all: bool = False,
        manager: Manager | None = None,
    ) -> StoredObject:
        """Replace an object (400, 404, 409, 422); equal content is no write.

        Args:
            served: Its resource.
            namespace: Where it is; None for a resource without namespaces.
            name: Its name.
            body: The whole object, which this keeps.
            subresource: `status` to write the status alone.
            write_all: Whether spec and status are written alike, as no real server does where they are apart.
            manager: Who owns what changes; None where nobody asks.
        """
        document = checked_object(served, body)
        check_same_name(document, name)
        check_namespace(document, namespace)
        if served.creates_on_update and self._storage.get(served, served.key(namespace, name)) is None:
            return self.create(served, namespace, document, manager=manager)
        current = self.get(served, namespace, name)
        metadata = document["metadata"]
        _check_version(
            current, metadata.get("resourceVersion"), required=served.needs_version and not write_all
        )
        if metadata.get("uid") not in {None, "", current.document["metadata"]["uid"]}:
            raise conflict(served, name, _uid_fault(current, metadata["uid"]))
        return self._replace(current, document, subresource, write_all=write_all, manager=manager)

    def patch(
        self,
        served: ServedResource,
        namespace: str | None,
        name: str,
        apply: Callable[[Document], Any],
        *,
        subresource: str = "",
        write_all: bool = False,
        manager: Manager | None = None,
    ) -> StoredObject:
        """Change an object by what `apply` makes of its document (400, 404, 409, 422); see `update`."""
        current = self.get(served, namespace, name)
        document = checked_object(served, apply(current.document))
        check_same_name(document, name)
        check_namespace(document, namespace)
        metadata = document["metadata"]
        _check_version(current, metadata.get("resourceVersion"), required=False)
        if metadata.get("uid") not in {None, "", current.document["metadata"]["uid"]}:
            message = f'Invalid value: "{metadata["uid"]}": field is immutable'
            raise invalid(served, name, [Cause("FieldValueInvalid", message, "metadata.uid")])
        return self._replace(current, document, subresource, write_all=write_all, manager=manager)

    def apply(
        self,
        served: ServedResource,
        namespace: str | None,
        name: str,
        body: Any,
        manager: Manager,
        *,
        force: bool = False,
    ) -> tuple[StoredObject, bool]:
        """Apply a configuration (400, 404, 409, 422): KEP-555.

        Returns:
            The object, and whether it is new.
        """
        wanted = checked_object(served, body)
        if wanted["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        check_same_name({**wanted, "metadata": {"name": name, **wanted["metadata"]}}, name)
        check_namespace(wanted, namespace)
        wanted = applied_part(served, wanted, manager.subresource, name)
        now = self._wall_time()
        if self._storage.get(served, served.key(namespace, name)) is None and not manager.subresource:
            nothing: Document = {"metadata": {}}
            document = applied(served, nothing, wanted, manager, force=force, wall_time=now)
            return self.create(served, namespace, document), True
        current = self.get(served, namespace, name)
        _check_version(current, wanted["metadata"].get("resourceVersion"), required=False)
        document = applied(served, current.document, wanted, manager, force=force, wall_time=now)
        return self._replace(current, document, manager.subresource), False

    def delete(
        self,
        served: ServedResource,
        namespace: str | None,
        name: str,
        preconditions: Mapping[str, str] | None = None,
    ) -> tuple[StoredObject, bool]:
        """Delete an object (404, 409), or mark it where finalizers hold it.

        Returns:
            Its last state, and whether it is gone.
        """
        current = self.get(served, namespace, name)
        _check_preconditions(current, preconditions or {})
        if rules := self._rules.get(served.collection):
            return self._end(current, rules)
        if not current.document["metadata"].get("finalizers"):
            return self._remove(current), True
        return self._marked_for_deletion(current), False

    def _end(self, current: StoredObject, rules: KindRules) -> tuple[StoredObject, bool]:
        """Delete an object that has something to do before it goes."""
        rules.check_deletion(current)
        if "deletionTimestamp" not in current.document["metadata"]:
            document = rules.marked(current)
            metadata = {**document["metadata"], "deletionTimestamp": self._timestamp()}
            current = self._storage.put(current.served, current.key, {**document, "metadata": metadata})
        if self._storage.is_recording:
            rules.end(current, self.delete)
        return current, self._storage.get(current.served, current.key) is None

    def _marked_for_deletion(self, current: StoredObject) -> StoredObject:
        metadata = current.document["metadata"]
        if "deletionTimestamp" in metadata:
            return current
        marks = {"deletionTimestamp": self._timestamp(), "deletionGracePeriodSeconds": 0}
        if "generation" in metadata:
            marks["generation"] = metadata["generation"] + 1
        document = {**current.document, "metadata": {**metadata, **marks}}
        return self._storage.put(current.served, current.key, document)

    def _put(self, served: ServedResource, key: str, document: Document) -> StoredObject:
        stored = self._storage.put(served, key, document)
        if self._storage.is_recording and (rules := self._rules.get(served.collection)):
            rules.written(stored)
        return stored

    def _remove(self, current: StoredObject) -> StoredObject:
        removed = self._storage.remove(current.served, current.key)
        if self._storage.is_recording:
            for rules in self._rules.values():
                rules.released(removed)
        return removed

    def _replace(
        self,
        current: StoredObject,
        wanted: Document,
        subresource: str,
        *,
        write_all: bool = False,
        manager: Manager | None = None,
    ) -> StoredObject:
        served = current.served
        if not write_all:
            wanted = written_part(current, wanted, subresource)
        check_metadata(served, wanted)
        check_finalizers(served, current.document, wanted)
        wanted = _with_identity(current, wanted)
        rules = self._rules.get(served.collection)
        wanted = rules.admit(served, wanted) if rules else wanted
        wanted = canonical(served, self._managed(served, wanted, manager, current.document))
        if wanted == current.document:
            return current
        metadata = wanted["metadata"]
        held = metadata.get("finalizers") or (rules is not None and rules.holds(wanted))
        if metadata.get("deletionTimestamp") and not held:
            self._remove(current)
            return StoredObject(served, current.key, current.version, wanted, encode_item(served, wanted))
        if served.has_generation and content(wanted) != content(current.document):
            metadata["generation"] = current.document["metadata"].get("generation", 0) + 1
        return self._put(served, current.key, wanted)

    def _managed(
        self,
        served: ServedResource,
        document: Document,
        manager: Manager | None,
        before: Document | None = None,
    ) -> Document:
        """Return a document that says who owns its fields, where somebody asks."""
        if manager is None:
            return document
        document = canonical(served, document)
        seen = without_server_part(served, document) if before is None else document
        managed = with_update(
            before or {"metadata": {}}, seen, manager, typed=served.typed, wall_time=self._wall_time()
        )
        return {**document, "metadata": {**document["metadata"], "managedFields": managed}}

    def _with_system_fields(
        self, served: ServedResource, document: Document, namespace: str | None
    ) -> Document:
        metadata = {key: value for key, value in document["metadata"].items() if key not in _OWN_BY_SERVER}
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": self._timestamp()}
        if served.resource.namespaced:
            metadata["namespace"] = namespace
        if served.has_generation:
            metadata["generation"] = 1
        elif given := document["metadata"].get("generation"):
            metadata["generation"] = given
        return {**document, "metadata": metadata}

    def _generated_name(self, prefix: str | None) -> str:
        if not prefix:
            return ""
        return prefix + "".join(random.choices(_SUFFIX_ALPHABET, k=5))  # noqa: S311 - a name, no secret

    def _timestamp(self) -> str:
        return timestamp(self._wall_time())


def _with_identity(current: StoredObject, wanted: Document) -> Document:
    known = current.document["metadata"]
    kept = {name: known[name] for name in (*_OWN_BY_SERVER, "name", "namespace") if name in known}
    changed = {name: value for name, value in wanted["metadata"].items() if name not in _OWN_BY_SERVER}
    return {**wanted, "metadata": {**changed, **kept, "resourceVersion": str(current.version)}}


def _check_version(current: StoredObject, given: str | None, *, required: bool) -> None:
    name = current.document["metadata"]["name"]
    if given and given not in {"0", str(current.version)}:
        raise conflict(current.served, name)
    if required and given in {None, "", "0"}:
        raise unversioned_update(current.served, name)


def _check_preconditions(current: StoredObject, preconditions: Mapping[str, str]) -> None:
    metadata = current.document["metadata"]
    uid, version = preconditions.get("uid"), preconditions.get("resourceVersion")
    if uid is not None and uid != metadata["uid"]:
        raise failed_precondition(current.served, metadata["name"], _uid_fault(current, uid))
    if version is not None and version != str(current.version):
        fault = (
            f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
            f"({current.version}). The object might have been modified"
        )
        raise failed_precondition(current.served, metadata["name"], fault)


def _uid_fault(current: StoredObject, given: str) -> str:
    return (
        f"the UID in the precondition ({given}) does not match the UID in record "
        f"({current.document['metadata']['uid']}). The object might have been deleted and then recreated"
    )
