"""What controllers do in a whole cluster and nobody does on a bare API server: establish CRDs, end namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kubeinformer.testing.control_plane.processes import ControlPlaneError, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubeinformer.testing.plain_client import PlainClient

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_AGGREGATED_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_CRD_SECONDS = 30.0


def install_crd(client: PlainClient, crd: Mapping[str, Any]) -> None:
    """Create or update a CustomResourceDefinition and wait until its objects are served.

    Established is not enough: discovery and the endpoint itself follow a moment later.

    Raises:
        StatusError: The server refused it.
        ControlPlaneError: It was not served within 30 s; the message has its conditions.
    """
    path = f"{_CRDS}/{quote(crd['metadata']['name'])}"
    client.apply(path, crd)
    if not wait_until(lambda: _is_established(client.call("GET", path)), _CRD_SECONDS):
        conditions = client.call("GET", path).get("status", {}).get("conditions")
        raise ControlPlaneError(f"{path} is not established: {conditions}")
    if not wait_until(lambda: all(_is_served(client, version) for version in _versions(crd)), _CRD_SECONDS):
        raise ControlPlaneError(f"{path} is established, but not served")


def _is_established(crd: Mapping[str, Any]) -> bool:
    conditions = crd.get("status", {}).get("conditions") or ()  # a moment after its creation they are null
    return any(
        condition["type"] == "Established" and condition["status"] == "True" for condition in conditions
    )


def _versions(crd: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield path and plural name of each served version."""
    spec = crd["spec"]
    for version in spec["versions"]:
        if version["served"]:
            yield f"/apis/{spec['group']}/{version['name']}", spec["names"]["plural"]


def _is_served(client: PlainClient, version: tuple[str, str]) -> bool:
    group_version, plural = version
    status, discovered = client.request("GET", group_version)
    if status != 200 or all(resource["name"] != plural for resource in discovered["resources"]):
        return False
    return client.request("GET", f"{group_version}/{plural}?limit=1")[0] == 200


def finalize_namespace(client: PlainClient, name: str) -> None:
    """Delete a namespace with all that is in it, as the namespace controller would; it is gone on return.

    Pods go at once, without their grace period (there is no kubelet to end it). Objects that hold finalizers of
    their own stay behind, where the namespace controller would wait for them.

    Raises:
        StatusError: There is no such namespace, or the server protects it.
        ControlPlaneError: The namespace has finalizers in its metadata, so it stays.
    """
    path = f"/api/v1/namespaces/{quote(name)}"
    client.call("DELETE", path)
    for collection in _deletable_collections(client, quote(name)):
        client.call("DELETE", f"{collection}?gracePeriodSeconds=0")
    namespace = client.call("GET", path)
    namespace["spec"]["finalizers"] = []
    client.call("PUT", f"{path}/finalize", namespace)
    if client.request("GET", path)[0] != 404:
        raise ControlPlaneError(f"namespace {name} is held by {namespace['metadata'].get('finalizers')}")


def _deletable_collections(client: PlainClient, namespace: str) -> Iterator[str]:
    """Yield the path of every collection in the namespace that can be emptied, each in one version."""
    for root in ("/api", "/apis"):
        for group in client.call("GET", root, accept=_AGGREGATED_DISCOVERY)["items"]:
            prefix = "/".join(filter(None, (root, group["metadata"].get("name"))))
            seen: set[str] = set()
            for version in group["versions"]:
                for resource in version.get("resources", ()):
                    name = resource["resource"]
                    if name in seen or resource["scope"] != "Namespaced":
                        continue
                    seen.add(name)
                    if "deletecollection" in resource["verbs"]:
                        yield f"{prefix}/{version['version']}/namespaces/{namespace}/{name}"
