"""kubernetes_asyncio, lightkube, kr8s and cloudcoil: lists, watches, writes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from importlib import import_module
from typing import Any

import pytest
from tests.definitions import definition

from kubeinformer.testing import APIServer, eventually, eventually_async


def run(body: Coroutine[Any, Any, object]) -> None:
    """Run a test's coroutine, for a while at most."""
    asyncio.run(asyncio.wait_for(body, 60))


def test_kubernetes_asyncio_lists_and_watches(server: APIServer) -> None:
    """Its watch says `watch=True`."""
    kubernetes_asyncio = pytest.importorskip("kubernetes_asyncio")

    async def body() -> None:
        from kubernetes_asyncio import client, config, watch

        async with await config.new_client_from_config(config_file=server.kubeconfig) as api:
            core = client.CoreV1Api(api)
            listed = await core.list_namespaced_config_map("default")
            assert [one.metadata.name for one in listed.items] == ["a", "b"]
            server.create("configmaps", {"metadata": {"name": "d"}})
            async with watch.Watch() as stream:
                version = listed.metadata.resource_version
                async for event in stream.stream(
                    core.list_namespaced_config_map, "default", resource_version=version
                ):
                    assert (event["type"], event["object"].metadata.name) == ("ADDED", "d")
                    break

    assert kubernetes_asyncio
    run(body())


def test_lightkube_applies_and_watches(server: APIServer) -> None:
    """Server-side apply creates and changes; a watch follows."""
    pytest.importorskip("lightkube")
    from lightkube import Client, KubeConfig
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import ConfigMap

    client = Client(config=KubeConfig.from_file(server.kubeconfig), field_manager="peer")
    assert [one.metadata.name for one in client.list(ConfigMap, namespace="*")] == ["a", "b", "c"]
    for value in ("1", "2"):
        client.apply(
            ConfigMap(
                metadata=ObjectMeta(name="d", namespace="default"),
                data={"k": value},
                apiVersion="v1",
                kind="ConfigMap",
            )
        )
    assert server.get("configmaps", "d")["data"] == {"k": "2"}
    for kind, found in client.watch(ConfigMap, namespace="default"):
        assert (kind, found.metadata.name) == ("ADDED", "a")
        break
    client.delete(ConfigMap, "d")
    assert server.count("configmaps") == 3


def test_kr8s_gets_creates_and_deletes(server: APIServer) -> None:
    """With its own discovery."""
    pytest.importorskip("kr8s")

    async def body() -> None:
        import kr8s.asyncio
        from kr8s.asyncio.objects import ConfigMap

        api = await kr8s.asyncio.api(kubeconfig=server.kubeconfig)
        found = [one.name async for one in api.get("configmaps", namespace=kr8s.ALL)]
        assert found == ["a", "b", "c"]
        made = await ConfigMap(
            {"metadata": {"name": "d", "namespace": "default"}, "data": {"k": "1"}}, api=api
        )
        await made.create()
        await made.patch({"data": {"k": "2"}})
        assert server.get("configmaps", "d")["data"] == {"k": "2"}
        await made.delete()

    run(body())
    assert server.count("configmaps") == 3


def test_cloudcoils_informer_fills_its_cache(server: APIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """List and watch, and its handlers hear of changes."""
    pytest.importorskip("cloudcoil")

    async def body() -> None:
        Config = import_module("cloudcoil.client").Config  # noqa: N806 - first, or its imports run in a circle
        from cloudcoil.caching import Cache
        from cloudcoil.models.kubernetes.core.v1 import ConfigMap

        async with Config(kubeconfig=server.kubeconfig, cache=Cache(resources=[ConfigMap])) as config:
            informer = config.cache.get_informer(ConfigMap)
            names = {"a", "b", "c", "d"}
            server.create("configmaps", {"metadata": {"name": "d"}})
            await eventually_async(lambda: {one.metadata.name for one in informer.list()} == names)

    monkeypatch.setenv("KUBECONFIG", server.kubeconfig)
    try:
        import cloudcoil.models.kubernetes.core.v1 as models
    except ImportError as error:
        pytest.skip(f"cloudcoil's models are not installed: {error}")
    assert models
    run(body())


def test_a_kopf_operator_reacts(server: APIServer, tmp_path: Any) -> None:
    """In a process of its own: its finalizer, its annotation, its status, and its handlers' effects."""
    pytest.importorskip("kopf")
    import subprocess
    import sys

    program = tmp_path / "operator.py"
    program.write_text(
        """
import kopf

@kopf.on.create("widgets.example.org")
def made(spec, name, patch, **_):
    patch.status["seen"] = spec["size"]

@kopf.on.delete("widgets.example.org")
def gone(**_): ...
"""
    )
    server.create("crds", definition("v1", subresources={"status": {}}))
    command = [sys.executable, "-m", "kopf", "run", "--standalone", "--all-namespaces", str(program)]
    with subprocess.Popen(
        command, env={"KUBECONFIG": server.kubeconfig, "PATH": ""}, stderr=subprocess.PIPE
    ) as operator:
        try:
            server.wait_for_watches(1, "widgets.example.org", timeout=60)
            server.create("widgets", {"metadata": {"name": "w"}, "spec": {"size": 3}})
            eventually(lambda: server.get("widgets", "w").get("status", {}).get("seen") == 3, 30)
            assert server.get("widgets", "w")["metadata"]["finalizers"] == [
                "kopf.zalando.org/KopfFinalizerMarker"
            ]
            server.delete("widgets", "w")
            eventually(lambda: server.count("widgets") == 0, 30)
        finally:
            operator.terminate()
            operator.communicate(timeout=30)
