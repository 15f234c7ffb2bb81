"""The rules of create, update, patch and delete, over the storage. Pure but for time, chance and uids."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from kubeinformer.testing.api_server.object_documents import Document, canonical, encode_item
from kubeinformer.testing.api_server.object_storage import ObjectStorage, StoredObject
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
    conflict,
    internal_error,
    invalid,
    namespace_terminating,
    not_found,
)
from kubeinformer.testing.api_server.served_resources import NAMESPACES, ResourceTable, ServedResource

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_OWN_BY_SERVER = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_INITIAL_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class Registry:
    """Writes as the REST layer of an API server does them.

    Simpler than a real server: no defaults are filled in, no managedFields kept, pods end without a grace period,
    and a namespace is deleted with all its contents at once, whatever finalizers they have.
    Every method raises a Refusal where a real server says no. Call with the server's lock held.
    """

    def __init__(
        self, storage: ObjectStorage, table: ResourceTable, wall_time: Callable[[], float] = time.time
    ) -> None:
        self._storage = storage
        self._table = table
        self._wall_time = wall_time
        self._namespaces = table.at("", "v1", "namespaces") or NAMESPACES
        for name in _INITIAL_NAMESPACES:
            self.create(self._namespaces, None, {"metadata": {"name": name}})

    def get(self, served: ServedResource, namespace: str | None, name: str) -> StoredObject:
        """Return an object (404)."""
        found = self._storage.get(served, served.key(namespace, name))
        if found is None:
            raise not_found(served, name)
        return found

    def create(
        self, served: ServedResource, namespace: str | None, body: Any, *, keep_status: bool = False
    ) -> StoredObject:
        """Store a new object (400, 403, 404, 409, 422).

        Args:
            served: Its resource.
            namespace: Where; None for a resource without namespaces.
            body: The object, which this keeps.
            keep_status: Whether its status is stored as given, which over HTTP depends on the kind.
        """
        document = checked_object(served, body)
        check_namespace(document, namespace)
        metadata = document["metadata"]
        if metadata.get("resourceVersion"):
            raise internal_error("resourceVersion should not be set on objects to be created")
        name = metadata.get("name") or self._generated_name(metadata.get("generateName"))
        check_name(served, name)
        self._check_namespace_takes(served, namespace, name)
        if self._storage.get(served, served.key(namespace, name)) is not None:
            raise already_exists(served, name)
        if not keep_status:
            document = _with_initial_status(served, document)
        document = self._with_system_fields(served, document, namespace, name)
        return self._storage.put(served, served.key(namespace, name), canonical(served, document))

    def update(
        self,
        served: ServedResource,
        namespace: str | None,
        name: str,
        body: Any,
        *,
        subresource: str = "",
        write_all: bool = False,
    ) -> StoredObject:
        """Replace an object (400, 404, 409, 422); equal content is no write.

        Args:
            served: Its resource.
            namespace: Where it is; None for a resource without namespaces.
            name: Its name.
            body: The whole object, which this keeps.
            subresource: `status` to write the status alone.
            write_all: Whether spec and status are written alike, as no real server does where they are apart.
        """
        document = checked_object(served, body)
        check_same_name(document, name)
        check_namespace(document, namespace)
        current = self.get(served, namespace, name)
        metadata = document["metadata"]
        _check_version(current, metadata.get("resourceVersion"), required=not (served.typed or write_all))
        if metadata.get("uid") not in {None, "", current.document["metadata"]["uid"]}:
            raise conflict(served, name, _uid_fault(current, metadata["uid"]))
        return self._replace(current, document, subresource, write_all=write_all)

    def patch(
        self,
        served: ServedResource,
        namespace: str | None,
        name: str,
        apply: Callable[[Document], Any],
        *,
        subresource: str = "",
        write_all: bool = False,
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
        return self._replace(current, document, subresource, write_all=write_all)

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
        if served is self._namespaces:
            current = self._end_namespace(current)
        metadata = current.document["metadata"]
        if not metadata.get("finalizers"):
            return self._storage.remove(served, current.key), True
        return self._marked_for_deletion(current), False

    def _end_namespace(self, current: StoredObject) -> StoredObject:
        name = current.document["metadata"]["name"]
        terminating = self._marked_for_deletion(current, {"status": {"phase": "Terminating"}})
        for served in self._table:
            if served.resource.namespaced:
                for stored in self._storage.snapshot(served).page(served.prefix(name)).items:
                    self._storage.remove(served, stored.key)
        return terminating

    def _marked_for_deletion(
        self, current: StoredObject, changed: Mapping[str, Any] | None = None
    ) -> StoredObject:
        metadata = current.document["metadata"]
        if "deletionTimestamp" in metadata:
            return current
        marks = {"deletionTimestamp": self._timestamp(), "deletionGracePeriodSeconds": 0}
        if "generation" in metadata:
            marks["generation"] = metadata["generation"] + 1
        document = {**current.document, **(changed or {}), "metadata": {**metadata, **marks}}
        return self._storage.put(current.served, current.key, document)

    def _replace(
        self, current: StoredObject, wanted: Document, subresource: str, *, write_all: bool
    ) -> StoredObject:
        served = current.served
        if not write_all:
            wanted = _respecting_status(current, wanted, subresource)
        check_finalizers(served, current.document, wanted)
        wanted = canonical(served, _with_identity(current, wanted))
        if wanted == current.document:
            return current
        metadata = wanted["metadata"]
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            self._storage.remove(served, current.key)
            return StoredObject(served, current.key, current.version, wanted, encode_item(served, wanted))
        if served.has_generation and _content(wanted) != _content(current.document):
            metadata["generation"] = current.document["metadata"].get("generation", 0) + 1
        return self._storage.put(served, current.key, wanted)

    def _check_namespace_takes(self, served: ServedResource, namespace: str | None, name: str) -> None:
        if not served.resource.namespaced:
            return
        found = self.get(self._namespaces, None, namespace or "")
        if "deletionTimestamp" in found.document["metadata"]:
            raise namespace_terminating(served, name, namespace or "")

    def _with_system_fields(
        self, served: ServedResource, document: Document, namespace: str | None, name: str
    ) -> Document:
        metadata = {key: value for key, value in document["metadata"].items() if key not in _OWN_BY_SERVER}
        metadata |= {"name": name, "uid": str(uuid.uuid4()), "creationTimestamp": self._timestamp()}
        if served.resource.namespaced:
            metadata["namespace"] = namespace
        if served.has_generation:
            metadata["generation"] = 1
        if served is not self._namespaces:
            return {**document, "metadata": metadata}
        metadata["labels"] = {**metadata.get("labels", {}), "kubernetes.io/metadata.name": name}
        return {"spec": {"finalizers": ["kubernetes"]}, **document, "metadata": metadata}

    def _generated_name(self, prefix: str | None) -> str:
        if not prefix:
            return ""
        return prefix + "".join(random.choices(_SUFFIX_ALPHABET, k=5))  # noqa: S311 - a name, no secret

    def _timestamp(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._wall_time()))


def _with_initial_status(served: ServedResource, document: Document) -> Document:
    if not served.status_subresource or served.initial_status is None:
        return document
    rest = {name: value for name, value in document.items() if name != "status"}
    return {**rest, "status": dict(served.initial_status)} if served.initial_status else rest


def _respecting_status(current: StoredObject, wanted: Document, subresource: str) -> Document:
    """Return what a write may change: all but the status, or with the subresource the status.

    Built-in kinds let a status write change labels and annotations too, custom resources do not.
    """
    if not current.served.status_subresource:
        return wanted
    source, target = (wanted, current.document) if subresource else (current.document, wanted)
    document = {name: value for name, value in target.items() if name != "status"}
    if "status" in source:
        document["status"] = source["status"]
    if subresource and current.served.typed:
        document["metadata"] = wanted["metadata"]
    return document


def _with_identity(current: StoredObject, wanted: Document) -> Document:
    known = current.document["metadata"]
    kept = {name: known[name] for name in (*_OWN_BY_SERVER, "name", "namespace") if name in known}
    changed = {name: value for name, value in wanted["metadata"].items() if name not in _OWN_BY_SERVER}
    return {**wanted, "metadata": {**changed, **kept, "resourceVersion": str(current.version)}}


def _content(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in {"metadata", "status"}}


def _check_version(current: StoredObject, given: str | None, *, required: bool) -> None:
    name = current.document["metadata"]["name"]
    if given and given not in {"0", str(current.version)}:
        raise conflict(current.served, name)
    if required and given in {None, "", "0"}:
        message = "Invalid value: 0: must be specified for an update"
        raise invalid(current.served, name, [Cause("FieldValueInvalid", message, "metadata.resourceVersion")])


def _check_preconditions(current: StoredObject, preconditions: Mapping[str, str]) -> None:
    metadata = current.document["metadata"]
    uid, version = preconditions.get("uid"), preconditions.get("resourceVersion")
    if uid is not None and uid != metadata["uid"]:
        raise conflict(current.served, metadata["name"], _uid_fault(current, uid))
    if version is not None and version != str(current.version):
        fault = (
            f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
            f"({current.version}). The object might have been modified"
        )
        raise conflict(current.served, metadata["name"], fault)


def _uid_fault(current: StoredObject, given: str) -> str:
    return (
        f"the UID in the precondition ({given}) does not match the UID in record "
        f"({current.document['metadata']['uid']}). The object might have been deleted and then recreated"
    )
