"""A hundred thousand events, in any order of kinds: the cache ends as the server."""

from __future__ import annotations

import random

from tests.cache.scripted_server import PODS, event, pod
from tests.cache.store_builders import content, make_store

from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.deltas import Changes
from kubeinformer.cache.framing import LineSplitter
from kubeinformer.cache.notifications import Added, Deleted, Updated
from kubeinformer.cache.object_reader import ObjectReader
from kubeinformer.cache.real_fifo import RealFIFO
from kubeinformer.cache.watch_events import EventReader
from kubeinformer.object_bytes import RAW_BYTES

EVENTS = 100_000


def test_the_cache_equals_a_model_after_a_hundred_thousand_events() -> None:
    """Regression 28: bytes in chunks of any size, through splitter, reader, queue and store, against a dict."""
    rng = random.Random(28)
    reader, lines = EventReader(ObjectReader(PODS, RAW_BYTES)), LineSplitter()
    queue, store = RealFIFO(), make_store({"version": lambda held: [held.resource_version]})
    model: dict[str, str] = {}
    told: dict[str, str] = {}
    written = bytearray()
    for version in range(1, EVENTS + 1):
        name = f"p{rng.randrange(500)}"
        key, is_known = f"default/{name}", f"default/{name}" in model
        kind = rng.choice(["MODIFIED", "DELETED"]) if is_known else "ADDED"
        if kind == "DELETED":
            del model[key]
        else:
            model[key] = str(version)
        written += event(kind, pod(name, str(version)))
    while written:
        chunk, written = bytes(written[: (size := rng.randrange(1, 60_000))]), written[size:]
        for said in reader.read(lines.feed(chunk)):
            assert isinstance(said, inputs.Received)
            queue.push(Changes(said.deltas, said.version))
        while queue:
            for notification in store.apply(queue.pop()):
                match notification:
                    case Added(new, _) | Updated(_, new):
                        told[new.key] = new.resource_version
                    case Deleted(last):
                        del told[last.key]
    assert {key: held.resource_version for key, held in content(store).items()} == model == told
    store.check_invariants()
