"""CustomResourceDefinitions on the in-memory server: a resource comes with its definition, and goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.definitions import definition
from tests.history import eventually
from tests.testing.asking import MERGE, TABLE, ask

from kubeinformer import SharedInformerFactory
from kubeinformer.testing import APIServer

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/example.org/v1/namespaces/default/widgets"


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running


def widget(name: str, version: str = "v1", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": f"example.org/{version}", "kind": "Widget", "metadata": {"name": name}, **fields}


def test_a_definition_is_served_at_once(server: APIServer) -> None:
    """It gets its conditions and the names that follow from others; discovery and the endpoint are there."""
    assert ask(server, "GET", WIDGETS).status == 404
    crd = definition("v1")
    crd["spec"]["names"] |= {"shortNames": ["wd"], "categories": ["all"]}
    assert ask(server, "POST", DEFINITIONS, crd).status == 201
    found = ask(server, "GET", f"{DEFINITIONS}/widgets.example.org").body
    assert {entry["type"]: entry["status"] for entry in found["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert found["status"]["acceptedNames"]["singular"] == "widget"
    assert found["status"]["storedVersions"] == ["v1"]
    [resource] = ask(server, "GET", "/apis/example.org/v1").body["resources"]
    assert (resource["kind"], resource["shortNames"], resource["categories"]) == ("Widget", ["wd"], ["all"])
    assert ask(server, "POST", WIDGETS, widget("a")).status == 201


def test_versions_show_the_same_objects(server: APIServer) -> None:
    """Written in one version, read and watched in the other, under one resourceVersion; the better version leads."""
    server.create("crds", definition("v1beta1", "v1"))
    made = ask(server, "POST", WIDGETS, widget("a", color="red")).body
    beta = WIDGETS.replace("/v1/", "/v1beta1/")
    read = ask(server, "GET", f"{beta}/a").body
    assert (read["apiVersion"], read["color"]) == ("example.org/v1beta1", "red")
    assert read["metadata"] == made["metadata"]
    ask(server, "PATCH", f"{beta}/a", {"color": "blue"}, Content_Type=MERGE)
    version = made["metadata"]["resourceVersion"]
    [event] = [ask(server, "GET", f"{WIDGETS}?watch=1&resourceVersion={version}&timeoutSeconds=1").body]
    assert (event["type"], event["object"]["apiVersion"], event["object"]["color"]) == (
        "MODIFIED",
        "example.org/v1",
        "blue",
    )
    group = ask(server, "GET", "/apis/example.org").body
    assert [entry["version"] for entry in group["versions"]] == ["v1", "v1beta1"]


def test_the_body_must_be_of_the_paths_version(server: APIServer) -> None:
    """400 in the real server's words."""
    server.create("crds", definition("v1beta1", "v1"))
    status, _, refusal = ask(server, "POST", WIDGETS, widget("a", "v1beta1"))
    assert status == 400
    assert refusal["message"] == (
        "the API version in the data (example.org/v1beta1) does not match the expected API version (example.org/v1)"
    )


def test_a_version_that_is_no_longer_served_is_gone(server: APIServer) -> None:
    """An update of the definition changes what is served; the objects stay."""
    server.create("crds", definition("v1beta1", "v1"))
    ask(server, "POST", WIDGETS, widget("a"))
    changed = definition("v1beta1", "v1")
    changed["spec"]["versions"][0]["served"] = False
    server.update("crds", changed)
    assert ask(server, "GET", WIDGETS.replace("/v1/", "/v1beta1/")).status == 404
    assert ask(server, "GET", f"{WIDGETS}/a").status == 200


def test_the_end_of_a_definition_takes_its_objects_along(server: APIServer) -> None:
    """They are deleted first, each with its event; then the definition goes, and the paths with it."""
    server.create("crds", definition("v1"))
    made = ask(server, "POST", WIDGETS, widget("a")).body
    deleted = ask(server, "DELETE", f"{DEFINITIONS}/widgets.example.org").body
    assert deleted["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    assert ask(server, "GET", f"{DEFINITIONS}/widgets.example.org").status == 404
    gone = ask(server, "GET", WIDGETS)
    assert (gone.status, gone.body) == (404, b"404 page not found\n")
    server.create("crds", definition("v1"))
    version = made["metadata"]["resourceVersion"]
    event = ask(server, "GET", f"{WIDGETS}?watch=1&resourceVersion={version}&timeoutSeconds=1").body
    assert (event["type"], event["object"]["metadata"]["name"]) == ("DELETED", "a")


def test_finalizers_hold_a_terminating_definition(server: APIServer) -> None:
    """It stays until the last object is released; meanwhile nothing can be created."""
    server.create("crds", definition("v1"))
    held = widget("a")
    held["metadata"]["finalizers"] = ["example.org/hold"]
    ask(server, "POST", WIDGETS, held)
    ask(server, "DELETE", f"{DEFINITIONS}/widgets.example.org")
    status, _, refusal = ask(server, "POST", WIDGETS, widget("b"))
    assert (status, refusal["reason"]) == (403, "Forbidden")
    assert "create not allowed while custom resource definition is terminating" in refusal["message"]
    ask(server, "PATCH", f"{WIDGETS}/a", {"metadata": {"finalizers": None}}, Content_Type=MERGE)
    assert ask(server, "GET", f"{DEFINITIONS}/widgets.example.org").status == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda crd: crd["metadata"].update(name="gadgets.example.org"), "metadata.name"),
        (lambda crd: crd["spec"].update(scope="Galactic"), "spec.scope"),
        (lambda crd: crd["spec"].update(group=""), "spec.group"),
        (lambda crd: crd["spec"]["names"].pop("kind"), "spec.names.kind"),
        (lambda crd: crd["spec"]["versions"][0].update(storage=False), "spec.versions"),
        (lambda crd: crd["spec"]["versions"][0].pop("schema"), "spec.versions[0].schema.openAPIV3Schema"),
    ],
)
def test_a_malformed_definition_is_refused(server: APIServer, change: Any, field: str) -> None:
    """422, with the field in the causes."""
    crd = definition("v1")
    change(crd)
    status, _, refusal = ask(server, "POST", DEFINITIONS, crd)
    assert (status, [cause["field"] for cause in refusal["details"]["causes"]]) == (422, [field])


def test_selectable_fields_and_columns_come_from_the_definition(server: APIServer) -> None:
    """KEP-4358: fields to select by; and the columns that kubectl shows."""
    server.create(
        "crds",
        definition(
            "v1",
            selectableFields=[{"jsonPath": ".spec.color"}],
            additionalPrinterColumns=[{"name": "Color", "type": "string", "jsonPath": ".spec.color"}],
        ),
    )
    for name, color in (("a", "red"), ("b", "blue")):
        ask(server, "POST", WIDGETS, widget(name, spec={"color": color}))
    selected = ask(server, "GET", f"{WIDGETS}?fieldSelector=spec.color%3Dblue", Accept=TABLE).body
    assert [column["name"] for column in selected["columnDefinitions"]] == ["Name", "Color"]
    assert [row["cells"] for row in selected["rows"]] == [["b", "blue"]]
    assert ask(server, "GET", f"{WIDGETS}?fieldSelector=spec.size%3D1").status == 400


def test_a_deprecated_version_warns(server: APIServer) -> None:
    """KEP-1693: each answer has a Warning header, in the definition's own words if it has some."""
    server.create("crds", definition("v1", deprecated=True, deprecationWarning='use "gadgets"'))
    assert ask(server, "GET", WIDGETS).headers["warning"] == r'299 - "use \"gadgets\""'
    server.update("crds", definition("v1", deprecated=True))
    assert ask(server, "GET", WIDGETS).headers["warning"] == '299 - "example.org/v1 Widget is deprecated"'


def test_status_and_scale_are_there_where_the_definition_says_so(server: APIServer) -> None:
    """Without the subresource the status is written like any field; with it, apart."""
    server.create("crds", definition("v1"))
    made = ask(server, "POST", WIDGETS, widget("a", status={"ready": 1})).body
    assert made["status"] == {"ready": 1}
    assert ask(server, "GET", f"{WIDGETS}/a/status").status == 404
    server.update("crds", definition("v1", subresources={"status": {}}))
    apart = ask(server, "POST", WIDGETS, widget("b", status={"ready": 1})).body
    assert "status" not in apart
    ask(
        server, "PATCH", f"{WIDGETS}/b/status", {"status": {"ready": 2}, "spec": {"x": 1}}, Content_Type=MERGE
    )
    found = ask(server, "GET", f"{WIDGETS}/b").body
    assert (found["status"], "spec" in found) == ({"ready": 2}, False)


def test_an_informer_follows_a_definition_that_comes_and_goes(server: APIServer) -> None:
    """Started before the resource exists, it syncs when the resource does, and is emptied with it."""
    with SharedInformerFactory(server.config) as factory:
        informer = factory.informer("widgets.example.org")
        factory.start()
        server.requests.wait_for(1, "discover")
        server.create("crds", definition("v1"))
        ask(server, "POST", WIDGETS, widget("a"))
        factory.wait_for_cache_sync(60)
        eventually(lambda: "default/a" in informer.lister, 10, lambda: informer.status)
        ask(server, "DELETE", f"{DEFINITIONS}/widgets.example.org")
        eventually(lambda: len(informer.lister) == 0, 10, lambda: informer.status)
