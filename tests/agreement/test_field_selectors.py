"""Both servers select by the same fields, by the same values of them, and refuse others in the same words."""

from __future__ import annotations

from typing import Any

import pytest
from tests.agreement.conftest import fresh_pair, version_of
from tests.agreement.servers import MERGE, Pair
from tests.definitions import definition

from kubeinformer.testing import APIServer, ControlPlane
from kubeinformer.testing.api_server.built_in_resources import built_in_resources
from kubeinformer.testing.api_server.served_resources import METADATA_FIELDS

pytestmark = pytest.mark.control_plane
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
CORE = "/api/v1/namespaces/{ns}"
NEW_EVENTS = "/apis/events.k8s.io/v1/namespaces/{ns}/events"
POD_SPEC = {"containers": [{"name": "main", "image": "none"}]}
TEMPLATE = {"metadata": {"labels": {"app": "a"}}, "spec": POD_SPEC}
SLICE = {"driver": "example.org", "allNodes": True, "devices": []}
ABOUT = {
    "kind": "Pod",
    "namespace": "{ns}",
    "name": "a",
    "uid": "u-1",
    "apiVersion": "v1",
    "resourceVersion": "7",
    "fieldPath": "spec.x",
}
CORE_EVENT = {
    "involvedObject": ABOUT,
    "reason": "Tested",
    "type": "Normal",
    "source": {"component": "kubelet"},
    "reportingComponent": "example.org/a",
}
NEW_EVENT = {
    "eventTime": "2026-01-01T00:00:00.000000Z",
    "regarding": ABOUT,
    "reason": "Tested",
    "type": "Normal",
    "action": "Test",
    "reportingController": "example.org/a",
    "reportingInstance": "a",
}


def make(
    pair: Pair, path: str, name: str, body: dict[str, Any], status: dict[str, Any] | None = None
) -> None:
    """Create an object, labelled with the test's namespace, on both servers, and give it a status."""
    metadata = {"name": name, "labels": {"of": "{ns}"}}
    made = pair.ask("POST", path, {"metadata": metadata, **body}, accept=METADATA, ignore=("managedFields",))
    assert made.status == 201, made
    if status is not None:
        one = f"{path}/{name}"
        pair.ask("PATCH", f"{one}/status", {"status": status}, MERGE, METADATA, ignore=("managedFields",))


def selected(pair: Pair, path: str, selector: str) -> list[str]:
    """Compare what both select of a test's objects, and return the names."""
    query = f"labelSelector=of%3D{{ns}}&fieldSelector={selector.replace('=', '%3D')}"
    found = pair.ask("GET", f"{path}?{query}", accept=METADATA_LIST, ignore=("managedFields",))
    assert found.status == 200, found
    return [item["metadata"]["name"] for item in found.body["items"] or ()]


def test_every_kind_is_selected_by_the_same_fields(pair: Pair, real_server: ControlPlane) -> None:
    """Each name by which some kind can be selected: taken by both or refused in the same words.

    Where a kind has no fields but those of the metadata, the words of the refusal name them, so that one name suffices.
    """
    served_by_both = built_in_resources(version_of(real_server))
    kinds = [served for served in served_by_both if "watch" in served.resource.verbs]
    all_names = {name for served in kinds for name in served.selectable_fields}
    for served in kinds:
        others = set() if served.selectable_fields == METADATA_FIELDS else all_names
        for name in sorted({"spec.none", *METADATA_FIELDS, *others}):
            pair.ask("GET", f"{served.resource.path()}?limit=1&fieldSelector={name}%3Dnone")


def test_custom_resources_are_selected_by_the_same_fields(real_server: ControlPlane) -> None:
    """Those of the definition, with numbers and booleans as text; others are refused in the same words."""
    properties = {"size": {"type": "integer"}, "ready": {"type": "boolean"}}
    crd = definition(
        "v1",
        group="fields.example.org",
        schema={"openAPIV3Schema": _object(spec=_object(**properties))},
        selectableFields=[{"jsonPath": ".spec.size"}, {"jsonPath": ".spec.ready"}],
    )
    with APIServer(version=version_of(real_server)) as memory:
        real_server.install_crd(crd)
        memory.create("crds", crd)
        pair = fresh_pair(real_server, memory)
        path = "/apis/fields.example.org/v1/namespaces/{ns}/widgets"
        kind = {"apiVersion": "fields.example.org/v1", "kind": "Widget"}
        make(pair, path, "a", {**kind, "spec": {"size": 0, "ready": False}})
        make(pair, path, "b", {**kind, "spec": {"size": 2, "ready": True}})
        make(pair, path, "c", kind)
        assert selected(pair, path, "spec.size=0,spec.ready=false") == ["a"]
        assert selected(pair, path, "spec.size=2,spec.ready=true") == ["b"]
        assert selected(pair, path, "spec.size=,spec.ready=") == ["c"]
        pair.ask("GET", f"{path}?fieldSelector=spec.none%3Dx")
        pair.close()


def test_events_are_selected_whichever_version_wrote_them(pair: Pair) -> None:
    """KEP-383: each field under its name in either version, of an event of either version."""
    make(pair, f"{CORE}/events", "core", CORE_EVENT)
    make(pair, NEW_EVENTS, "new", NEW_EVENT)
    both = ["core", "new"]
    for path, about in ((f"{CORE}/events", "involvedObject"), (NEW_EVENTS, "regarding")):
        for part, value in ABOUT.items():
            assert selected(pair, path, f"{about}.{part}={value}") == both
            assert selected(pair, path, f"{about}.{part}!={value}") == []
        assert selected(pair, path, "reason=Tested,type=Normal") == both
    assert selected(pair, f"{CORE}/events", "reportingComponent=example.org/a") == both
    assert selected(pair, NEW_EVENTS, "reportingController=example.org/a") == both
    assert selected(pair, f"{CORE}/events", "source=kubelet") == ["core"]
    assert selected(pair, f"{CORE}/events", "source=example.org/a") == ["new"]


def test_pods_are_selected_by_the_same_values(pair: Pair) -> None:
    """Defaults, booleans, the old name of the node, and the addresses."""
    path = f"{CORE}/pods"
    own = {"hostNetwork": True, "restartPolicy": "Never", "schedulerName": "s", "serviceAccountName": "sa"}
    addresses = {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}
    make(pair, path, "a", {"spec": {**POD_SPEC, **own, "nodeName": "n"}}, addresses)
    make(pair, path, "b", {"spec": {**POD_SPEC, "serviceAccount": "old"}}, {"podIP": "10.0.0.2"})
    for selector in (
        "spec.host=n",
        "spec.nodeName=n",
        "spec.hostNetwork=true",
        "spec.restartPolicy=Never",
        "spec.restartPolicy!=Always",
        "spec.schedulerName=s",
        "spec.serviceAccountName=sa",
        "status.phase=Running",
        "status.podIP=10.0.0.1",
    ):
        assert selected(pair, path, selector) == ["a"], selector
    for selector in (
        "spec.hostNetwork=false",
        "spec.restartPolicy=Always",
        "spec.schedulerName=default-scheduler",
        "spec.serviceAccountName=old",
        "status.phase=Pending",
        "status.podIP=10.0.0.2",
        "spec.nodeName=",
    ):
        assert selected(pair, path, selector) == ["b"], selector
    assert selected(pair, path, "status.podIPs=10.0.0.1") == []
    assert selected(pair, path, "status.podIPs=") == ["a", "b"]


@pytest.mark.parametrize(
    ("path", "bodies", "statuses", "field", "values"),
    [
        (
            f"{CORE}/services",
            [{"spec": {"ports": [{"port": 80}], "type": "NodePort"}}, {"spec": {"ports": [{"port": 80}]}}],
            [],
            "spec.type",
            ["NodePort", "ClusterIP"],
        ),
        (
            f"{CORE}/services",
            [{"spec": {"clusterIP": "None"}}, {"spec": {"type": "ExternalName", "externalName": "a.org"}}],
            [],
            "spec.clusterIP",
            ["None", ""],
        ),
        (f"{CORE}/secrets", [{"type": "example.org/a"}, {}], [], "type", ["example.org/a", "Opaque"]),
        (
            f"{CORE}/replicationcontrollers",
            [{"spec": {"selector": {"app": "a"}, "template": TEMPLATE}}] * 2,
            [{"replicas": 2}, None],
            "status.replicas",
            ["2", "0"],
        ),
        (
            "/apis/batch/v1/namespaces/{ns}/jobs",
            [{"spec": {"template": {"spec": {**POD_SPEC, "restartPolicy": "Never"}}}}] * 2,
            [{"succeeded": 3, "startTime": "2026-01-01T00:00:00Z"}, None],
            "status.successful",
            ["3", "0"],
        ),
        (
            "/api/v1/nodes",
            [{"spec": {"unschedulable": True}}, {}],
            [],
            "spec.unschedulable",
            ["true", "false"],
        ),
        (
            "/apis/resource.k8s.io/v1/resourceslices",
            [
                {"spec": {**SLICE, "pool": {"name": name, "generation": 1, "resourceSliceCount": 1}}}
                for name in ("p", "q")
            ],
            [],
            "spec.pool.name",
            ["p", "q"],
        ),
    ],
    ids=["type", "cluster-ip", "secret", "replicas", "succeeded", "node", "slice"],
)
def test_other_kinds_are_selected_by_the_same_values(
    pair: Pair, path: str, bodies: list[Any], statuses: list[Any], field: str, values: list[str]
) -> None:
    """Two objects of a kind, one by its value, the other by what counts where it has none."""
    if pair.ask("GET", f"{path}?fieldSelector={field}%3Dnone").status == 400:
        pytest.skip("this version cannot select by it")  # as 1.34 does not know the pool of a slice
    names = ["{ns}-a", "{ns}-b"]
    for name, body, status in zip(names, bodies, statuses or [None, None], strict=True):
        make(pair, path, name, body, status)
    own = [f"{pair.real.names['ns']}-{letter}" for letter in "ab"]
    for name, value in zip(own, values, strict=True):
        assert selected(pair, path, f"{field}={value}") == [name]
        assert selected(pair, path, f"{field}!={value}") == [other for other in own if other != name]


def _object(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}
