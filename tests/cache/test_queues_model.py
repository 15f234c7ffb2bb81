"""Both queues in front of a store: whatever comes in, the store ends as the server, and nobody hears nonsense."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.cache.store_builders import added, content, deleted, make_store, modified, pod

from kubeinformer.cache.delta_fifo import DeltaFIFO
from kubeinformer.cache.deltas import Changes, Delta, DeltaType, Queue, ReplacedAll
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
        self.reached: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}
        for scope in SCOPES:
            self._list(scope)

    # -- the server and the reflectors --------------------------------------------------------------------------

    @rule(scope=st.sampled_from(SCOPES), names=st.lists(NAMES, min_size=1, max_size=4), data=st.data())
    def watch(self, scope: str, names: list[str], data: st.DataObject) -> None:
        """Some writes, seen by the watch in one go."""
        deltas = tuple(self._write(scope, name, data.draw(st.booleans())) for name in names)
        self._push(Changes(deltas, str(self.version), scope))

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
        self.server.pop(f"{scope}/{name}", None)
        self._push(Changes((Delta(DeltaType.DELETED, f"{scope}/{name}", None),), str(self.version), scope))

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
            assert scope is not None
            assert {item for item in held.items() if item[0].startswith(f"{scope}/")} >= self._surely(
                scope, version
            )

    # -- parts --------------------------------------------------------------------------------------------------

    def _surely(self, scope: str, version: str) -> set[tuple[str, str]]:
        """Return what a store at a version must hold: what it was then, and has not changed since."""
        then = self.reached[scope, version]
        now = set(_versions(self.server).items())
        return {item for item in then if item in now}

    def _write(self, scope: str, name: str, delete: bool) -> Delta:
        self.version += 1
        key = f"{scope}/{name}"
        old = self.server.pop(key, None)
        if old is not None and delete:
            return deleted(pod(name, str(self.version), namespace=scope, uid=old.uid))
        new = pod(name, str(self.version), namespace=scope, uid=old.uid if old else f"uid-{self.version}")
        self.server[key] = new
        return modified(new) if old else added(new)

    def _list(self, scope: str) -> None:
        self.version += 1
        objects = [held for held in self.server.values() if held.namespace == scope]
        self._push(ReplacedAll(objects, str(self.version), scope))

    def _push(self, item: Changes | ReplacedAll) -> None:
        assert item.scope is not None
        self.queue.push(item)
        self.pushed[item.scope] = item.version
        own = {key: held for key, held in self.server.items() if held.namespace == item.scope}
        self.reached[item.scope, item.version] = frozenset(_versions(own).items())

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
