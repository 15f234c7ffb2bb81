"""Finding the events about an object: by `regarding` or `involvedObject`, as the version of the API spells it."""

from __future__ import annotations

import pytest

from kubeinformer import BadRequest, Client, EventRecorder, NotFound, SharedInformerFactory
from kubeinformer.testing import APIServer, eventually

NEW, CORE = "events.events.k8s.io", "v1/events"


def test_events_about_an_object_are_found_in_either_version() -> None:
    """Invariant 303: by requests and by informers; in the other version's words, or of no known version, it is refused."""
    with APIServer() as server, Client(server.config) as client:
        with EventRecorder(server.config, "shopkeeper") as recorder:
            for name in ("first", "second"):
                made = client.create("configmaps", {"metadata": {"name": name}}, "default")
                recorder.event(made, "Normal", "Seen", name)
            assert recorder.flush()
        for resource, field, other in (
            (NEW, "regarding", "involvedObject"),
            (CORE, "involvedObject", "regarding"),
        ):
            about = {f"{field}.kind": "ConfigMap", f"{field}.name": "second"}
            [found] = client.list(resource, field_selector=about)
            assert found[field]["name"] == "second"
            with pytest.raises(BadRequest, match=other):
                client.list(resource, field_selector={f"{other}.name": "second"})
            with SharedInformerFactory(server.config) as factory:
                events = factory.informer(resource, field_selector=about)
                factory.start()
                eventually(lambda events=events: events.has_synced)  # type: ignore[misc]  # the loop's
                assert [event.name for event in events.lister.list()] == [found.name]
        with pytest.raises(NotFound, match="v1beta1"):
            client.list("events.k8s.io/v1beta1/events", field_selector={"regarding.name": "second"})
