"""Which lists of built-in kinds are merged item by item, and by what; the rest are replaced as a whole.

From the `patchMergeKey` and `x-kubernetes-list-map-keys` of the Kubernetes API types. Custom resources have no such
lists here: theirs are replaced.
"""

from __future__ import annotations

from typing import Any

MERGED_BY: dict[str, tuple[tuple[str, ...], ...]] = {
    "addresses": (("type",),),
    "conditions": (("type",),),
    "containers": (("name",),),
    "env": (("name",),),
    "ephemeralContainers": (("name",),),
    "hostAliases": (("ip",),),
    "hostIPs": (("ip",),),
    "imagePullSecrets": (("name",),),
    "initContainers": (("name",),),
    "ownerReferences": (("uid",),),
    "podIPs": (("ip",),),
    "ports": (("containerPort", "protocol"), ("port", "protocol")),
    "resourceClaims": (("name",),),
    "schedulingGates": (("name",),),
    "secrets": (("name",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "volumeDevices": (("devicePath",),),
    "volumeMounts": (("mountPath",),),
    "volumes": (("name",),),
    "webhooks": (("name",),),
}
SETS = frozenset({"finalizers"})
ATOMIC = frozenset({"selector", "nodeSelector", "labelSelector", "podSelector", "namespaceSelector"})
MAPS = frozenset(
    {
        "allocatable",
        "annotations",
        "binaryData",
        "capacity",
        "data",
        "hard",
        "labels",
        "limits",
        "parameters",
        "requests",
        "stringData",
        "used",
    }
)
"""Fields of built-in kinds that are maps, which somebody can own as such; others that look alike are structs."""

_DEFAULTS = {"protocol": "TCP"}

Key = tuple[tuple[str, Any], ...]


def keys_of(field: str, items: list[Any]) -> tuple[str, ...]:
    """Return the names that tell the items of a list apart; () for a list that is replaced as a whole."""
    for names in MERGED_BY.get(field, ()):
        if all(isinstance(item, dict) and names[0] in item for item in items):
            return names
    return ()


def key_of(item: dict[str, Any], names: tuple[str, ...]) -> Key:
    """Return what tells an item apart; a protocol that is not given is TCP."""
    return tuple((name, item.get(name, _DEFAULTS.get(name))) for name in names)
