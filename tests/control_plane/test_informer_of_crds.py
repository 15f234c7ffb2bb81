"""Case C50 on the real server: a CRD that is not there yet, goes, and comes back with another version."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from tests.history import History, eventually

from kubeinformer import BackgroundError, SharedInformerFactory
from kubeinformer.testing.control_plane import ControlPlane

pytestmark = pytest.mark.control_plane
GROUP = "cases.example.com"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WAIT = 40.0  # seconds; the case allows 10 for the first add and 30 for the one after the re-creation


def _crd(*served: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "kind": "CustomResourceDefinition",
        "apiVersion": "apiextensions.k8s.io/v1",
        "metadata": {"name": f"gadgets.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
            "versions": [
                {"name": name, "served": True, "storage": name == served[0], "schema": copy.deepcopy(schema)}
                for name in served
            ],
        },
    }


class Stage:
    """An informer of gadgets, before there is such a thing."""

    def __init__(self, control_plane: ControlPlane, resource: str) -> None:
        self.control_plane = control_plane
        self.errors: list[BackgroundError] = []
        self.history = History()
        self.factory = SharedInformerFactory(control_plane.config, on_error=self.errors.append)
        self.gadgets = self.factory.informer(resource)
        self.gadgets.add_event_handler(self.history.on_add, self.history.on_update, self.history.on_delete)
        self.pods = self.factory.informer("pods")
        self.factory.start()

    def create(self, version: str, name: str) -> None:
        body = {"kind": "Gadget", "apiVersion": f"{GROUP}/{version}", "metadata": {"name": name}}
        path = f"/apis/{GROUP}/{version}/namespaces/default/gadgets"
        eventually(lambda: self.control_plane.request("POST", path, body)[0] == 201, WAIT, str)

    def delete_crd(self) -> None:
        path = f"{DEFINITIONS}/gadgets.{GROUP}"
        self.control_plane.request("DELETE", path)
        eventually(lambda: self.control_plane.request("GET", path)[0] == 404, WAIT, str)

    def until_told(self, *expected: str) -> None:
        eventually(
            lambda: sorted(self.history.objects) == sorted(expected), WAIT, lambda: self.gadgets.status
        )
        assert self.history.faults == []


@pytest.fixture(params=[f"gadgets.{GROUP}"])
def stage(control_plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage = Stage(control_plane, request.param)
    with stage.factory:
        yield stage
        stage.delete_crd()


def test_a_crd_that_comes_goes_and_comes_back_with_another_version(stage: Stage) -> None:
    """Case C50, regression 7: never an exit; added, deleted, the store empty, 404 told, and added again."""
    eventually(lambda: stage.pods.has_synced, WAIT, lambda: stage.pods.status)
    assert "has no resource" in stage.gadgets.status.reason
    stage.control_plane.install_crd(_crd("v1"))
    stage.create("v1", "a")
    stage.until_told("default/a")
    stage.delete_crd()
    stage.until_told()
    assert len(stage.gadgets.lister) == 0
    eventually(lambda: any(error.status == 404 for error in stage.errors), WAIT, lambda: stage.errors)
    stage.control_plane.install_crd(_crd("v2"))
    stage.create("v2", "a")
    stage.until_told("default/a")
    assert stage.gadgets.lister.get("a", "default").api_version == f"{GROUP}/v2"
    assert stage.pods.status.lists == 1


@pytest.mark.parametrize("stage", [f"{GROUP}/v1/gadgets"], indirect=True)
def test_a_version_that_is_served_no_more_is_named(stage: Stage) -> None:
    """Case C50: who asked for v1 is told that the server has none, and the cache empties."""
    stage.control_plane.install_crd(_crd("v1"))
    stage.create("v1", "a")
    stage.until_told("default/a")
    stage.delete_crd()
    stage.control_plane.install_crd(_crd("v2"))
    stage.until_told()
    eventually(lambda: f"{GROUP}/v1" in stage.gadgets.status.reason, WAIT, lambda: stage.gadgets.status)
