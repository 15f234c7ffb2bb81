"""WatchList on a real API server."""

from __future__ import annotations

import pytest
from tests.history import History, eventually

from kubeinformer import SharedInformerFactory
from kubeinformer.testing.control_plane import ControlPlane

pytestmark = pytest.mark.control_plane


def test_a_cache_is_loaded_by_a_watch(control_plane: ControlPlane, namespace: str) -> None:
    """Invariant 217: content and changes come by one stream, and nothing is listed."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in ("a", "b"):
        control_plane.request("POST", path, {"metadata": {"name": name}})
    history = History()
    with SharedInformerFactory(control_plane.config, namespaces=[namespace]) as factory:
        informer = factory.informer("configmaps", load="watch")
        informer.add_event_handler(history.on_add, history.on_update, history.on_delete)
        factory.start()
        factory.wait_for_cache_sync(20, handlers=True)
        assert sorted(found.name for found in informer.lister.list()) == ["a", "b"]
        control_plane.request("DELETE", f"{path}/a")
        eventually(lambda: list(history.objects) == [f"{namespace}/b"], 20, lambda: history.objects)
        assert (informer.status.lists, informer.status.watches) == (0, 1)
    assert history.faults == []
