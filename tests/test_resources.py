"""Resource names as programs write them, and the paths they lead to."""

from __future__ import annotations

import pytest

from kubeinformer.resources import Resource, ResourceReference, parse_resource


@pytest.mark.parametrize(
    ("text", "expected", "canonical"),
    [
        ("pods", ResourceReference("pods"), "pods"),
        ("v1/pods", ResourceReference("pods", "", "v1"), "v1/pods"),
        ("deployments.apps", ResourceReference("deployments", "apps"), "deployments.apps"),
        ("deployments.v1.apps", ResourceReference("deployments", "apps", "v1"), "apps/v1/deployments"),
        ("apps/v1/deployments", ResourceReference("deployments", "apps", "v1"), "apps/v1/deployments"),
        ("widgets.v1beta2.example.com", ResourceReference("widgets", "example.com", "v1beta2"), None),
        ("widgets.example.com", ResourceReference("widgets", "example.com"), "widgets.example.com"),
        ("pods.v1.", ResourceReference("pods", "", "v1"), None),
    ],
)
def test_the_spellings_of_a_resource(text: str, expected: ResourceReference, canonical: str | None) -> None:
    """Kubectl's spellings and those of apiVersion and plural mean the same, and read back as what they are."""
    if text.endswith("."):
        with pytest.raises(ValueError, match="not a resource"):
            parse_resource(text)
        return
    assert parse_resource(text) == expected
    if canonical is not None:
        assert str(expected) == canonical
    assert parse_resource(str(expected)) == expected


@pytest.mark.parametrize(
    "text", ["", "a b", "a/b/c/d", "/pods", "pods/", "apps//pods", "pods.", "pods?x=1", "../pods", "p/v1/"]
)
def test_what_is_no_resource_is_shown(text: str) -> None:
    """The message shows the text and how to write it."""
    with pytest.raises(ValueError, match=r"write 'pods', 'deployments\.apps'") as raised:
        parse_resource(text)
    assert repr(text) in str(raised.value)


def test_paths_of_collections_and_objects() -> None:
    """Core and named groups, with namespaces and without, subresources."""
    pods = Resource("", "v1", "pods", "Pod")
    nodes = Resource("", "v1", "nodes", "Node", namespaced=False)
    deployments = Resource("apps", "v1", "deployments", "Deployment")
    assert pods.path() == "/api/v1/pods"
    assert pods.path(namespace="default", name="a") == "/api/v1/namespaces/default/pods/a"
    assert nodes.path(namespace="ignored", name="n") == "/api/v1/nodes/n"
    assert deployments.path(namespace="x", name="d", subresource="status") == (
        "/apis/apps/v1/namespaces/x/deployments/d/status"
    )
    assert (pods.api_version, deployments.api_version) == ("v1", "apps/v1")
    assert (pods.group_resource, deployments.group_resource) == ("pods", "deployments.apps")


def test_names_are_percent_encoded() -> None:
    """Case C31: names with colons, blanks and commas are legal for some kinds."""
    roles = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
    assert roles.path(name="team a:x,y=z+é/ü").endswith(
        "/clusterroles/team%20a%3Ax%2Cy%3Dz%2B%C3%A9%2F%C3%BC"
    )
