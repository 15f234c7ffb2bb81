"""What controllers would do: CustomResourceDefinitions become usable, namespaces end."""

from __future__ import annotations

import pytest
from tests.definitions import definition

from kubeinformer.errors import Invalid, NotFound
from kubeinformer.testing.control_plane import ControlPlane
from kubeinformer.testing.control_plane.processes import ControlPlaneError

pytestmark = pytest.mark.control_plane


def test_objects_of_an_installed_crd_are_served_at_once(control_plane: ControlPlane, namespace: str) -> None:
    """On return each version is discovered and takes objects, after a second install with a new version too."""
    for versions in (("v1",), ("v1", "v2")):
        control_plane.install_crd(definition(*versions))
        for version in versions:
            body = {
                "apiVersion": f"example.org/{version}",
                "kind": "Widget",
                "metadata": {"generateName": "widget-"},
            }
            path = f"/apis/example.org/{version}/namespaces/{namespace}/widgets"
            assert control_plane.request("POST", path, body)[0] == 201


def test_a_malformed_crd_is_refused_with_the_servers_words(control_plane: ControlPlane) -> None:
    """The server's reason reaches the caller."""
    crd = definition("v1")
    crd["spec"]["scope"] = "Galactic"
    with pytest.raises(Invalid, match="Galactic"):
        control_plane.install_crd(crd)


def test_a_finalized_namespace_is_gone_with_its_content(control_plane: ControlPlane, namespace: str) -> None:
    """Its objects are deleted, a pod on a node that nobody runs too, and its name is free again."""
    pod = {"containers": [{"name": "main", "image": "none"}], "nodeName": "nowhere"}
    inside = f"/api/v1/namespaces/{namespace}"
    assert (
        control_plane.request("POST", f"{inside}/pods", {"metadata": {"name": "one"}, "spec": pod})[0] == 201
    )
    assert control_plane.request("POST", f"{inside}/configmaps", {"metadata": {"name": "one"}})[0] == 201
    control_plane.finalize_namespace(namespace)
    assert control_plane.request("GET", inside)[0] == 404
    assert control_plane.request("GET", f"{inside}/pods")[1]["items"] == []
    assert control_plane.request("GET", f"{inside}/configmaps")[1]["items"] == []
    again = control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert again[0] == 201


def test_a_namespace_with_finalizers_of_its_own_stays(control_plane: ControlPlane, namespace: str) -> None:
    """The error names what holds it; once that is taken away, it goes."""
    path = f"/api/v1/namespaces/{namespace}"
    held = {"metadata": {"finalizers": ["example.org/hold"]}}
    assert control_plane.request("PATCH", path, held)[0] == 200
    with pytest.raises(ControlPlaneError, match=r"example\.org/hold"):
        control_plane.finalize_namespace(namespace)
    assert control_plane.request("PATCH", path, {"metadata": {"finalizers": None}})[0] == 200
    assert control_plane.request("GET", path)[0] == 404


def test_finalizing_a_missing_namespace_is_not_found(control_plane: ControlPlane) -> None:
    """A mistyped name is an error, not a success."""
    with pytest.raises(NotFound):
        control_plane.finalize_namespace("missing")
