"""Random writes and faults on the real servers: at every quiet point, caches and handlers equal the server."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlsplit

import pytest
from tests.control_plane.fault_world import FaultWorld
from tests.relay import Relay

from kubeinformer.testing.control_plane import ControlPlane

_log = logging.getLogger("fault-run")
pytestmark = pytest.mark.control_plane
SECONDS = float(os.environ.get("KUBEINFORMER_FAULT_SECONDS", "15"))
SEED = int(os.environ.get("KUBEINFORMER_FAULT_SEED", "1"))
LONGEST_PAUSE = 90.0  # the longest delay of the back-off (60 s), the list after it, and a busy machine


@pytest.fixture
def world() -> Iterator[FaultWorld]:
    with ControlPlane() as control_plane, Relay(urlsplit(control_plane.url).port or 443) as relay:
        world = FaultWorld(control_plane, "default", relay, SEED)
        with world.running():
            yield world


def test_caches_equal_the_server_after_every_fault(world: FaultWorld) -> None:
    """Invariants 311 to 314: both faces, four kinds, for as long as asked (`make faults`: five minutes)."""
    until = time.monotonic() + SECONDS
    world.write(100)
    world.settle(LONGEST_PAUSE)
    plan = world.faults
    world.random.shuffle(plan)
    for fault in chain(plan, iter(lambda: world.random.choice(plan), None)):
        began = time.monotonic()
        world.write(world.random.randrange(5, 40))
        fault()
        world.write(world.random.randrange(5, 40))
        world.settle(LONGEST_PAUSE)
        _log.info("%s: equal after %.1f s", fault.__name__, time.monotonic() - began)
        if time.monotonic() > until:
            break
    for kind in world.kinds:
        status = kind.informer.status
        calls = kind.history.calls
        _log.info("%s: %d calls, %d lists, %d watches", kind.resource, calls, status.lists, status.watches)
