"""How one kind of the in-memory API server differs from the others, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubeinformer.resources import Resource

METADATA_FIELDS = ("metadata.name", "metadata.namespace")


@dataclass(frozen=True, slots=True)
class Subresource:
    """A part of an object, or an action on it, with a path of its own below the object's.

    Attributes:
        name: As it stands in the URL, such as `status`.
        verbs: What can be done with it.
        group: The API group of what it takes and answers; None for that of the resource.
        version: The version of it.
        kind: The kind of it, "" for that of the resource.
    """

    name: str
    verbs: tuple[str, ...] = ("get", "patch", "update")
    group: str | None = None
    version: str = ""
    kind: str = ""


STATUS = Subresource("status")
SCALE = Subresource("scale", group="autoscaling", version="v1", kind="Scale")


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where an object has what its `scale` subresource shows; each path is a tuple of names, empty for nowhere."""

    spec_replicas: tuple[str, ...] = ("spec", "replicas")
    status_replicas: tuple[str, ...] = ("status", "replicas")
    label_selector: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PrinterColumn:
    """A column of the table that `kubectl get` shows: its name, type, and the path of its value."""

    name: str
    type: str
    path: tuple[str, ...]
    priority: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ServedResource:
    """One version of one resource with the rules of its kind; the defaults are those of a custom resource.

    Attributes:
        resource: Its names, kind and verbs; without verbs it gets all of them.
        typed: Whether the kind is compiled into the server; custom resources are encoded differently.
        kept_in: Where its objects are kept: all versions of a resource name the same place.
        subresources: What can be reached below an object. With `status`, spec and status are written apart.
        categories: The groups of resources that it belongs to, such as `all`.
        initial_status: The status of a created object; None keeps the one given, an empty mapping leaves it out.
        has_spec: Whether every object shows a spec, be it empty.
        creates_on_update: Whether an update of an object that is not there makes it.
        has_generation: Whether `metadata.generation` counts the changes outside metadata and status.
        any_name: Whether any name will do, instead of a DNS subdomain (RBAC kinds).
        returns_deleted: Whether a delete answers the object itself instead of a Status.
        needs_version: Whether an update must say which resourceVersion it replaces.
        stored: Whether a created object is kept, or only answered (reviews).
        selectable_fields: What field selectors may name.
        scale_paths: What its `scale` shows and sets.
        columns: What its table shows beside the name.
        warning: What every answer warns of, in a Warning header; "" for nothing.
    """

    resource: Resource
    typed: bool = False
    kept_in: str = ""
    subresources: tuple[Subresource, ...] = (STATUS,)
    categories: tuple[str, ...] = ()
    initial_status: Mapping[str, Any] | None = field(default_factory=dict)
    has_spec: bool = False
    creates_on_update: bool = False
    has_generation: bool = True
    any_name: bool = False
    returns_deleted: bool = False
    needs_version: bool = True
    stored: bool = True
    selectable_fields: tuple[str, ...] = METADATA_FIELDS
    scale_paths: ScalePaths = ScalePaths()
    columns: tuple[PrinterColumn, ...] = ()
    warning: str = ""

    @property
    def collection(self) -> str:
        """The name of the place where its objects are kept."""
        return self.kept_in or self.resource.group_resource

    @property
    def status_subresource(self) -> bool:
        """Whether spec and status are written apart."""
        return any(entry.name == "status" for entry in self.subresources)

    def subresource(self, name: str) -> Subresource | None:
        """Return a subresource by its name."""
        return next((entry for entry in self.subresources if entry.name == name), None)

    @property
    def details(self) -> dict[str, str]:
        """What the details of a Status say about the resource."""
        group = {"group": self.resource.group} if self.resource.group else {}
        return {**group, "kind": self.resource.name}

    def key(self, namespace: str | None, name: str) -> str:
        """Return the key of an object; objects are listed in the order of their keys."""
        return f"{namespace}/{name}" if self.resource.namespaced else name

    def prefix(self, namespace: str | None) -> str:
        """Return what the keys of a namespace's objects begin with; "" for all of them."""
        return f"{namespace}/" if namespace is not None and self.resource.namespaced else ""
