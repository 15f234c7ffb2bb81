"""Which objects a field selector takes on the in-memory server, and what it says of a field that it does not know."""

from __future__ import annotations

from typing import Any

import pytest
from tests.definitions import definition
from tests.testing.asking import ask

from kubeinformer.testing import APIServer

CORE_EVENTS = "/api/v1/namespaces/default/events"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
ABOUT = {
    "kind": "Pod",
    "namespace": "default",
    "name": "a",
    "uid": "u-1",
    "apiVersion": "v1",
    "resourceVersion": "7",
    "fieldPath": "spec.containers{main}",
}
CORE_EVENT: dict[str, Any] = {
    "metadata": {"name": "core"},
    "involvedObject": ABOUT,
    "reason": "Tested",
    "type": "Normal",
    "source": {"component": "kubelet", "host": "n-1"},
    "reportingComponent": "example.org/a",
}
PATHS = {
    "jobs": "/apis/batch/v1/jobs",
    "nodes": "/api/v1/nodes",
    "podcertificaterequests": "/apis/certificates.k8s.io/v1/podcertificaterequests",
    "pods": "/api/v1/pods",
    "replicationcontrollers": "/api/v1/replicationcontrollers",
    "resourceslices": "/apis/resource.k8s.io/v1/resourceslices",
    "secrets": "/api/v1/secrets",
    "services": "/api/v1/services",
}
NEW_EVENT: dict[str, Any] = {
    "metadata": {"name": "new"},
    "regarding": ABOUT,
    "reason": "Tested",
    "type": "Normal",
    "reportingController": "example.org/a",
}


def selected(server: APIServer, path: str, selector: str) -> set[str]:
    """Return the names of what a field selector takes; `=` and `{` are percent-encoded here."""
    text = selector.replace("=", "%3D").replace("{", "%7B").replace("}", "%7D")
    status, _, body = ask(server, "GET", f"{path}?fieldSelector={text}")
    assert status == 200, body
    return {item["metadata"]["name"] for item in body["items"]}


@pytest.mark.parametrize("part", sorted(ABOUT))
def test_events_of_both_versions_are_selected_by_what_they_are_about(part: str) -> None:
    """KEP-383: `involvedObject` and `regarding` are one field, whichever version wrote the event and lists it."""
    with APIServer() as server:
        assert ask(server, "POST", CORE_EVENTS, CORE_EVENT).status == 201
        assert ask(server, "POST", EVENTS, NEW_EVENT).status == 201
        for path, field in ((CORE_EVENTS, "involvedObject"), (EVENTS, "regarding")):
            assert selected(server, path, f"{field}.{part}={ABOUT[part]}") == {"core", "new"}
            assert selected(server, path, f"{field}.{part}!={ABOUT[part]}") == set()
            assert selected(server, path, f"{field}.{part}=other") == set()


@pytest.mark.parametrize(
    ("path", "selector", "names"),
    [
        (CORE_EVENTS, "reportingComponent=example.org/a", {"core", "new"}),
        (EVENTS, "reportingController=example.org/a", {"core", "new"}),
        (CORE_EVENTS, "source=kubelet", {"core"}),
        (CORE_EVENTS, "source=example.org/a", {"new"}),
        (CORE_EVENTS, "source=", set()),
        (EVENTS, "reason=Tested,type=Normal", {"core", "new"}),
        (EVENTS, "metadata.name=core", {"core"}),
    ],
)
def test_events_are_selected_by_who_reports_them(path: str, selector: str, names: set[str]) -> None:
    """The source of an event is its component, or else its controller, as a real server has it."""
    with APIServer() as server:
        ask(server, "POST", CORE_EVENTS, CORE_EVENT)
        ask(server, "POST", EVENTS, NEW_EVENT)
        assert selected(server, path, selector) == names


def test_a_watch_of_one_version_selects_what_the_other_wrote() -> None:
    """A watch of `events.k8s.io/v1` by `regarding.name` shows the events of that object that `v1` wrote."""
    with APIServer() as server:
        ask(server, "POST", CORE_EVENTS, CORE_EVENT)
        other = {"metadata": {"name": "other"}, "involvedObject": {**ABOUT, "name": "b"}}
        ask(server, "POST", CORE_EVENTS, other)
        query = "watch=1&timeoutSeconds=1&resourceVersion=0&fieldSelector=regarding.name%3Da"
        event = ask(server, "GET", f"{EVENTS}?{query}").body
        assert (event["type"], event["object"]["regarding"]) == ("ADDED", ABOUT)


@pytest.mark.parametrize(
    ("resource", "bodies", "selector", "names"),
    [
        ("pods", {"a": {"spec": {"nodeName": "n"}}, "b": {}}, "spec.host=n", {"a"}),
        ("pods", {"a": {"spec": {"hostNetwork": True}}, "b": {}}, "spec.hostNetwork=true", {"a"}),
        ("pods", {"a": {"spec": {"hostNetwork": True}}, "b": {}}, "spec.hostNetwork=false", {"b"}),
        ("pods", {"a": {"spec": {"restartPolicy": "Never"}}, "b": {}}, "spec.restartPolicy=Always", {"b"}),
        ("pods", {"a": {"spec": {"schedulerName": "s"}}, "b": {}}, "spec.schedulerName=s", {"a"}),
        ("pods", {"a": {}}, "spec.schedulerName=default-scheduler", {"a"}),
        ("pods", {"a": {"spec": {"serviceAccount": "s"}}}, "spec.serviceAccountName=s", {"a"}),
        ("nodes", {"a": {"spec": {"unschedulable": True}}, "b": {}}, "spec.unschedulable=true", {"a"}),
        ("nodes", {"a": {"spec": {"unschedulable": True}}, "b": {}}, "spec.unschedulable=false", {"b"}),
        ("secrets", {"a": {"type": "example.org/t"}, "b": {}}, "type=Opaque", {"b"}),
        ("services", {"a": {"spec": {"type": "NodePort"}}, "b": {}}, "spec.type=ClusterIP", {"b"}),
        ("services", {"a": {"spec": {"type": "NodePort"}}, "b": {}}, "spec.type!=ClusterIP", {"a"}),
        ("services", {"a": {"spec": {"clusterIP": "None"}}, "b": {}}, "spec.clusterIP=None", {"a"}),
        (
            "resourceslices",
            {"a": {"spec": {"pool": {"name": "p"}, "driver": "d"}}, "b": {"spec": {"driver": "d"}}},
            "spec.pool.name=p,spec.driver=d",
            {"a"},
        ),
        ("podcertificaterequests", {"a": {"spec": {"podName": "p"}}, "b": {}}, "spec.podName=p", {"a"}),
    ],
)
def test_a_field_has_the_value_that_a_real_server_selects_by(
    resource: str, bodies: dict[str, dict[str, Any]], selector: str, names: set[str]
) -> None:
    """Numbers and booleans as text; what is left out counts as its default; old names are those of the new ones."""
    with APIServer() as server:
        for name, body in bodies.items():
            server.create(resource, {"metadata": {"name": name}, **body})
        assert selected(server, PATHS[resource], selector) == names


@pytest.mark.parametrize(
    ("resource", "statuses", "selector", "names"),
    [
        ("jobs", {"a": {"succeeded": 3}, "b": {}}, "status.successful=3", {"a"}),
        ("jobs", {"a": {"succeeded": 3}, "b": {}}, "status.successful=0", {"b"}),
        ("replicationcontrollers", {"a": {"replicas": 2}, "b": {}}, "status.replicas=2", {"a"}),
        ("replicationcontrollers", {"a": {"replicas": 2}, "b": {}}, "status.replicas=0", {"b"}),
        ("pods", {"a": {"podIPs": [{"ip": "10.0.0.1"}]}, "b": {}}, "status.podIP=10.0.0.1", {"a"}),
        ("pods", {"a": {"podIP": "10.0.0.1"}, "b": {}}, "status.podIP=10.0.0.1", {"a"}),
        ("pods", {"a": {"podIPs": [{"ip": "10.0.0.1"}]}}, "status.podIPs=10.0.0.1", set()),
        ("pods", {"a": {"podIPs": [{"ip": "10.0.0.1"}]}}, "status.podIPs=", {"a"}),
    ],
)
def test_a_field_of_the_status_has_the_value_that_a_real_server_selects_by(
    resource: str, statuses: dict[str, dict[str, Any]], selector: str, names: set[str]
) -> None:
    """A counter that is left out is 0; a pod's address is its first one, and `status.podIPs` selects nothing."""
    with APIServer() as server:
        for name, status in statuses.items():
            server.create(resource, {"metadata": {"name": name}, "status": status})
        assert selected(server, PATHS[resource], selector) == names


def test_fields_of_custom_resources_are_text() -> None:
    """KEP-4358: selectable fields are strings, integers or booleans, and are compared as Go prints them."""
    fields = [{"jsonPath": ".spec.size"}, {"jsonPath": ".spec.ready"}]
    with APIServer() as server:
        server.create("crds", definition("v1", selectableFields=fields))
        path = "/apis/example.org/v1/namespaces/default/widgets"
        server.create("widgets", {"metadata": {"name": "a"}, "spec": {"size": 0, "ready": False}})
        server.create("widgets", {"metadata": {"name": "b"}, "spec": {"size": 2, "ready": True}})
        server.create("widgets", {"metadata": {"name": "c"}})
        assert selected(server, path, "spec.size=0,spec.ready=false") == {"a"}
        assert selected(server, path, "spec.size=2,spec.ready=true") == {"b"}
        assert selected(server, path, "spec.size=,spec.ready=") == {"c"}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/v1/pods", "field label not supported: spec.x"),
        ("/apis/example.org/v1/widgets", "field label not supported: spec.x"),
        ("/apis/batch/v1/jobs", 'field label "spec.x" not supported for Job'),
        (
            "/apis/resource.k8s.io/v1/resourceslices",
            "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: spec.x",
        ),
        (
            "/api/v1/configmaps",
            '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
    ],
)
def test_a_field_that_is_not_known_is_refused_in_the_words_of_its_kind(path: str, words: str) -> None:
    """400, with the message that a real server has for the kind."""
    with APIServer() as server:
        server.create("crds", definition("v1"))
        status, _, refusal = ask(server, "GET", f"{path}?fieldSelector=spec.x%3Da")
        assert (status, refusal["reason"], refusal["message"]) == (400, "BadRequest", words)
