"""CustomResourceDefinitions without a schema, for tests."""

from __future__ import annotations

from typing import Any

ANYTHING = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}


def definition(
    *versions: str, plural: str = "widgets", kind: str = "Widget", group: str = "example.org", **extra: Any
) -> dict[str, Any]:
    """Return the definition of a namespaced resource; the last version is stored, `extra` goes into each."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [
                {"name": version, "served": True, "storage": version == versions[-1], "schema": ANYTHING}
                | extra
                for version in versions
            ],
        },
    }
