"""Both queues in front of a store: whatever comes in, the store ends as the server, and nobody hears nonsense."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.cache.store_builders import added, content, deleted, make_store, modified, pod

from kubeinformer.cache.delta_fifo import DeltaFIFO
from kubeinformer.cache.deltas import Changes, Delta, DeltaType, Item, Queue, ReplacedAll
from kubeinformer.cache.notifications import Added, Deleted, Notification, Updated
from kubeinformer.cache.real_fifo import RealFIFO
from kubeinformer.objects import KubernetesObject

SCOPES = ("x", "y")
NAMES = st.sampled_from(["a", "b", "c"])


class QueueMachine(RuleBasedStateMachine):
    """A server with two namespaces, a reflector for each that may lag, one queue, one store, one listener."""

    make_queue: Callable[[], Queue]

    def __init__(self) -> None:
        super().__init__()
        self.queue = self.make_queue()
        self.store = make_store()
        self.version = 1
        self.server: dict[str, KubernetesObject] = {}
        self.told: dict[str, KubernetesObject] = {}
        self.pushed: dict[str, str] = {}
        self.history: dict[str, list[tuple[int, str | None]]] = {}
        for scope in SCOPES:
            self._list(scope)

    # -- the server and the reflectors --------------------------------------------------------------------------

    @rule(
        scope=st.sampled_from(SCOPES),
        writes=st.lists(st.tuples(NAMES, st.booleans()), min_size=1, max_size=4),
        is_partial=st.booleans(),
    )
    def watch(self, scope: str, writes: list[tuple[str, bool]], is_partial: bool) -> None:
        """Some writes, seen by the watch in one go, which may say no version."""
        deltas = tuple(self._write(scope, name, delete) for name, delete in writes)
        self._push(Changes(deltas, "" if is_partial else str(self.version), scope))

    @rule(scope=st.sampled_from(SCOPES))
    def bookmark(self, scope: str) -> None:
        """The version moves alone."""
        self.version += 1
        self._push(Changes((), str(self.version), scope))

    @rule(scope=st.sampled_from(SCOPES), names=st.lists(NAMES, max_size=3))
    def relist(self, scope: str, names: list[str]) -> None:
        """Some writes that the watch misses, then a list."""
        for name in names:
            self._write(scope, name, delete=True)
        self._list(scope)

    @rule(scope=st.sampled_from(SCOPES), name=NAMES)
    def blind_delete(self, scope: str, name: str) -> None:
        """A deletion of which only the key is known (an object that could not be read)."""
        self.version += 1
        key = f"{scope}/{name}"
        self.server.pop(key, None)
        self._note(key, None)
        self._push(Changes((Delta(DeltaType.DELETED, key, None),), str(self.version), scope))

    # -- the consumer -------------------------------------------------------------------------------------------

    @rule(count=st.integers(1, 5))
    def consume(self, count: int) -> None:
        """Some items leave the queue."""
        for _ in range(count):
            if self.queue:
                self._pop()

    @rule()
    def drain(self) -> None:
        """All items leave it: the store is the server, and so is what was told."""
        while self.queue:
            self._pop()
        assert _versions(content(self.store)) == _versions(self.server) == _versions(self.told)
        assert self.store.versions == self.pushed

    @invariant()
    def is_consistent(self) -> None:
        """Queue and store agree with themselves, and the store claims no version that it does not hold."""
        self.queue.check_invariants()
        self.store.check_invariants()
        held = _versions(content(self.store))
        for scope, version in self.store.versions.items():
            for key in (f"{scope}/{name}" for name in "abc"):
                assert held.get(key) in self._since(key, int(version))

    # -- parts --------------------------------------------------------------------------------------------------

    def _since(self, key: str, version: int) -> set[str | None]:
        """Return the states of a key at a version and after it (None: not there)."""
        then: str | None = None
        states: set[str | None] = set()
        for number, state in self.history.get(key, ()):
            if number <= version:
                then = state
            else:
                states.add(state)
        return {then, *states}

    def _note(self, key: str, state: str | None) -> None:
        self.history.setdefault(key, []).append((self.version, state))

    def _write(self, scope: str, name: str, delete: bool) -> Delta:
        self.version += 1
        key = f"{scope}/{name}"
        old = self.server.pop(key, None)
        if old is not None and delete:
            self._note(key, None)
            return deleted(pod(name, str(self.version), namespace=scope, uid=old.uid))
        new = pod(name, str(self.version), namespace=scope, uid=old.uid if old else f"uid-{self.version}")
        self.server[key] = new
        self._note(key, new.resource_version)
        return modified(new) if old else added(new)

    def _list(self, scope: str) -> None:
        self.version += 1
        objects = [held for held in self.server.values() if held.namespace == scope]
        self._push(ReplacedAll(objects, str(self.version), scope))

    def _push(self, item: Changes | ReplacedAll) -> None:
        assert item.scope is not None
        self.queue.push(item)
        self.pushed[item.scope] = item.version or self.pushed[item.scope]

    def _pop(self) -> None:
        for notification in self.store.apply(self.queue.pop()):
            self._hear(notification)

    def _hear(self, notification: Notification) -> None:
        match notification:
            case Added(new, _):
                assert new.key not in self.told
                self.told[new.key] = new
            case Updated(old, new):
                assert self.told[new.key] is old
                assert old.uid == new.uid
                self.told[new.key] = new
            case Deleted(last):
                assert self.told.pop(last.key).uid == last.uid


def _versions(objects: dict[str, KubernetesObject]) -> dict[str, str]:
    return {key: held.resource_version for key, held in objects.items()}


@pytest.mark.parametrize("make_queue", [RealFIFO, DeltaFIFO])
def test_a_queue_in_front_of_a_store(make_queue: Callable[[], Queue]) -> None:
    """Invariants 80 to 83, 93, 94, 119, 125 and 311 to 313: deletes also against what is queued and not stored."""

    class Machine(QueueMachine):
        pass

    Machine.make_queue = staticmethod(make_queue)
    run_state_machine_as_test(Machine)


# -- anything at all ----------------------------------------------------------------------------------------------


def _blind(gone: KubernetesObject) -> Delta:
    return Delta(DeltaType.DELETED, gone.key, None)


def _objects(scope: str, *, max_size: int) -> st.SearchStrategy[list[KubernetesObject]]:
    versions, uids = st.sampled_from(["1", "2", "v"]), st.sampled_from(["U1", "U2"])
    names = st.sampled_from(["a", "a", "b"])
    return st.lists(st.builds(pod, names, versions, namespace=st.just(scope), uid=uids), max_size=max_size)


@st.composite
def _items(draw: st.DrawFn) -> Item:
    scope = draw(st.sampled_from(SCOPES))
    version = draw(st.sampled_from(["", "1", "2"]))
    if draw(st.integers(0, 4)) == 0:
        return ReplacedAll(draw(_objects(scope, max_size=3)), version, scope)
    kinds = st.sampled_from([added, modified, deleted, deleted, _blind])
    deltas = [draw(kinds)(changed) for changed in draw(_objects(scope, max_size=6))]
    return Changes(tuple(deltas), version, scope)


@settings(max_examples=400)
@given(st.lists(_items() | st.integers(1, 4), max_size=10))
def test_both_queues_tell_the_same_of_each_key(steps: list[Item | int]) -> None:
    """Whatever is pushed, also what no server says: states, versions, and for each key every notification."""
    in_order, together = _Told(RealFIFO()), _Told(DeltaFIFO())
    for step in steps:
        if isinstance(step, int):
            for _ in range(step):
                together.pop()
            continue
        for told in (in_order, together):
            told.push(step)
    for told in (in_order, together):
        told.drain()
    assert together.of_key == in_order.of_key
    assert together.store.versions == in_order.store.versions
    assert content(together.store) == content(in_order.store)


class _Told:
    """A queue, a store, and what follows from what is popped, by key."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.store = make_store()
        self.of_key: dict[str, list[str]] = {}

    def push(self, item: Item) -> None:
        self._queue.push(item)
        self._queue.check_invariants()

    def pop(self) -> None:
        for notification in self.store.apply(self._queue.pop()) if self._queue else ():
            key, words = _describe(notification)
            self.of_key.setdefault(key, []).append(words)

    def drain(self) -> None:
        while self._queue:
            self.pop()


def _describe(notification: Notification) -> tuple[str, str]:
    match notification:
        case Added(new, initial):
            return new.key, f"added {_identity(new)} {initial}"
        case Updated(old, new):
            return new.key, f"{_identity(old)} became {_identity(new)}"
        case Deleted(last):
            return last.key, f"{type(last).__name__} {_identity(last)} deleted"


def _identity(known: KubernetesObject) -> str:
    return f"{known.uid}@{known.resource_version}"
