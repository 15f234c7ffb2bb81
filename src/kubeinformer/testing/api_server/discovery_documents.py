"""What a server says about itself: its resources, in the aggregated and the older form, and its version."""

from __future__ import annotations

import re

from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.resource_table import ResourceTable
from kubeinformer.testing.api_server.served_resources import ServedResource, Subresource

AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def aggregated(table: ResourceTable, *, core: bool) -> Document:
    """Return an APIGroupDiscoveryList (KEP-3352): the core group, or all the others."""
    groups = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [
                {
                    "version": version,
                    "resources": [
                        _aggregated_resource(served) for served in _in_version(table, group, version)
                    ],
                    "freshness": "Current",
                }
                for version in versions
            ],
        }
        for group, versions in table.versions().items()
        if (group == "") is core
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": groups,
    }


def api_versions(server_address: str) -> Document:
    """Return the APIVersions of the core group; `server_address` is host and port."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def api_group_list(table: ResourceTable) -> Document:
    """Return the APIGroupList: all groups but the core group."""
    groups = [_group(group, versions) for group, versions in table.versions().items() if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(table: ResourceTable, group: str) -> Document | None:
    """Return one APIGroup, None if there is no such group."""
    versions = table.versions().get(group) if group else None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, versions)} if versions else None


def api_resource_list(table: ResourceTable, group: str, version: str) -> Document | None:
    """Return the APIResourceList of a group's version, None if there is no such version."""
    if version not in table.versions().get(group, ()):
        return None
    entries = [entry for served in _in_version(table, group, version) for entry in _resource_entries(served)]
    group_version = f"{group}/{version}" if group else version
    first = {"kind": "APIResourceList", **({"apiVersion": "v1"} if group else {})}
    return {**first, "groupVersion": group_version, "resources": entries}


def version_document(git_version: str) -> Document:
    """Return what /version answers, for a version such as `v1.37.2`.

    Raises:
        ValueError: It does not begin with a major and a minor number.
    """
    found = re.match(r"v(\d+)\.(\d+)", git_version)
    if found is None:
        raise ValueError(f"not a server version: {git_version!r} (write 'v1.37.2')")
    return {
        "major": found[1],
        "minor": found[2],
        "gitVersion": git_version,
        "gitTreeState": "clean",
        "platform": "linux/amd64",
    }


def _in_version(table: ResourceTable, group: str, version: str) -> list[ServedResource]:
    wanted = (group, version)
    return [served for served in table if (served.resource.group, served.resource.version) == wanted]


def _response_kind(served: ServedResource) -> Document:
    """Return the kind; compiled-in kinds come without group and version, which then are those around it."""
    resource = served.resource
    group, version = ("", "") if served.typed else (resource.group, resource.version)
    return {"group": group, "version": version, "kind": resource.kind}


def _aggregated_resource(served: ServedResource) -> Document:
    resource = served.resource
    entry: Document = {
        "resource": resource.name,
        "responseKind": _response_kind(served),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular_name,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if served.categories:
        entry["categories"] = list(served.categories)
    if served.subresources:
        entry["subresources"] = [_aggregated_subresource(served, part) for part in served.subresources]
    return entry


def _aggregated_subresource(served: ServedResource, part: Subresource) -> Document:
    kind = _response_kind(served)
    if part.kind:
        kind = {"group": part.group or "", "version": part.version, "kind": part.kind}
    return {"subresource": part.name, "responseKind": kind, "verbs": list(part.verbs)}


def _resource_entries(served: ServedResource) -> list[Document]:
    """Return a resource and its subresources in the older form."""
    resource = served.resource
    entry: Document = {
        "name": resource.name,
        "singularName": resource.singular_name,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if served.categories:
        entry["categories"] = list(served.categories)
    return [entry, *(_subresource_entry(served, part) for part in served.subresources)]


def _subresource_entry(served: ServedResource, part: Subresource) -> Document:
    resource = served.resource
    return {
        "name": f"{resource.name}/{part.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        **({"group": part.group, "version": part.version} if part.version else {}),
        "kind": part.kind or resource.kind,
        "verbs": list(part.verbs),
    }


def _group(group: str, versions: list[str]) -> Document:
    entries = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": entries, "preferredVersion": entries[0]}
