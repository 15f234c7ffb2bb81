"""The built-in kinds of the in-memory server, as they were recorded from a real one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.testing.asking import MERGE, ask

from kubeinformer import Client
from kubeinformer.testing import APIServer
from kubeinformer.testing.api_server.built_in_resources import built_in_resources, recorded_versions

PODS = "/api/v1/namespaces/default/pods"


def test_every_built_in_kind_is_served() -> None:
    """Each can be discovered in both forms, and listed where it can be."""
    with APIServer() as server, Client(server.config) as client:
        resources = built_in_resources("v1.37.2")
        assert len(resources) > 60
        for served in resources:
            resource = served.resource
            path = (
                f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
            )
            found = ask(server, "GET", path).body["resources"]
            [entry] = [entry for entry in found if entry["name"] == resource.name]
            assert (entry["kind"], tuple(entry["verbs"])) == (resource.kind, resource.verbs)
            if "list" in resource.verbs:
                assert isinstance(client.list(f"{resource.api_version}/{resource.name}"), list)


def test_an_unknown_version_is_served_as_the_newest_one() -> None:
    """A future server has at least what is known today."""
    assert built_in_resources("v1.99.0") == built_in_resources(f"{recorded_versions()[-1]}.0")


@pytest.mark.parametrize("field", ["status.phase", "spec.nodeName", "metadata.name"])
def test_pods_can_be_selected_by_their_fields(field: str) -> None:
    """The fields of the real server, and no others."""
    with APIServer() as server:
        assert ask(server, "GET", f"{PODS}?fieldSelector={field}%3Dx").status == 200
        assert ask(server, "GET", f"{PODS}?fieldSelector=spec.color%3Dx").status == 400


def test_both_kinds_of_events_are_the_same_objects() -> None:
    """KEP-383: written in `events.k8s.io/v1`, read in `v1`, with the fields under their other names."""
    regarding = {"kind": "Pod", "name": "a", "namespace": "default"}
    event: dict[str, Any] = {
        "metadata": {"name": "e"},
        "regarding": regarding,
        "note": "hello",
        "reason": "Tested",
    }
    with APIServer() as server:
        path = "/apis/events.k8s.io/v1/namespaces/default/events"
        assert ask(server, "POST", path, event).status == 201
        core = ask(server, "GET", "/api/v1/namespaces/default/events/e").body
        assert (core["kind"], core["apiVersion"]) == ("Event", "v1")
        assert (core["involvedObject"], core["message"], core["reason"]) == (regarding, "hello", "Tested")
        change = {"message": "changed"}
        ask(server, "PATCH", "/api/v1/namespaces/default/events/e", change, Content_Type=MERGE)
        assert ask(server, "GET", f"{path}/e").body["note"] == "changed"


def test_an_update_makes_a_lease_that_is_not_there() -> None:
    """Some kinds are made by PUT, as the real server allows it for them; others are not found."""
    with APIServer() as server:
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"}}
        path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/a"
        made = ask(server, "PUT", path, lease)
        assert (made.status, made.body["spec"]) == (201, {})
        assert ask(server, "PUT", path, lease).status == 422
        assert ask(server, "PUT", path, made.body).status == 200
        maps = "/api/v1/namespaces/default/configmaps/a"
        assert ask(server, "PUT", maps, {"metadata": {"name": "a"}}).status == 404


def test_deployments_scale() -> None:
    """`scale` shows and sets the replicas, with the selector as text, and counts a generation."""
    spec = {"replicas": 2, "selector": {"matchLabels": {"b": "2", "a": "1"}}, "template": {}}
    with APIServer() as server:
        server.create("deployments", {"metadata": {"name": "web"}, "spec": spec})
        path = "/apis/apps/v1/namespaces/default/deployments/web"
        scale = ask(server, "GET", f"{path}/scale").body
        assert (scale["kind"], scale["spec"], scale["status"]) == (
            "Scale",
            {"replicas": 2},
            {"replicas": 0, "selector": "a=1,b=2"},
        )
        changed = ask(server, "PATCH", f"{path}/scale", {"spec": {"replicas": 5}}, Content_Type=MERGE).body
        assert changed["spec"] == {"replicas": 5}
        found = ask(server, "GET", path).body
        assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (5, 2)
        stale = {**scale, "spec": {"replicas": 1}}
        assert ask(server, "PUT", f"{path}/scale", stale).status == 409
        negative = {"spec": {"replicas": -1}}
        assert ask(server, "PATCH", f"{path}/scale", negative, Content_Type=MERGE).status == 422


def test_pods_are_bound_and_evicted() -> None:
    """A scheduler's binding sets the node; an eviction deletes."""
    with APIServer() as server:
        server.create("pods", {"metadata": {"name": "a"}})
        binding = {
            "kind": "Binding",
            "apiVersion": "v1",
            "metadata": {"name": "a"},
            "target": {"name": "n-1"},
        }
        assert ask(server, "POST", f"{PODS}/a/binding", binding).status == 201
        assert server.get("pods", "a")["spec"]["nodeName"] == "n-1"
        assert ask(server, "POST", f"{PODS}/a/eviction", {"metadata": {"name": "a"}}).status == 201
        assert server.count("pods") == 0
        assert ask(server, "POST", f"{PODS}/a/eviction", {}).status == 404


def test_a_service_account_gets_tokens() -> None:
    """TokenRequest (KEP-1205): a token, and when it ends."""
    with APIServer() as server:
        server.create("serviceaccounts", {"metadata": {"name": "builder"}})
        path = "/api/v1/namespaces/default/serviceaccounts/builder/token"
        answer = ask(server, "POST", path, {"spec": {"expirationSeconds": 600}}).body
        assert answer["kind"] == "TokenRequest"
        assert answer["status"]["token"].count(".") == 2


def test_what_is_not_emulated_says_so() -> None:
    """501 names it, where a real server would need a node."""
    with APIServer() as server:
        server.create("pods", {"metadata": {"name": "a"}})
        status, _, refusal = ask(server, "GET", f"{PODS}/a/log")
        assert (status, refusal["message"]) == (501, "get pods/log is not emulated by this server")


def test_a_deprecated_kind_warns() -> None:
    """KEP-1693: the header of the real server."""
    with APIServer() as server:
        warning = ask(server, "GET", "/api/v1/endpoints").headers["warning"]
        assert (
            warning == '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"'
        )
