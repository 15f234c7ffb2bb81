"""Which resources the in-memory API server has, and how each kind differs from the others, as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kubeinformer.resources import Resource, parse_resource

_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_METADATA_FIELDS = ("metadata.name", "metadata.namespace")
_POD_FIELDS = (
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
)


@dataclass(frozen=True, slots=True, eq=False)
class ServedResource:
    """One resource with the rules of its kind; the defaults are those of a custom resource.

    Attributes:
        resource: Its names, kind and verbs; without verbs it gets all of them.
        status_subresource: Whether spec and status are written apart, the status at `.../status`.
        initial_status: The status of a created object; None keeps the one given, an empty mapping leaves it out.
        has_generation: Whether `metadata.generation` counts the changes outside metadata and status.
        any_name: Whether any name will do, instead of a DNS subdomain (RBAC kinds).
        returns_deleted: Whether a delete answers the object itself instead of a Status.
        selectable_fields: What field selectors may name.
    """

    resource: Resource
    status_subresource: bool = True
    initial_status: Mapping[str, Any] | None = field(default_factory=dict)
    has_generation: bool = True
    any_name: bool = False
    returns_deleted: bool = False
    selectable_fields: tuple[str, ...] = _METADATA_FIELDS

    @property
    def typed(self) -> bool:
        """Whether the kind is compiled into the server; custom resources are encoded differently."""
        group = self.resource.group
        return "." not in group or group.endswith(".k8s.io")

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


NAMESPACES = ServedResource(
    Resource(
        "",
        "v1",
        "namespaces",
        "Namespace",
        namespaced=False,
        verbs=tuple(verb for verb in _VERBS if verb != "deletecollection"),
        singular_name="namespace",
        short_names=("ns",),
    ),
    initial_status={"phase": "Active"},
    has_generation=False,
    returns_deleted=True,
    selectable_fields=("metadata.name", "status.phase"),
)
NODES = ServedResource(
    Resource("", "v1", "nodes", "Node", namespaced=False, singular_name="node", short_names=("no",)),
    initial_status=None,
    has_generation=False,
    selectable_fields=("metadata.name",),
)
PODS = ServedResource(
    Resource("", "v1", "pods", "Pod", singular_name="pod", short_names=("po",)),
    initial_status={"phase": "Pending"},
    returns_deleted=True,
    selectable_fields=_METADATA_FIELDS + _POD_FIELDS,
)
CONFIG_MAPS = ServedResource(
    Resource("", "v1", "configmaps", "ConfigMap", singular_name="configmap", short_names=("cm",)),
    status_subresource=False,
    has_generation=False,
)
BUILT_IN = (CONFIG_MAPS, NAMESPACES, NODES, PODS)


class ResourceTable:
    """All resources of a server, in the order of discovery. Immutable.

    Args:
        extra: Resources beside the built-in four; a plain :class:`Resource` follows the rules of custom resources.
            One with the group, version and name of an earlier one takes its place.
    """

    def __init__(self, extra: Iterable[Resource | ServedResource] = ()) -> None:
        added = (entry if isinstance(entry, ServedResource) else ServedResource(entry) for entry in extra)
        self._by_path: dict[tuple[str, str, str], ServedResource] = {}
        for served in map(_complete, (*BUILT_IN, *added)):
            resource = served.resource
            self._by_path[resource.group, resource.version, resource.name] = served

    def __iter__(self) -> Iterator[ServedResource]:
        return iter(self._by_path.values())

    def at(self, group: str, version: str, name: str) -> ServedResource | None:
        """Return the resource that stands at a URL path."""
        return self._by_path.get((group, version, name))

    def versions(self) -> dict[str, list[str]]:
        """Return the versions of each group, in order; the core group is ""."""
        found: dict[str, list[str]] = {"": ["v1"]}
        for group, version, _ in self._by_path:
            versions = found.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        return found

    def find(self, spelling: str) -> ServedResource:
        """Return the resource that `pods`, `po`, `deployments.apps` or `apps/v1/deployments` means.

        Raises:
            ValueError: The spelling is wrong.
            LookupError: There is no such resource; the message lists what there is.
        """
        wanted = parse_resource(spelling)
        for served in self:
            resource = served.resource
            if (
                wanted.name in {resource.name, resource.singular_name, *resource.short_names}
                and wanted.group in {None, resource.group}
                and wanted.version in {None, resource.version}
            ):
                return served
        known = ", ".join(served.resource.group_resource for served in self)
        raise LookupError(f"no resource {spelling!r} on this server; it has {known}")


def _complete(served: ServedResource) -> ServedResource:
    if served.resource.verbs:
        return served
    return replace(served, resource=replace(served.resource, verbs=_VERBS))
