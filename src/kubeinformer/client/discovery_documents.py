"""The documents in which an API server says what it has: aggregated discovery (v2), and the older form.

Each reader returns plain groups of resources. What can't be read in one group never disturbs another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec

from kubeinformer.errors import InvalidResponse
from kubeinformer.resources import Resource

T = TypeVar("T")

ACCEPT = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)
"""Asks for aggregated discovery (KEP-3352; beta in Kubernetes 1.27), and takes the older form."""


@dataclass(slots=True)
class GroupVersion:
    """One version of an API group.

    Attributes:
        group: The group, "" for the core group.
        version: The version.
        resources: What it has; None as long as nobody has asked the server (old servers only).
        fault: Why `resources` may be incomplete, "" where they are the whole truth.
    """

    group: str
    version: str
    resources: tuple[Resource, ...] | None = None
    fault: str = ""

    @property
    def path(self) -> str:
        """The URL path of its own document."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def __str__(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


class _Camel(msgspec.Struct, rename="camel"):
    """A document; fields that we don't use are skipped."""


class _Kind(_Camel):
    kind: str | None = None


class _DiscoveredResource(_Camel):
    resource: str
    response_kind: _Kind | None = None
    scope: str | None = None
    verbs: list[str] | None = None
    singular_resource: str | None = None
    short_names: list[str] | None = None


class _DiscoveredVersion(_Camel):
    version: str
    resources: list[_DiscoveredResource] | None = None
    freshness: str | None = None


class _Name(_Camel):
    name: str | None = None


class _DiscoveredGroup(_Camel):
    metadata: _Name | None = None
    versions: list[msgspec.Raw] | None = None


class _Version(_Camel):
    version: str


class _Group(_Camel):
    name: str
    versions: list[_Version] | None = None
    preferred_version: _Version | None = None


class _APIResource(_Camel):
    name: str
    kind: str | None = None
    namespaced: bool = False
    verbs: list[str] | None = None
    singular_name: str | None = None
    short_names: list[str] | None = None


class _Document(_Camel):
    kind: str | None = None
    items: list[msgspec.Raw] | None = None  # APIGroupDiscoveryList
    versions: list[str] | None = None  # APIVersions, at /api
    groups: list[msgspec.Raw] | None = None  # APIGroupList, at /apis
    resources: list[_APIResource] | None = None  # APIResourceList


def read_groups(path: str, body: bytes) -> list[GroupVersion]:
    """Return the group versions in the answer of `/api` or `/apis`, in either form, in the server's order.

    Within a group the preferred version comes first.

    Raises:
        InvalidResponse: It is no discovery document.
    """
    document = _read(path, body, _Document)
    match document.kind:
        case "APIGroupDiscoveryList":
            return [entry for item in document.items or () for entry in _aggregated_group(item)]
        case "APIVersions":
            return [GroupVersion("", version) for version in document.versions or ()]
        case "APIGroupList":
            return [entry for group in document.groups or () for entry in _listed_group(group)]
    raise _invalid(path, f"not a discovery document: kind {document.kind or 'unknown'}")


def read_resources(group_version: GroupVersion, body: bytes) -> tuple[Resource, ...]:
    """Return the resources in the older form's document of one group version.

    Raises:
        InvalidResponse: It is no such document.
    """
    document = _read(group_version.path, body, _Document)
    if document.kind != "APIResourceList":
        raise _invalid(group_version.path, f"not a list of resources: kind {document.kind or 'unknown'}")
    return tuple(
        Resource(
            group_version.group,
            group_version.version,
            entry.name,
            entry.kind,
            entry.namespaced,
            tuple(entry.verbs or ()),
            entry.singular_name or "",
            tuple(entry.short_names or ()),
        )
        for entry in document.resources or ()
        if entry.kind and "/" not in entry.name  # a slash names a subresource
    )


def read_version(body: bytes) -> tuple[int, int] | None:
    """Return major and minor version from the answer of `/version` ("34+" counts as 34), None where unclear."""
    try:
        version = msgspec.json.decode(body, type=dict[str, object])
        major, minor = (str(version[part]).rstrip("+") for part in ("major", "minor"))
        return int(major), int(minor)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, ValueError):
        return None


def _aggregated_group(item: msgspec.Raw) -> list[GroupVersion]:
    group = _readable(item, _DiscoveredGroup)
    if group is None:
        name = _readable(item, dict[str, msgspec.Raw]) or {}
        metadata = _readable(name.get("metadata", msgspec.Raw(b"{}")), _Name) or _Name()
        return [GroupVersion(metadata.name or "?", "?", (), "its discovery document cannot be read")]
    name_of_group = (group.metadata.name if group.metadata else None) or ""
    return [_aggregated_version(name_of_group, version) for version in group.versions or ()]


def _aggregated_version(group: str, item: msgspec.Raw) -> GroupVersion:
    found = _readable(item, _DiscoveredVersion)
    if found is None:
        version = (_readable(item, dict[str, object]) or {}).get("version")
        return GroupVersion(group, str(version or "?"), (), "its discovery document cannot be read")
    resources = tuple(
        Resource(
            group,
            found.version,
            entry.resource,
            entry.response_kind.kind,
            entry.scope != "Cluster",
            tuple(entry.verbs or ()),
            entry.singular_resource or "",
            tuple(entry.short_names or ()),
        )
        for entry in found.resources or ()
        if entry.response_kind and entry.response_kind.kind  # without one there are only subresources
    )
    stale = found.freshness == "Stale"
    return GroupVersion(group, found.version, resources, "its API service does not answer" if stale else "")


def _listed_group(item: msgspec.Raw) -> list[GroupVersion]:
    group = _readable(item, _Group)
    if group is None:
        return [GroupVersion("?", "?", (), "its discovery document cannot be read")]
    versions = [entry.version for entry in group.versions or ()]
    preferred = group.preferred_version.version if group.preferred_version else ""
    versions.sort(key=lambda version: version != preferred)
    return [GroupVersion(group.name, version) for version in versions]


def _readable(raw: msgspec.Raw, form: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _read(path: str, body: bytes, form: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _invalid(path, "not a discovery document") from None


def _invalid(path: str, fault: str) -> InvalidResponse:
    return InvalidResponse(f"discover {path}: {fault}", code=200, verb="discover", resource=path)
