"""The replicator of the examples, on both servers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from examples.replicator import COPIES, SOURCE, Replicator
from tests.programs import running

from kubeinformer import Client, EventRecorder, NotFound, SharedInformerFactory
from kubeinformer.testing import APIServer, ControlPlane, eventually, eventually_equal

PROGRAM = Path(__file__).parent.parent.parent / "examples" / "replicator.py"


class World:
    """A namespace with sources, two that may ask for copies, and the replicator at work on them."""

    def __init__(self, server: APIServer | ControlPlane, namespace: str, stack: ExitStack) -> None:
        self.server, self.home = server, namespace
        self.client = stack.enter_context(Client(server.config))
        self.targets = [f"{namespace}-a", f"{namespace}-b"]
        for name in self.targets:
            self.client.create("namespaces", {"metadata": {"name": name}})
        self._stack = stack
        self.start()

    def start(self) -> None:
        factory = self._stack.enter_context(SharedInformerFactory(self.server.config))
        self.recorder = self._stack.enter_context(EventRecorder(self.server.config, "replicator"))
        self.replicator = Replicator(factory, self.recorder)
        self.controller = self._stack.enter_context(self.replicator.controller)

    def ask(self, target: str, wanted: str | None = "yes") -> None:
        self.client.patch("namespaces", target, {"metadata": {"labels": {"replicas": wanted}}})

    def create_source(self, name: str = "settings", **data: str) -> None:
        body = {"metadata": {"name": name, "labels": {"replicate": "yes"}}, "data": data}
        self.client.create("configmaps", body, self.home)

    def data(self, namespace: str, name: str = "settings") -> Any:
        try:
            return self.client.get("configmaps", name, namespace).get("data")
        except NotFound:
            return None

    def everywhere(self, name: str = "settings") -> list[Any]:
        return [self.data(target, name) for target in self.targets]


@pytest.fixture
def world(kubernetes_server: APIServer | ControlPlane, kubernetes_namespace: str) -> Iterator[World]:
    with ExitStack() as stack:
        made = World(kubernetes_server, kubernetes_namespace, stack)
        yield made
        for target in made.targets:
            kubernetes_server.finalize_namespace(target)


def test_copies_come_where_they_are_asked_for_and_are_kept_equal(world: World) -> None:
    """At first, when a namespace asks later, when the source changes, and when somebody changes or deletes a copy."""
    world.ask(world.targets[0])
    world.create_source(k="1")
    eventually_equal(world.everywhere, [{"k": "1"}, None])
    world.ask(world.targets[1])
    eventually_equal(world.everywhere, [{"k": "1"}, {"k": "1"}])
    world.client.patch("configmaps", "settings", {"data": {"k": "2", "more": "x"}}, world.home)
    eventually_equal(world.everywhere, [{"k": "2", "more": "x"}] * 2)
    world.client.patch("configmaps", "settings", {"data": {"k": "mine"}}, world.targets[0])
    world.client.delete("configmaps", "settings", world.targets[1])
    eventually_equal(world.everywhere, [{"k": "2", "more": "x"}] * 2)
    copy = world.client.get("configmaps", "settings", world.targets[0])
    assert copy.annotations[SOURCE] == f"{world.home}/settings"


def test_copies_go_where_nobody_asks_any_more(world: World) -> None:
    """A namespace that loses its label loses its copies, and no other does."""
    for target in world.targets:
        world.ask(target)
    world.create_source(k="1")
    eventually_equal(world.everywhere, [{"k": "1"}] * 2)
    world.ask(world.targets[0], None)
    eventually_equal(world.everywhere, [None, {"k": "1"}])


def test_a_deleted_source_is_gone_after_its_copies(world: World) -> None:
    """The finalizer holds it; also where the replicator was not running when it was deleted."""
    for target in world.targets:
        world.ask(target)
    world.create_source(k="1")
    eventually_equal(world.everywhere, [{"k": "1"}] * 2)
    world.controller.stop()
    world.client.delete("configmaps", "settings", world.home)
    held = world.client.get("configmaps", "settings", world.home)
    assert (held.finalizers, world.everywhere()) == ((COPIES,), [{"k": "1"}] * 2)
    world.start()
    eventually_equal(world.everywhere, [None, None])
    eventually(lambda: world.data(world.home) is None)


def test_a_source_that_is_none_any_more_is_let_go(world: World) -> None:
    """Without its label it is an ordinary ConfigMap: no copies, no finalizer; with or without copies before."""
    world.create_source("alone")
    for target in world.targets:
        world.ask(target)
    world.create_source(k="1")
    eventually_equal(world.everywhere, [{"k": "1"}] * 2)
    for name in ("settings", "alone"):
        world.client.patch("configmaps", name, {"metadata": {"labels": {"replicate": None}}}, world.home)
        eventually(lambda name=name: not world.client.get("configmaps", name, world.home).finalizers)  # type: ignore[misc]  # the loop's
    assert world.everywhere() == [None, None]
    assert world.data(world.home) == {"k": "1"}


def test_what_others_own_is_left_alone(world: World) -> None:
    """A ConfigMap of the name that is there already stays as it is, and people hear of it."""
    own = {"metadata": {"name": "settings"}, "data": {"theirs": "x"}}
    world.client.create("configmaps", own, world.targets[0])
    for target in world.targets:
        world.ask(target)
    world.create_source(k="1")
    eventually_equal(world.everywhere, [{"theirs": "x"}, {"k": "1"}])

    def reasons() -> set[str]:
        world.recorder.flush()
        found = world.client.list("events.events.k8s.io", world.home)
        return {str(event["reason"]) for event in found}

    eventually(lambda: reasons() >= {"Copied", "NameTaken"})
    world.client.delete("configmaps", "settings", world.home)
    eventually_equal(world.everywhere, [{"theirs": "x"}, None])


def test_immutable_copies_are_made_anew(world: World) -> None:
    """The server refuses to change them; the source itself was made anew, too."""
    world.ask(world.targets[0])
    for value in ("1", "2"):
        body = {
            "metadata": {"name": "settings", "labels": {"replicate": "yes"}},
            "data": {"k": value},
            "immutable": True,
        }
        world.client.create("configmaps", body, world.home)
        eventually_equal(lambda: world.data(world.targets[0]), {"k": value})
        world.controller.stop()
        world.client.patch("configmaps", "settings", {"metadata": {"finalizers": None}}, world.home)
        world.client.delete("configmaps", "settings", world.home)
        world.start()


def test_a_server_in_trouble_is_outlasted(kubernetes_api_server: APIServer) -> None:
    """Writes that fail, are lost or conflict, and watches that break: the end is right all the same."""
    server = kubernetes_api_server
    with ExitStack() as stack:
        server.create("namespaces", {"metadata": {"name": "home"}})
        world = World(server, "home", stack)
        for target in world.targets:
            world.ask(target)
        server.next_request(3, verb="create", resource="configmaps").answers(500)
        server.next_request(2, verb="patch", resource="configmaps").answers(409)
        for name in ("one", "two", "three"):
            body = {
                "metadata": {"name": name, "namespace": "home", "labels": {"replicate": "yes"}},
                "data": {"k": "1"},
            }
            server.create("configmaps", body)
        server.close_watches()
        server.expire_history()
        server.next_request(2, verb="update", resource="configmaps").resets()
        for name in ("one", "two", "three"):
            server.patch("configmaps", name, {"data": {"k": "2"}}, "home")
        for name in ("one", "two", "three"):
            eventually_equal(lambda name=name: world.everywhere(name), [{"k": "2"}] * 2, timeout=30)  # type: ignore[misc]  # the loop's


def test_the_program_runs_by_context(kubernetes_api_server: APIServer) -> None:
    """From the command line, until SIGTERM."""
    server = kubernetes_api_server
    command = [sys.executable, str(PROGRAM), "--kubeconfig", server.kubeconfig]
    labels = {"replicate": "yes"}
    server.create(
        "configmaps",
        {"metadata": {"name": "a", "namespace": "default", "labels": labels}, "data": {"k": "v"}},
    )
    server.create("namespaces", {"metadata": {"name": "team", "labels": {"replicas": "yes"}}})
    with running(command) as program:
        eventually_equal(lambda: server.count("configmaps", "team"), 1)
        program.terminate()
        _, errors = program.communicate(timeout=30)
        assert program.returncode == 0, errors
