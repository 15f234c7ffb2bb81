"""The resources that are compiled into a server, with their rules, as they were recorded from real ones.

`scripts/record_kinds.py` writes the data, one file for each minor version of Kubernetes.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from kubeinformer.resources import Resource
from kubeinformer.testing.api_server.conversions import EVENTS
from kubeinformer.testing.api_server.served_resources import ScalePaths, ServedResource, Subresource

_SELECTOR = ScalePaths(label_selector=("spec", "selector"))
_NOT_BY_CREATION = {
    "customresourcedefinitions"
}  # what the recorded status says came from the recorded object
_WARNINGS = {
    "componentstatuses": "v1 ComponentStatus is deprecated in v1.19+",
    "endpoints": "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
}


class _Subresource(msgspec.Struct, frozen=True):
    name: str
    verbs: tuple[str, ...]
    kind: str = ""
    group: str | None = None
    version: str = ""


class _Kind(msgspec.Struct, frozen=True):
    """One line of a recording; what is left out is false or empty."""

    version: str
    name: str
    kind: str
    singular: str
    verbs: tuple[str, ...]
    group: str = ""
    namespaced: bool = False
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[_Subresource, ...] = ()
    fields: tuple[str, ...] = ()
    generation: bool = False
    initial_status: dict[str, Any] | None = None
    has_spec: bool = False
    creates_on_update: bool = False
    keeps_status: bool = False
    needs_version: bool = False
    any_name: bool = False
    returns_deleted: bool = False
    answered_only: bool = False


class _Recording(msgspec.Struct, frozen=True):
    version: str
    resources: tuple[_Kind, ...]


def recorded_versions() -> list[str]:
    """Return the minor versions that were recorded, such as `v1.37`, oldest first."""
    names = [entry.name for entry in (files(__package__) / "kinds").iterdir()]
    versions = [name.removesuffix(".json") for name in names if name.endswith(".json")]
    return sorted(versions, key=lambda version: int(version.rpartition(".")[2]))


def built_in_resources(server_version: str) -> tuple[ServedResource, ...]:
    """Return the built-in resources in the order of discovery.

    Args:
        server_version: Such as `v1.37.2`. For a version that was not recorded, those of the newest one.
    """
    recorded = recorded_versions()
    minor = ".".join(server_version.split(".")[:2])
    return _load(minor if minor in recorded else recorded[-1])


@cache
def _load(minor: str) -> tuple[ServedResource, ...]:
    text = (files(__package__) / "kinds" / f"{minor}.json").read_bytes()
    return tuple(_served(kind) for kind in msgspec.json.decode(text, type=_Recording).resources)


def _served(kind: _Kind) -> ServedResource:
    resource = Resource(
        kind.group, kind.version, kind.name, kind.kind, kind.namespaced, kind.verbs, kind.singular, kind.short
    )
    status = {} if kind.name in _NOT_BY_CREATION else kind.initial_status or {}
    return ServedResource(
        resource,
        typed=True,
        kept_in=EVENTS if kind.kind == "Event" else "",
        subresources=tuple(_subresource(kind, part) for part in kind.subresources),
        categories=kind.categories,
        initial_status=None if kind.keeps_status else status,
        has_spec=kind.has_spec,
        creates_on_update=kind.creates_on_update,
        has_generation=kind.generation,
        any_name=kind.any_name,
        returns_deleted=kind.returns_deleted,
        needs_version=kind.needs_version,
        stored=not kind.answered_only,
        selectable_fields=kind.fields,
        scale_paths=_SELECTOR,
        warning=_WARNINGS.get(kind.name, "") if not kind.group else "",
    )


def _subresource(kind: _Kind, part: _Subresource) -> Subresource:
    own = "" if part.kind == kind.kind and part.group is None else part.kind
    return Subresource(part.name, part.verbs, part.group, part.version, own)
