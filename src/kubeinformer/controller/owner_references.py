"""Owners: what is deleted with what, and which object a controller manages for which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from kubeinformer.errors import UsageError
from kubeinformer.objects import KubernetesObject

Body = TypeVar("Body", bound=dict[str, Any])


def owner_reference(
    owner: KubernetesObject, *, controller: bool = True, block_owner_deletion: bool | None = None
) -> dict[str, Any]:
    """Return an entry for `metadata.ownerReferences` that names an owner.

    Args:
        owner: The owner, as the server has it.
        controller: Whether it is the one that manages the object; there is at most one.
        block_owner_deletion: Whether a foreground deletion of the owner waits for the object; as `controller` by
            default. Where the server enforces OwnerReferencesPermissionEnforcement it needs the right to update the
            owner's finalizers.
    """
    return {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": controller,
        "blockOwnerDeletion": controller if block_owner_deletion is None else block_owner_deletion,
    }


def set_controller_reference(
    owner: KubernetesObject, body: Body, *, block_owner_deletion: bool = True
) -> Body:
    """Make `owner` the managing owner of an object that is to be written, and return the object.

    The server deletes it after its owner, and `owner_of` maps it back. What other owners it has stay.

    Args:
        owner: The owner, as the server has it.
        body: The object, a dict; it is changed.
        block_owner_deletion: As for `owner_reference`.

    Raises:
        UsageError: Another owner manages the object, or the owner is in another namespace (owners cannot cross
            namespaces: the garbage collector would take the owner for gone, and delete the object).
    """
    metadata = body.setdefault("metadata", {})
    _check_namespace(owner, metadata)
    references = [dict(each) for each in metadata.get("ownerReferences") or ()]
    for each in references:
        if each.get("controller") and each.get("uid") != owner.uid:
            raise UsageError(
                f"{metadata.get('name')} is managed by {each.get('kind')} {each.get('name')} already"
            )
    others = [each for each in references if each.get("uid") != owner.uid]
    metadata["ownerReferences"] = [
        *others,
        owner_reference(owner, block_owner_deletion=block_owner_deletion),
    ]
    return body


def _check_namespace(owner: KubernetesObject, metadata: Mapping[str, Any]) -> None:
    if not owner.namespace:
        return
    namespace = metadata.get("namespace")
    if namespace is None and isinstance(metadata, dict):
        metadata["namespace"] = owner.namespace
    elif namespace != owner.namespace:
        raise UsageError(
            f"{owner.kind} {owner.key} cannot own {namespace}/{metadata.get('name')}: it is in another namespace"
        )
