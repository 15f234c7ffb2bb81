"""The replicator of the examples, on both servers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from examples.replicator import COPIES, SOURCE, Replicator
from tests.programs import running

from kubeinformer import Client, EventRecorder, NotFound, SharedInformerFactory, testing
from kubeinformer.testing import APIServer, ControlPlane

WAIT = 30.0  # seconds, on a machine that is busy
eventually = partial(testing.eventually, timeout=WAIT)
eventually_equal = partial(testing.eventually_equal, timeout=WAIT)
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

    def is_let_go(self, name: str) -> bool:
        return not self.client.get("configmaps", name, self.home).finalizers

    def reasons(self) -> set[str]:
        """Return the reasons of the events on the sources."""
        self.recorder.flush()
        found = self.client.list("events.events.k8s.io", self.home)
        return {str(event["reason"]) for event in found}


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
        eventually(partial(world.is_let_go, name))
    assert world.everywhere() == [None, None]
    assert world.data(world.home) == {"k": "1"}


def test_a_label_that_goes_while_nobody_is_here_is_noticed(world: World) -> None:
    """Else its finalizer would stay for ever, and it could never be deleted; it has no copies that tell of it."""
    world.create_source("alone")
    eventually(lambda: not world.is_let_go("alone"))
    world.controller.stop()
    world.client.patch("configmaps", "alone", {"metadata": {"labels": {"replicate": None}}}, world.home)
    world.start()
    eventually(lambda: world.is_let_go("alone"))


def test_what_others_own_is_left_alone(world: World) -> None:
    """A ConfigMap of the name that is there already stays as it is, and people hear of it."""
    own = {"metadata": {"name": "settings"}, "data": {"theirs": "x"}}
    world.client.create("configmaps", own, world.targets[0])
    for target in world.targets:
        world.ask(target)
    world.create_source(k="1")
    eventually_equal(world.everywhere, [{"theirs": "x"}, {"k": "1"}])
    eventually(lambda: world.reasons() >= {"Copied", "NameTaken"})
    world.client.delete("configmaps", "settings", world.home)
    eventually_equal(world.everywhere, [{"theirs": "x"}, None])


def test_a_name_that_is_free_again_gets_its_copy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing tells of the end of what is no copy, or of another source's copy: it is looked for."""
    monkeypatch.setattr("examples.replicator.TAKEN_SECONDS", 0.05)
    own = {"metadata": {"name": "settings"}, "data": {"theirs": "x"}}
    world.client.create("configmaps", own, world.targets[0])
    world.ask(world.targets[0])
    world.create_source(k="1")
    other = {"metadata": {"name": "settings", "labels": {"replicate": "yes"}}, "data": {"other": "x"}}
    eventually(lambda: "NameTaken" in world.reasons())
    world.client.create("configmaps", other, world.targets[1])
    world.client.delete("configmaps", "settings", world.targets[0])
    eventually(lambda: world.data(world.targets[0]) in ({"k": "1"}, {"other": "x"}))
    first = world.client.get("configmaps", "settings", world.targets[0]).annotations[SOURCE].split("/")[0]
    [second] = {world.home, world.targets[1]} - {first}
    world.client.delete("configmaps", "settings", first)
    left = {world.home: {"k": "1"}, world.targets[1]: {"other": "x"}}[second]
    eventually_equal(lambda: world.data(world.targets[0]), left)


def test_what_others_add_to_a_copy_stays(world: World) -> None:
    """Labels, annotations and finalizers of a copy that is made equal again."""
    world.ask(world.targets[0])
    world.create_source(k="1")
    eventually_equal(world.everywhere, [{"k": "1"}, None])
    theirs = {"labels": {"team": "a"}, "annotations": {"note": "x"}}
    world.client.patch("configmaps", "settings", {"metadata": theirs}, world.targets[0])
    world.client.patch(
        "configmaps", "settings", {"data": {"k": "2"}, "binaryData": {"b": "AA=="}}, world.home
    )
    eventually_equal(world.everywhere, [{"k": "2"}, None])
    copy = world.client.get("configmaps", "settings", world.targets[0])
    assert copy["binaryData"] == {"b": "AA=="}
    assert (copy.labels["team"], copy.annotations["note"]) == ("a", "x")
    world.client.patch("configmaps", "settings", {"data": {"k": "3"}, "binaryData": None}, world.home)
    eventually_equal(world.everywhere, [{"k": "3"}, None])
    assert "binaryData" not in world.client.get("configmaps", "settings", world.targets[0])


def test_anybody_may_write_any_annotation(world: World) -> None:
    """A source that is no key is none; that of a source which is not there goes; no run fails for ever."""
    sources = {"none": f"{world.home}/none", "short": "short", "empty": "/", "long": "a/b/c", "half": "a/"}
    for name, source in sources.items():
        metadata = {"name": name, "labels": {"replica": "yes"}, "annotations": {SOURCE: source}}
        world.client.create("configmaps", {"metadata": metadata}, world.targets[0])
    found = world.replicator.copies.lister
    eventually_equal(lambda: {copy.name for copy in found.list(world.targets[0])}, {"short", "empty", "half"})
    for source in sources.values():
        assert {run.result for run in world.controller.explain(source).history} <= {"success"}


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
            eventually_equal(partial(world.everywhere, name), [{"k": "2"}] * 2)


def test_a_namespace_that_refuses_costs_no_other_its_copy(kubernetes_api_server: APIServer) -> None:
    """Neither the copies in the others nor the end of a copy that nobody asks for any more; then it has its own."""
    server = kubernetes_api_server
    with ExitStack() as stack:
        server.create("namespaces", {"metadata": {"name": "home"}})
        server.create("namespaces", {"metadata": {"name": "late", "labels": {"replicas": "yes"}}})
        world = World(server, "home", stack)
        world.create_source(k="1")
        eventually_equal(lambda: world.data("late"), {"k": "1"})
        path = f"/namespaces/{world.targets[0]}/"
        with server.every_request(matching=lambda request: path in request.path, verb="create").answers(403):
            server.patch("namespaces", "late", {"metadata": {"labels": {"replicas": None}}})
            for target in world.targets:
                world.ask(target)
            eventually_equal(world.everywhere, [None, {"k": "1"}])
            eventually(lambda: world.data("late") is None)
        eventually_equal(world.everywhere, [{"k": "1"}] * 2)


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
        _, errors = program.communicate(timeout=WAIT)
        assert program.returncode == 0, errors
