"""From an object that changed to the keys that are to be reconciled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kubeinformer.objects import KubernetesObject

Keys = str | KubernetesObject | Iterable[Any] | None
Mapper = Callable[[Any], Keys]


def own_key(changed: KubernetesObject) -> str:
    """Return the object's own key."""
    return changed.key


def owner_of(api_version: str, kind: str, *, controller_only: bool = True, namespaced: bool = True) -> Mapper:
    """Return a mapper to the owners of an object, as its `metadata.ownerReferences` name them.

    Args:
        api_version: `batch/v1`, `v1`; only the group counts, so that an owner is found across versions.
        kind: `Job`.
        controller_only: Whether only the managing owner counts (`controller: true`), or any.
        namespaced: Whether owners are in the namespace of the object; else they are in none.
    """
    group = _group(api_version)

    def owners(changed: KubernetesObject) -> list[str]:
        prefix = f"{changed.namespace}/" if namespaced and changed.namespace else ""
        return [
            f"{prefix}{reference.name}"
            for reference in changed.owner_references
            if reference.kind == kind
            and _group(reference.api_version) == group
            and (reference.controller or not controller_only)
        ]

    owners.__name__ = f"owner_of({api_version}, {kind})"
    return owners


def keys_of(found: Keys) -> list[str]:
    """Return what a mapper gave as a list of keys.

    Raises:
        TypeError: It is no key, object or iterable of these.
    """
    match found:
        case None:
            return []
        case str():
            return [found]
        case KubernetesObject():
            return [found.key]
        case Iterable():
            return [key for each in found for key in keys_of(each)]
    raise TypeError(f"a mapper returns keys ('namespace/name'), objects, or None; not {type(found).__name__}")


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]
