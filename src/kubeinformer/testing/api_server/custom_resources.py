"""What a CustomResourceDefinition says: the resources that it defines, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kubeinformer.resources import Resource
from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.refusals import Cause, invalid
from kubeinformer.testing.api_server.served_resources import (
    METADATA_FIELDS,
    SCALE,
    STATUS,
    PrinterColumn,
    ScalePaths,
    ServedResource,
    Subresource,
)

_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_STEP = re.compile(r"\.([^.\[\]]+)|\['([^']+)'\]")


def check_definition(served: ServedResource, document: Document) -> None:
    """Raise a Refusal (422) unless a definition can be served."""
    spec = _mapping(document.get("spec"))
    names = _mapping(spec.get("names"))
    causes = [
        Cause("FieldValueRequired", "Required value", f"spec.{field}")
        for field, value in (
            ("group", spec.get("group")),
            ("scope", spec.get("scope")),
            ("names.plural", names.get("plural")),
            ("names.kind", names.get("kind")),
            ("versions", spec.get("versions")),
        )
        if not value
    ]
    if not causes:
        causes = [*_name_faults(document, spec, names), *_version_faults(spec["versions"])]
    if causes:
        raise invalid(served, document["metadata"].get("name") or "", causes)


def _name_faults(document: Document, spec: Mapping[str, Any], names: Mapping[str, Any]) -> list[Cause]:
    name, scope = document["metadata"].get("name"), spec["scope"]
    causes = []
    if name != f"{names['plural']}.{spec['group']}":
        message = f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'
        causes.append(Cause("FieldValueInvalid", message, "metadata.name"))
    if scope not in {"Cluster", "Namespaced"}:
        message = f'Unsupported value: "{scope}": supported values: "Cluster", "Namespaced"'
        causes.append(Cause("FieldValueNotSupported", message, "spec.scope"))
    return causes


def _version_faults(versions: Any) -> list[Cause]:
    storing = [version for version in versions if _mapping(version).get("storage")]
    if len(storing) != 1:
        message = "Invalid value: must have exactly one version marked as storage version"
        return [Cause("FieldValueInvalid", message, "spec.versions")]
    return [
        Cause(
            "FieldValueRequired",
            "Required value: schemas are required",
            f"spec.versions[{index}].schema.openAPIV3Schema",
        )
        for index, version in enumerate(versions)
        if not _mapping(_mapping(version).get("schema")).get("openAPIV3Schema")
    ]


def completed_spec(spec: Document) -> Document:
    """Return the spec of a definition with the names that follow from others, and without a conversion."""
    names = spec["names"]
    kind = names["kind"]
    filled = {
        **names,
        "singular": names.get("singular") or kind.lower(),
        "listKind": names.get("listKind") or f"{kind}List",
    }
    return {"conversion": {"strategy": "None"}, **spec, "names": filled}


def defined_resources(document: Document) -> list[ServedResource]:
    """Return what a definition makes a server serve: each served version, all kept in one place."""
    return [
        _defined_resource(document["spec"], version)
        for version in document["spec"]["versions"]
        if version.get("served")
    ]


def _defined_resource(spec: Mapping[str, Any], version: Mapping[str, Any]) -> ServedResource:
    names = spec["names"]
    subresources = _mapping(version.get("subresources"))
    resource = Resource(
        spec["group"],
        version["name"],
        names["plural"],
        names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        verbs=_VERBS,
        singular_name=names["singular"],
        short_names=tuple(names.get("shortNames") or ()),
    )
    return ServedResource(
        resource,
        kept_in=f"{names['plural']}.{spec['group']}",
        subresources=tuple(_subresources(subresources)),
        categories=tuple(names.get("categories") or ()),
        selectable_fields=_selectable_fields(resource, version),
        scale_paths=_scale_paths(_mapping(subresources.get("scale"))),
        columns=tuple(_column(entry) for entry in version.get("additionalPrinterColumns") or ()),
        warning=_warning(resource, version),
    )


def _subresources(given: Mapping[str, Any]) -> list[Subresource]:
    return [entry for entry in (STATUS, SCALE) if entry.name in given]


def _selectable_fields(resource: Resource, version: Mapping[str, Any]) -> tuple[str, ...]:
    own = METADATA_FIELDS if resource.namespaced else METADATA_FIELDS[:1]
    return own + tuple(
        ".".join(path_of(entry["jsonPath"])) for entry in version.get("selectableFields") or ()
    )


def _scale_paths(scale: Mapping[str, Any]) -> ScalePaths:
    return ScalePaths(
        path_of(scale.get("specReplicasPath", "")),
        path_of(scale.get("statusReplicasPath", "")),
        path_of(scale.get("labelSelectorPath", "")),
    )


def _column(entry: Mapping[str, Any]) -> PrinterColumn:
    return PrinterColumn(
        entry["name"],
        entry["type"],
        path_of(entry["jsonPath"]),
        entry.get("priority", 0),
        entry.get("description", ""),
    )


def path_of(json_path: str) -> tuple[str, ...]:
    """Return the names that a simple JSON path such as `.spec.replicas` leads through."""
    return tuple(plain or quoted for plain, quoted in _STEP.findall(json_path))


def _warning(resource: Resource, version: Mapping[str, Any]) -> str:
    if not version.get("deprecated"):
        return ""
    default = f"{resource.api_version} {resource.kind} is deprecated"
    return str(version.get("deprecationWarning") or default)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
