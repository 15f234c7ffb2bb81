"""What a server says of its resources, in both forms of discovery, whole and half broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeinformer.client.discovery_documents import GroupVersion
from kubeinformer.errors import StatusError

Tree = Mapping[str, list[tuple[str, list[dict[str, Any]]]]]
"""By group, its versions (the preferred one first) and what each has."""


def thing(plural: str, kind: str, *short_names: str, scope: str = "Namespaced") -> dict[str, Any]:
    """Describe a resource, in a form that both documents are made from."""
    return {"plural": plural, "kind": kind, "short": list(short_names), "scope": scope}


TREE: Tree = {
    "metrics.k8s.io": [
        ("v1beta1", [thing("pods", "PodMetrics"), thing("nodes", "NodeMetrics", scope="Cluster")])
    ],
    "": [("v1", [thing("pods", "Pod", "po"), thing("namespaces", "Namespace", "ns", scope="Cluster")])],
    "apps": [("v1", [thing("deployments", "Deployment", "deploy")])],
    "autoscaling": [
        ("v2", [thing("horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa")]),
        ("v1", [thing("horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa")]),
    ],
    "example.com": [
        ("v1", [thing("po", "Po"), thing("widgets", "Deployment"), thing("things", "Thing", "pod")])
    ],
}


def aggregated(tree: Tree = TREE) -> dict[str, Any]:
    """Return the two documents of a server from Kubernetes 1.27 on."""
    return {
        "/api": _group_list([_aggregated_group("", tree[""])]),
        "/apis": _group_list([_aggregated_group(group, tree[group]) for group in tree if group]),
    }


def _group_list(items: list[Any]) -> dict[str, Any]:
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items}


def _aggregated_group(group: str, versions: list[tuple[str, list[dict[str, Any]]]]) -> dict[str, Any]:
    return {
        "metadata": {"name": group} if group else {},
        "versions": [
            {
                "version": version,
                "freshness": "Current",
                "resources": [_discovered(entry) for entry in entries],
            }
            for version, entries in versions
        ],
    }


def _discovered(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "resource": entry["plural"],
        "responseKind": {"group": "", "version": "", "kind": entry["kind"]},
        "scope": entry["scope"],
        "singularResource": entry["kind"].lower(),
        "shortNames": entry["short"],
        "verbs": ["list", "watch"],
        "subresources": [{"subresource": "status", "verbs": ["get"]}],
    }


def listed(tree: Tree = TREE) -> dict[str, Any]:
    """Return the many documents of an older server; a group's versions come in the reverse order."""
    groups = [
        {
            "name": group,
            "versions": [{"version": version} for version, _ in reversed(versions)],
            "preferredVersion": {"version": versions[0][0]},
        }
        for group, versions in tree.items()
        if group
    ]
    documents: dict[str, Any] = {
        "/api": {"kind": "APIVersions", "versions": [version for version, _ in tree[""]]},
        "/apis": {"kind": "APIGroupList", "groups": groups},
    }
    for group, versions in tree.items():
        for version, entries in versions:
            resources = [form for entry in entries for form in _listed(entry)]
            documents[GroupVersion(group, version).path] = {"kind": "APIResourceList", "resources": resources}
    return documents


def _listed(entry: dict[str, Any]) -> list[dict[str, Any]]:
    resource = {
        "name": entry["plural"],
        "kind": entry["kind"],
        "namespaced": entry["scope"] == "Namespaced",
        "singularName": entry["kind"].lower(),
        "shortNames": entry["short"],
        "verbs": ["list", "watch"],
    }
    return [{**resource, "name": f"{entry['plural']}/status", "verbs": ["get"]}, resource]


def stale(group: str) -> dict[str, Any]:
    """Return a new server's documents where one group's API service does not answer."""
    documents = aggregated()
    [item] = [item for item in documents["/apis"]["items"] if item["metadata"]["name"] == group]
    for version in item["versions"]:
        version.update(freshness="Stale", resources=[])
    return documents


def unavailable(group: str) -> dict[str, Any]:
    """Return an old server's documents where one group answers 503."""
    path = GroupVersion(group, TREE[group][0][0]).path
    return {**listed(), path: StatusError(503, "ServiceUnavailable", "no endpoints")}


def unreadable(group: str) -> dict[str, Any]:
    """Return a new server's documents where one group's versions are of a wrong type."""
    documents = aggregated()
    [item] = [item for item in documents["/apis"]["items"] if item["metadata"]["name"] == group]
    item["versions"] = [{"version": TREE[group][0][0], "resources": 7}]
    return documents
