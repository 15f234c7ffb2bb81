"""Events on a real kube-apiserver: it validates what it is sent, and shows it as people know it."""

from __future__ import annotations

import pytest

from kubeinformer import Client
from kubeinformer.events.event_recorder import EventRecorder
from kubeinformer.testing import ControlPlane

EVENTS = "events.events.k8s.io"
pytestmark = pytest.mark.control_plane


def test_events_and_series_are_taken(
    kubernetes_control_plane: ControlPlane, kubernetes_namespace: str
) -> None:
    """Invariants 288, 290, 299, 303, 304: creation, patches, a series that begins late or anew; found by `regarding`."""
    with (
        Client(kubernetes_control_plane.config) as client,
        EventRecorder(kubernetes_control_plane.config, "example.com/shopkeeper") as recorder,
    ):
        first, second = (
            client.create("configmaps", {"metadata": {"name": name}}, kubernetes_namespace)
            for name in ("first", "second")
        )
        for count in (1, 2, 3):
            recorder.event(
                first, "Warning", "Broken", "ä" * 2000 + f" {count}", action="Mend", related=second
            )
            assert recorder.flush()
        for _ in range(5):
            recorder.event(second, "Normal", "R" * 500, "")
        assert recorder.flush()
        one, other = sorted(
            client.list(EVENTS, kubernetes_namespace), key=lambda event: str(event["regarding"]["name"])
        )
        for name, event in (("first", one), ("second", other)):
            selector = {"regarding.kind": "ConfigMap", "regarding.name": name}
            assert client.list(EVENTS, kubernetes_namespace, field_selector=selector) == [event]
        assert one["series"]["count"] == 3
        assert one["series"]["lastObservedTime"] > one["eventTime"]
        assert (one["regarding"]["uid"], one["related"]["uid"]) == (first.uid, second.uid)
        assert (one["reportingController"], one["action"]) == ("example.com/shopkeeper", "Mend")
        assert len(one["note"].encode()) == 1024
        assert (other["series"]["count"], other["reason"]) == (5, "R" * 128)
        client.delete(EVENTS, one.name, kubernetes_namespace)
        recorder.event(first, "Warning", "Broken", "again", action="Mend", related=second)
        assert recorder.flush()
        again = client.get(EVENTS, one.name, kubernetes_namespace)
        assert (again["series"]["count"], again["eventTime"]) == (4, one["eventTime"])
        legacy = client.get("v1/events", one.name, kubernetes_namespace)
        assert (legacy["involvedObject"]["name"], legacy["series"]["count"]) == ("first", 4)
        assert recorder.counts["failed"] == 0


def test_objects_without_a_namespace_and_with_odd_names(kubernetes_control_plane: ControlPlane) -> None:
    """Invariants 293, 298: events about a cluster role whose name no event may have are in `default`, and valid."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "Odd:Role_1"},
    }
    with (
        Client(kubernetes_control_plane.config) as client,
        EventRecorder(kubernetes_control_plane.config, "odd-shopkeeper") as recorder,
    ):
        recorder.event(role, "Normal", "Seen", "odd")
        assert recorder.flush()
        [event] = [
            event
            for event in client.list(EVENTS, "default")
            if event["reportingController"] == "odd-shopkeeper"
        ]
        assert event.name.startswith("odd-role-1.")
        assert event["regarding"]["name"] == "Odd:Role_1"
        client.delete(EVENTS, event.name, "default")


def test_create_without_patch(
    kubernetes_control_plane: ControlPlane, kubernetes_namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Rights for single events, as RBAC before an upgrade has them: they arrive, and one line says what is missing."""
    kubernetes_control_plane.user(
        "restricted",
        rules=[{"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]}],
        namespace=kubernetes_namespace,
    )
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": kubernetes_namespace}}
    with (
        Client(kubernetes_control_plane.config) as client,
        EventRecorder(kubernetes_control_plane.user_config("restricted"), "shopkeeper") as recorder,
    ):
        for _ in range(4):
            recorder.event(pod, "Normal", "Made", "words")
            assert recorder.flush()
        [event] = client.list(EVENTS, kubernetes_namespace)
        assert "series" not in event
    [line] = [record.getMessage() for record in caplog.records if record.name.startswith("kubeinformer")]
    assert f"shopkeeper may not patch {EVENTS}" in line
