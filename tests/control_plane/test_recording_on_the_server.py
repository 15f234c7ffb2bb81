"""A recording of the real server, with its TLS and its token, and its replay."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.history import History, eventually

from kubeinformer import Client, SharedInformerFactory
from kubeinformer.testing import record, replay
from kubeinformer.testing.control_plane import ControlPlane

pytestmark = pytest.mark.control_plane
WAIT = 60.0


def test_an_informer_on_a_recording_sees_what_it_saw_on_the_server(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    """Through a restart of the API server: the same objects at the end, and a consistent history."""
    file = tmp_path / "real.jsonl"
    with Client(control_plane.config) as client, record(control_plane.config, file) as recorded:
        client.create("configmaps", {"metadata": {"name": "a"}}, namespace=namespace)
        with SharedInformerFactory(recorded.config, namespaces=[namespace]) as factory:
            informer = factory.informer("configmaps")
            factory.start()
            factory.wait_for_cache_sync(WAIT)
            control_plane.restart_api_server()
            client.create("configmaps", {"metadata": {"name": "b"}}, namespace=namespace)
            eventually(lambda: len(informer.lister) == 2, WAIT, lambda: informer.status)
            expected = {found.key: found.resource_version for found in informer.lister.list()}
    assert control_plane.admin_token not in file.read_text()
    history = History()
    with replay(file) as replayed, SharedInformerFactory(replayed.config, namespaces=[namespace]) as factory:
        informer = factory.informer("configmaps")
        informer.add_event_handler(history.on_add, history.on_update, history.on_delete)
        factory.start()
        eventually(
            lambda: history.versions() == expected, WAIT, lambda: (history.versions(), informer.status)
        )
    assert history.faults == []
