"""The `scale` subresource: the number of replicas of anything that has replicas, under one kind (autoscaling/v1)."""

from __future__ import annotations

from typing import Any

from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.object_storage import StoredObject
from kubeinformer.testing.api_server.refusals import Cause, invalid
from kubeinformer.testing.api_server.served_resources import ServedResource

_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(stored: StoredObject) -> Document:
    """Return the Scale of an object."""
    paths, document = stored.served.scale_paths, stored.document
    status: Document = {"replicas": _at(document, paths.status_replicas) or 0}
    selector = _at(document, paths.label_selector)
    if isinstance(selector, str) and selector:
        status["selector"] = selector
    elif isinstance(selector, dict):
        labels = selector.get("matchLabels", {})
        status["selector"] = ",".join(f"{name}={labels[name]}" for name in sorted(labels))
    replicas = _at(document, paths.spec_replicas)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: document["metadata"][name] for name in _METADATA if name in document["metadata"]},
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def scaled(served: ServedResource, document: Document, scale: Any) -> Document:
    """Return the object with the replicas that a Scale asks for, and its resourceVersion where it has one.

    Raises:
        Refusal: The Scale has no number of replicas, or a negative one (422).
    """
    spec = scale.get("spec") if isinstance(scale, dict) else None
    replicas = (spec or {}).get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid(
            served, document["metadata"]["name"], [Cause("FieldValueInvalid", message, "spec.replicas")]
        )
    given = scale.get("metadata") or {}
    version = {"resourceVersion": given["resourceVersion"]} if given.get("resourceVersion") else {}
    unversioned = {name: value for name, value in document["metadata"].items() if name != "resourceVersion"}
    changed = _with(document, served.scale_paths.spec_replicas, replicas)
    return {**changed, "metadata": {**unversioned, **version}}


def _at(document: Any, path: tuple[str, ...]) -> Any:
    if not path:
        return None
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _with(document: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    return {**(document or {}), path[0]: _with((document or {}).get(path[0]), path[1:], value)}
