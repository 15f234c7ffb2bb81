"""The informer on a real API server that is cut, killed and made to forget: at every quiet point they are equal."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.history import History, eventually
from tests.relay import Relay

from kubeinformer import BackgroundError, Informer, SharedInformerFactory
from kubeinformer.testing.control_plane import ControlPlane

pytestmark = pytest.mark.control_plane
LONGEST_PAUSE = 75.0  # the back-off's bound, and what a list takes


class World:
    """A namespace of ConfigMaps on a real server, written to at random, and a cache of it behind a relay."""

    def __init__(self, control_plane: ControlPlane, namespace: str, relay: Relay) -> None:
        self.control_plane = control_plane
        self.path = f"/api/v1/namespaces/{namespace}/configmaps"
        self.relay = relay
        self.random = random.Random(7)
        self.errors: list[BackgroundError] = []
        self.history = History()
        config = dataclasses.replace(control_plane.config, server=f"https://127.0.0.1:{relay.port}")
        self.factory = SharedInformerFactory(config, namespaces=[namespace], on_error=self.errors.append)
        self.informer: Informer = self.factory.informer("configmaps")
        self.informer.add_event_handler(self.history.on_add, self.history.on_update, self.history.on_delete)

    def write(self, count: int) -> None:
        """Create, change, delete and re-create some objects."""
        for number in range(count):
            name = f"object-{self.random.randrange(40)}"
            body = {"metadata": {"name": name}, "data": {"number": str(number)}}
            match self.random.randrange(4):
                case 0:
                    self.control_plane.request("DELETE", f"{self.path}/{name}")
                case 1:
                    self.control_plane.request("DELETE", f"{self.path}/{name}")
                    self.control_plane.request("POST", self.path, body)
                case _:
                    if self.control_plane.request("PUT", f"{self.path}/{name}", body)[0] == 404:
                        self.control_plane.request("POST", self.path, body)

    def on_server(self) -> dict[str, str]:
        """Return the version of each object that the server has."""
        _, listed = self.control_plane.request("GET", self.path)
        return {
            f"{item['metadata']['namespace']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
            for item in listed["items"]
        }

    def in_cache(self) -> dict[str, str]:
        """Return the version of each object that the cache has."""
        return {found.key: found.resource_version for found in self.informer.lister.list()}

    def settle(self) -> None:
        """Wait until cache, history and server are equal."""
        expected = self.on_server()
        eventually(
            lambda: self.in_cache() == expected and self.history.versions() == expected,
            LONGEST_PAUSE,
            lambda: (self.informer.status, set(expected.items()) ^ set(self.in_cache().items())),
        )
        assert self.history.faults == []


@pytest.fixture
def world(control_plane: ControlPlane, namespace: str) -> Iterator[World]:
    with Relay(urlsplit(control_plane.url).port or 443) as relay:
        world = World(control_plane, namespace, relay)
        with world.factory:
            world.write(60)
            world.factory.start()
            world.factory.wait_for_cache_sync(30, handlers=True)
            yield world


def test_cuts_cost_a_watch_each_and_no_list(world: World) -> None:
    """Invariants 311 to 314, decision 13: a cut is resumed from the last version; nothing is listed again."""
    for _ in range(8):
        world.write(10)
        before = world.informer.status.watches
        assert world.relay.cut() >= 1
        eventually(lambda seen=before: world.informer.status.watches > seen, LONGEST_PAUSE, str)  # type: ignore[misc]  # bound at once
        world.write(5)
        world.settle()
    assert world.informer.status.lists == 1


def test_an_expired_history_costs_one_list(world: World) -> None:
    """Case C10 on the real server: compaction and restart; deletes that were missed are told, no key twice."""
    world.write(10)
    world.control_plane.expire_history()
    world.write(20)
    world.settle()
    assert world.informer.status.lists == 2


def test_a_killed_api_server_is_awaited_without_a_storm(world: World) -> None:
    """Decision 13: after kill and restart the cache is current again; at most two attempts in the first second."""
    world.write(10)
    attempts = len(world.relay.attempts)
    world.control_plane.kill_api_server()
    world.control_plane.start_api_server()
    world.write(20)
    world.settle()
    times = world.relay.attempts[attempts:]
    assert len([moment for moment in times if moment - times[0] < 1.0]) <= 2
    assert world.informer.status.lists <= 2
    assert {error.verb for error in world.errors} <= {"watch", "list"}


def test_a_paused_api_server_holds_up_nothing_for_ever(world: World) -> None:
    """A server that keeps its connections open and says nothing: when it goes on, so does the cache."""
    world.control_plane.pause_api_server()
    world.relay.cut()
    world.control_plane.resume_api_server()
    world.write(10)
    world.settle()
