"""What is done to an object by a POST below it: bind a pod to a node, evict it, ask for a token."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from kubeinformer.testing.api_server.managed_fields import timestamp
from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.object_storage import StoredObject

_SUCCESS: Document = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
_TOKEN_SECONDS = 3600


def succeeded() -> Document:
    """Return the Status of an action that was carried out."""
    return dict(_SUCCESS)


def bound(pod: Document, binding: Mapping[str, Any]) -> Document:
    """Return a pod on the node that a Binding names."""
    node = (binding.get("target") or {}).get("name", "")
    scheduled = {"type": "PodScheduled", "status": "True"}
    conditions = [
        entry
        for entry in pod.get("status", {}).get("conditions") or ()
        if entry.get("type") != "PodScheduled"
    ]
    status = {**pod.get("status", {}), "conditions": [*conditions, scheduled]}
    return {**pod, "spec": {**pod.get("spec", {}), "nodeName": node}, "status": status}


def token_request(account: StoredObject, body: Mapping[str, Any], wall_time: Callable[[], float]) -> Document:
    """Return a TokenRequest with a token; it looks like one, and nobody can check its signature."""
    spec = dict(body.get("spec") or {})
    seconds = spec.setdefault("expirationSeconds", _TOKEN_SECONDS)
    end = timestamp(wall_time() + seconds)
    parts = (account.key.encode(), secrets.token_bytes(24), secrets.token_bytes(24))
    token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    metadata = {name: account.document["metadata"][name] for name in ("name", "namespace")}
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": metadata,
        "spec": spec,
        "status": {"token": token, "expirationTimestamp": end},
    }
