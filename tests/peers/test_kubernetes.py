"""The official client: verbs, pages, watches, its informer, the dynamic client, leader election."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.definitions import definition
from tests.programs import running

from kubeinformer.testing import APIServer, eventually

kubernetes = pytest.importorskip("kubernetes")


@pytest.fixture
def api(server: APIServer) -> Iterator[Any]:
    with kubernetes.config.new_client_from_config(config_file=server.kubeconfig) as client:
        yield client


def test_verbs_and_patches(server: APIServer, api: Any) -> None:
    """Create, read, replace with a conflict, patch, delete, each as typed objects."""
    core = kubernetes.client.CoreV1Api(api)
    made = core.create_namespaced_config_map(
        "default", {"metadata": {"generateName": "made-"}, "data": {"a": "1"}}
    )
    assert made.metadata.uid
    core.patch_namespaced_config_map(made.metadata.name, "default", {"data": {"b": "2"}})
    with pytest.raises(kubernetes.client.ApiException, match="409"):
        core.replace_namespaced_config_map(made.metadata.name, "default", made)
    found = core.read_namespaced_config_map(made.metadata.name, "default")
    assert found.data == {"a": "1", "b": "2"}
    core.delete_namespaced_config_map(made.metadata.name, "default")
    assert server.count("configmaps") == 3


def test_a_strategic_patch_merges_containers(server: APIServer, api: Any) -> None:
    """By name, as it does by default for deployments."""
    apps = kubernetes.client.AppsV1Api(api)
    spec = {"containers": [{"name": "main", "image": "one"}, {"name": "side", "image": "two"}]}
    body = {
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec},
        },
    }
    apps.create_namespaced_deployment("default", body)
    change = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "three"}]}}}}
    patched = apps.patch_namespaced_deployment("web", "default", change)
    assert {one.name: one.image for one in patched.spec.template.spec.containers} == {
        "main": "one",
        "side": "three",
    }
    scaled = apps.patch_namespaced_deployment_scale("web", "default", {"spec": {"replicas": 4}})
    assert scaled.spec.replicas == 4


def test_pages_and_selectors(api: Any) -> None:
    """A token leads on; selectors choose."""
    core = kubernetes.client.CoreV1Api(api)
    first = core.list_config_map_for_all_namespaces(limit=2)
    rest = core.list_config_map_for_all_namespaces(limit=2, _continue=first.metadata._continue)
    assert [one.metadata.name for one in first.items + rest.items] == ["a", "b", "c"]
    found = core.list_config_map_for_all_namespaces(
        label_selector="app in (a,c)", field_selector="metadata.namespace=other"
    )
    assert [one.metadata.name for one in found.items] == ["c"]


def test_a_watch_resumes_and_hears_of_410(server: APIServer, api: Any) -> None:
    """From the version of a list; after lost history the error reaches the caller."""
    core = kubernetes.client.CoreV1Api(api)
    version = core.list_namespaced_config_map("default").metadata.resource_version
    server.delete("configmaps", "a")
    server.create("configmaps", {"metadata": {"name": "d"}})
    seen = []
    stream = kubernetes.watch.Watch()
    for event in stream.stream(
        core.list_namespaced_config_map, "default", resource_version=version, timeout_seconds=5
    ):
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 2:
            stream.stop()
    assert seen == [("DELETED", "a"), ("ADDED", "d")]
    server.expire_history()
    with pytest.raises(kubernetes.client.ApiException, match="410"):
        list(
            kubernetes.watch.Watch().stream(
                core.list_namespaced_config_map, "default", resource_version=version, timeout_seconds=2
            )
        )


def test_its_informer_follows_changes(server: APIServer, api: Any) -> None:
    """It lists, watches, and tells its handlers."""
    informer = pytest.importorskip("kubernetes.informer")
    core = kubernetes.client.CoreV1Api(api)
    shared = informer.SharedInformer(core.list_namespaced_config_map, namespace="default")
    told: list[tuple[str, str]] = []
    for kind in (informer.ADDED, informer.MODIFIED, informer.DELETED):
        shared.add_event_handler(kind, lambda found, kind=kind: told.append((kind, found.metadata.name)))
    shared.start()
    try:
        eventually(lambda: {("ADDED", "a"), ("ADDED", "b")} <= set(told))
        server.wait_for_watches(1, "configmaps")
        server.patch("configmaps", "a", {"data": {"k": "w"}})
        server.delete("configmaps", "b")
        eventually(lambda: told[-2:] == [("MODIFIED", "a"), ("DELETED", "b")])
    finally:
        threading.Thread(target=server.close_watches, daemon=True).start()
        shared.stop()


def test_the_dynamic_client_finds_a_new_resource(server: APIServer, api: Any) -> None:
    """Discovery in the old form, then verbs on a custom resource, server-side apply included."""
    server.create("crds", definition("v1"))
    client = kubernetes.dynamic.DynamicClient(api)
    widgets = client.resources.get(api_version="example.org/v1", kind="Widget")
    body = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}}
    widgets.create(body=body, namespace="default")
    applied = widgets.server_side_apply(
        body={**body, "spec": {"size": 2}},
        name="w",
        namespace="default",
        field_manager="peer",
        force_conflicts=True,
    )
    assert applied.spec.size == 2
    assert [one.metadata.name for one in widgets.get(namespace="default").items] == ["w"]
    widgets.delete(name="w", namespace="default")
    assert server.count("widgets") == 0


ELECTION = """
import sys
from kubernetes import client, config
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock

config.load_kube_config(sys.argv[1])
leaderelection.LeaderElection(
    electionconfig.Config(
        ConfigMapLock("lock", "default", "me"),
        lease_duration=17,
        renew_deadline=15,
        retry_period=5,
        onstarted_leading=lambda: print("leading", flush=True),
        onstopped_leading=None,
    )
).run()
"""


def test_leader_election_takes_the_lock(server: APIServer) -> None:
    """Its elector creates the lock, and leads."""
    with running([sys.executable, "-c", ELECTION, server.kubeconfig]) as elector:
        assert elector.stdout is not None
        assert any(line.strip() == "leading" for line in elector.stdout)
    lock = server.get("configmaps", "lock")
    assert "control-plane.alpha.kubernetes.io/leader" in lock["metadata"]["annotations"]
