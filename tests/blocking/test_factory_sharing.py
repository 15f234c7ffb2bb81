"""What callers of a factory share: caches, and the indexes of a cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kubeinformer import KubernetesObject, SharedInformerFactory, UsageError
from kubeinformer.testing import APIServer

WAIT = 20.0


@pytest.fixture
def factory() -> Iterator[SharedInformerFactory]:
    with APIServer() as server, SharedInformerFactory(server.config) as made:
        for name in ("a", "b"):
            server.create(
                "configmaps", {"metadata": {"name": name, "labels": {"app": name}}}, namespace="default"
            )
        yield made


def test_a_second_cache_of_a_resource_is_logged(
    factory: SharedInformerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """Two differing caches of one resource are legal and rarely meant."""
    factory.informer("pods")
    factory.informer("pods", label_selector="app=a")
    assert "another cache of the same resource exists: pods" in caplog.text


def test_a_second_caller_may_bring_indexers_of_its_own(factory: SharedInformerFactory) -> None:
    """They join those of the shared informer; under one name there is one function."""

    def by_name(indexed: KubernetesObject) -> list[str]:
        return [indexed.name]

    def by_app(indexed: KubernetesObject) -> list[str]:
        return [indexed.labels["app"]]

    informer = factory.informer("configmaps", indexers={"name": by_name})
    factory.start()
    factory.wait_for_cache_sync(WAIT)
    assert (
        factory.informer("configmaps", indexers={"name": by_name, "app": by_app}).indexer is informer.indexer
    )
    assert [found.name for found in informer.indexer.by_index("app", "b")] == ["b"]
    with pytest.raises(UsageError, match="another index 'name'"):
        factory.informer("configmaps", indexers={"name": by_app})
