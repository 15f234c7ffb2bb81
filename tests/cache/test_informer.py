"""The informer put together: what readers and handlers see while scripted servers say things."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from tests.cache.scripted_server import NODES, PODS, ScriptedServer, event, listed, pod

from kubeinformer.cache.background_errors import BackgroundError, ErrorReporter
from kubeinformer.cache.indexes import IndexFunction
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.cache.informer_options import InformerOptions
from kubeinformer.cache.list_watch import ListWatch
from kubeinformer.cache.resource_watch import ResourceWatch
from kubeinformer.errors import NotCovered, NotSynced, UsageError
from kubeinformer.objects import DeletedFinalStateUnknown, KubernetesObject
from kubeinformer.resources import Resource, parse_resource
from kubeinformer.testing.fake_clock import FakeClock


class Told:
    """Handlers that remember, and can be waited for."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._changed = threading.Condition()

    def on_add(self, added: KubernetesObject, initial: bool) -> None:
        self._say(f"{'initial' if initial else 'add'} {added.key}@{added.resource_version}")

    def on_update(self, old: KubernetesObject, new: KubernetesObject) -> None:
        self._say(f"update {new.key}@{old.resource_version}>{new.resource_version}")

    def on_delete(self, deleted: KubernetesObject) -> None:
        missed = "?" if isinstance(deleted, DeletedFinalStateUnknown) else ""
        self._say(f"delete{missed} {deleted.key}@{deleted.resource_version}")

    def wait_for(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.words) >= count, 5), self.words
            return list(self.words)

    def _say(self, word: str) -> None:
        with self._changed:
            self.words.append(word)
            self._changed.notify_all()


class Collector(ErrorReporter):
    """Keeps what is reported."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.errors: list[BackgroundError] = []

    def report(self, error: BackgroundError) -> None:
        self.errors.append(error)


class Stage:
    """An informer on a fake clock, with a scripted server for each namespace."""

    def __init__(
        self,
        servers: Mapping[str | None, ScriptedServer],
        *,
        resource: str = "pods",
        namespaces: tuple[str, ...] | None = None,
        indexers: Mapping[str, IndexFunction] | None = None,
        resync_period: float = 0.0,
    ) -> None:
        self.clock = FakeClock(random_value=0.0)
        self.reporter = Collector(self.clock, None)
        self.errors = self.reporter.errors
        self.changes = 0
        self.servers = servers
        self.informer = SharedIndexInformer(
            InformerOptions(parse_resource(resource), namespaces),
            indexers or {},
            resync_period=resync_period,
            clock=self.clock,
            reporter=self.reporter,
            on_change=self._count,
        )

    def _count(self) -> None:
        self.changes += 1

    def add(self, told: Told, resync_period: float | None = None) -> object:
        return self.informer.add_event_handler(
            told.on_add, told.on_update, told.on_delete, resync_period=resync_period
        )

    def connect(self, namespace: str | None) -> ListWatch:
        return self.servers[namespace]

    def play(self, scene: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            watch = ResourceWatch(self.informer, self.connect, self.clock, self.reporter)
            watch.feed(self.informer)
            task = asyncio.create_task(watch.run())
            await self.clock.advance_async()
            try:
                await scene()
            finally:
                task.cancel()
                await asyncio.wait([task])
                for registration in self.informer.close():
                    assert registration.delivery.join(5)
            assert task.cancelled()
            assert self.clock.pending == 0

        asyncio.run(run())


def test_the_cache_is_current_before_a_handler_hears() -> None:
    """Invariants 141 and 317: in its very first call a handler reads what it is told from the lister."""
    stage = Stage({None: ScriptedServer(listed("5", pod("a", "3"), pod("b", "4")))})
    read: list[int] = []
    done = threading.Event()

    def on_add(added: KubernetesObject) -> None:
        read.append(len(stage.informer.lister))
        assert stage.informer.lister.get(added.name, added.namespace) is added
        if len(read) == 2:
            done.set()

    stage.informer.add_event_handler(on_add, None, None, resync_period=None)

    async def scene() -> None:
        assert await asyncio.to_thread(done.wait, 5)
        assert stage.informer.has_synced

    stage.play(scene)
    assert read == [2, 2]
    assert stage.errors == []


def test_nothing_can_be_read_before_the_first_load() -> None:
    """An empty answer always means that there is nothing: before the load a read raises."""
    informer = Stage({}).informer
    for read in (
        informer.lister.list,
        informer.indexer.keys,
        informer.indexer.list,
        lambda: informer.lister.get("a", "default"),
        lambda: len(informer.lister),
        lambda: "default/a" in informer.lister,
        lambda: informer.indexer.get_by_key("default/a"),
        lambda: informer.indexer.by_index("namespace", "default"),
    ):
        with pytest.raises(NotSynced, match="wait_for_cache_sync"):
            read()
    assert informer.status.state == "stopped"
    assert informer.resource_version == ""


def test_a_history_reaches_the_handler_in_order() -> None:
    """Cases C10 and C34, regression 13, invariants 5, 147 and 148: load, changes, a missed deletion, another life."""
    first = listed("5", pod("a", "3"), pod("b", "4"), pod("c", "1"))
    server = ScriptedServer(first, listed("90", pod("a", "80"), pod("c", "85", uid="second"), pod("e", "1")))
    stage, told = Stage({None: server}), Told()
    stage.add(told)

    async def scene() -> None:
        server.stream.send(event("MODIFIED", pod("a", "6")), event("ADDED", pod("d", "7")))
        server.stream.send(event("DELETED", pod("d", "8")), event("MODIFIED", pod("a", "6")))
        await stage.clock.advance_async(40.0)
        assert stage.informer.resource_version == "8"
        server.stream.send(event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"}))
        await stage.clock.advance_async(3.0)
        assert stage.informer.resource_version == "90"
        await asyncio.to_thread(told.wait_for, 11)

    stage.play(scene)
    assert told.words == [
        "initial default/a@3",
        "initial default/b@4",
        "initial default/c@1",
        "update default/a@3>6",
        "add default/d@7",
        "delete default/d@8",
        "delete? default/b@4",
        "update default/a@6>80",
        "delete? default/c@1",
        "add default/c@85",
        "add default/e@1",
    ]


def test_a_late_handler_hears_of_everything_first() -> None:
    """Invariant 188, case C44: each object once as an add, then what comes."""
    server = ScriptedServer(listed("5", pod("a", "3")))
    stage, late = Stage({None: server}), Told()

    async def scene() -> None:
        server.stream.send(event("MODIFIED", pod("a", "6")))
        await stage.clock.advance_async()
        registration = stage.informer.add_event_handler(late.on_add, late.on_update, None, resync_period=None)
        server.stream.send(event("MODIFIED", pod("a", "7")))
        await stage.clock.advance_async()
        await asyncio.to_thread(late.wait_for, 2)
        assert registration.has_synced

    stage.play(scene)
    assert late.words == ["initial default/a@6", "update default/a@6>7"]


def test_several_namespaces_are_one_cache() -> None:
    """Case C37: one watch for each distinct namespace, synced when all are, versions by namespace."""
    servers: dict[str | None, ScriptedServer] = {
        "one": ScriptedServer(listed("5", pod("a", "3", namespace="one"))),
        "two": ScriptedServer(listed("7", pod("a", "6", namespace="two"))),
    }
    stage = Stage(servers, namespaces=("one", "two"))

    async def scene() -> None:
        lister = stage.informer.lister
        assert sorted(item.key for item in lister.list()) == ["one/a", "two/a"]
        assert stage.informer.resource_version == {"one": "5", "two": "7"}
        servers["one"].stream.send(event("DELETED", pod("a", "9", namespace="one")))
        await stage.clock.advance_async()
        assert [item.key for item in lister.list()] == ["two/a"]
        assert lister.list("one") == []
        with pytest.raises(NotCovered, match="'three' is not watched"):
            lister.get("a", "three")
        with pytest.raises(NotCovered):
            _ = "three/a" in lister

    stage.play(scene)
    assert [server.watched_from for server in servers.values()] == [["5"], ["7"]]


def test_a_list_of_one_namespace_leaves_the_other_alone() -> None:
    """What is gone from one namespace's list says nothing about another namespace."""
    servers: dict[str | None, ScriptedServer] = {
        "one": ScriptedServer(listed("5", pod("a", "3", namespace="one")), listed("9")),
        "two": ScriptedServer(listed("7", pod("a", "6", namespace="two"))),
    }
    stage, told = Stage(servers, namespaces=("one", "two")), Told()
    stage.add(told)

    async def scene() -> None:
        await stage.clock.advance_async(40.0)
        servers["one"].stream.send(event("ERROR", {"kind": "Status", "code": 410, "reason": "Gone"}))
        await stage.clock.advance_async(3.0)
        await asyncio.to_thread(told.wait_for, 3)

    stage.play(scene)
    assert told.words == ["initial one/a@3", "initial two/a@6", "delete? one/a@3"]


def test_a_namespace_that_is_forbidden_keeps_the_cache_unsynced() -> None:
    """Never silent: the namespace that is loaded can be read, the other one says why it is not."""
    from kubeinformer.errors import Forbidden

    servers: dict[str | None, ScriptedServer] = {
        "one": ScriptedServer(listed("5", pod("a", "3", namespace="one"))),
        "two": ScriptedServer(Forbidden(403, "Forbidden", "not in two")),
    }
    stage = Stage(servers, namespaces=("one", "two"))

    async def scene() -> None:
        assert not stage.informer.has_synced
        assert len(stage.informer.lister.list("one")) == 1
        with pytest.raises(NotSynced):
            stage.informer.lister.list("two")
        assert "not in two" in stage.informer.status.reason

    stage.play(scene)


def test_a_resource_without_namespaces_is_watched_once() -> None:
    """Case C37: nodes are listed once, whatever namespaces the factory is for."""
    metadata = {"name": "n", "uid": "u", "resourceVersion": "1"}
    metadata = {"name": "n", "uid": "u", "resourceVersion": "1"}
    node = {"kind": "Node", "apiVersion": "v1", "metadata": metadata}
    server = ScriptedServer(listed("5", node), resource=NODES)
    stage = Stage({"one": server, "two": ScriptedServer()}, resource="nodes", namespaces=("one", "two"))

    async def scene() -> None:
        assert stage.informer.lister.get("n").kind == "Node"
        assert stage.informer.resource_version == "5"
        server.stream.send(event("DELETED", {**node, "metadata": {**metadata, "resourceVersion": "8"}}))
        await stage.clock.advance_async()
        assert len(stage.informer.lister) == 0
        assert stage.informer.resource_version == "8"

    stage.play(scene)
    assert [verb for verb, _ in server.requests] == ["resolve", "list", "watch"]


def test_resync_replays_the_cache_without_a_request() -> None:
    """Invariants 3, 142 and 171: each handler at its own period, from the store, with the same object twice."""
    server = ScriptedServer(listed("5", pod("a", "3")))
    stage, often, rarely, never = Stage({None: server}), Told(), Told(), Told()
    stage.add(often, 2.0)
    stage.add(rarely, 3.0)
    stage.add(never)

    async def scene() -> None:
        for told in (often, rarely, never):
            await asyncio.to_thread(told.wait_for, 1)
        await stage.clock.advance_async(6.5)
        await asyncio.to_thread(often.wait_for, 4)
        await asyncio.to_thread(rarely.wait_for, 3)

    stage.play(scene)
    assert often.words[1:] == ["update default/a@3>3"] * 3
    assert rarely.words[1:] == ["update default/a@3>3"] * 2
    assert never.words == ["initial default/a@3"]
    assert len(server.requests) == 3


def test_an_index_function_that_raises_is_named_and_costs_nothing_else() -> None:
    """Case C43: store and all indexes agree; the object is missing in the index that failed, and that is told."""

    def by_node(indexed: KubernetesObject) -> list[str]:
        return [indexed["spec"]["nodeName"]]

    server = ScriptedServer(listed("5", pod("a", "3"), pod("b", "4", spec={"nodeName": "n"})))
    stage = Stage({None: server}, indexers={"node": by_node})

    async def scene() -> None:
        indexer = stage.informer.indexer
        assert [item.name for item in indexer.by_index("node", "n")] == ["b"]
        assert sorted(indexer.index_keys("namespace", "default")) == ["default/a", "default/b"]
        with pytest.raises(UsageError, match="no index 'owner'"):
            indexer.by_index("owner", "x")

    stage.play(scene)
    assert [(error.verb, error.action) for error in stage.errors] == [
        ("index", "default/a is not in index 'node'")
    ]


def test_handlers_are_refused_after_the_end() -> None:
    """Invariants 184 and 185: a recognisable error for a new one, no error for removing an old one."""
    stage, told = Stage({None: ScriptedServer(listed("5"))}), Told()
    registration = stage.informer.add_event_handler(told.on_add, None, None, resync_period=None)

    async def scene() -> None:
        return None

    stage.play(scene)
    registration.remove()
    with pytest.raises(UsageError, match="stopped"):
        stage.add(told)
    with pytest.raises(ValueError, match="negative"):
        stage.add(told, -1.0)


def test_a_second_version_of_a_resource_replaces_the_first() -> None:
    """Case C50: the objects of another version are other objects: their kind and apiVersion follow."""
    from kubeinformer.errors import NotFound

    other = Resource("example.com", "v2", "pods", "Pod", verbs=PODS.verbs)
    server = ScriptedServer(listed("5", pod("a", "3")), listed("9", pod("a", "8")))
    stage = Stage({None: server})

    async def scene() -> None:
        await stage.clock.advance_async(40.0)
        server.resolutions.append(other)
        server.resolutions.popleft()
        server.refusals.append(NotFound(404, "NotFound", "no such path"))
        server.stream.end()
        await stage.clock.advance_async(3.0)
        assert stage.informer.lister.get("a", "default").api_version == "example.com/v2"

    stage.play(scene)
