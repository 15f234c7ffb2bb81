"""What the tests of store and delivery share: objects, caches, and waiting with a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec

from kubeinformer.cache.coverage import Coverage
from kubeinformer.cache.deltas import Changes, Delta, DeltaType, Item, ReplacedAll
from kubeinformer.cache.handlers import Handlers, OnAdd, OnDelete, OnUpdate
from kubeinformer.cache.indexed_store import IndexedStore
from kubeinformer.cache.indexer import Indexer
from kubeinformer.cache.indexes import Indexers, IndexFunction
from kubeinformer.cache.lister import Lister
from kubeinformer.cache.processor import Processor
from kubeinformer.cache.registration import HandlerRegistration
from kubeinformer.objects import KubernetesObject, decode_object
from kubeinformer.resources import Resource

PODS = Resource("", "v1", "pods", "Pod")
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
DEADLINE = 30.0  # seconds after which a wait counts as a hang


def pod(
    name: str,
    version: str = "1",
    *,
    namespace: str | None = "default",
    uid: str = "",
    labels: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
    api_version: str = "v1",
) -> KubernetesObject:
    """Return a pod; without a uid of its own it has one that belongs to its name."""
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": uid or f"uid-of-{name}",
        "resourceVersion": version,
        "labels": dict(labels or {}),
    }
    return decode_object(
        msgspec.json.encode({"metadata": metadata, "spec": dict(spec or {})}),
        replace(PODS, version=api_version),
    )


def node(name: str, version: str = "1") -> KubernetesObject:
    """Return a node, which has no namespace."""
    metadata = {"name": name, "uid": f"uid-of-{name}", "resourceVersion": version}
    return decode_object(msgspec.json.encode({"metadata": metadata}), NODES)


def added(new: KubernetesObject) -> Delta:
    """Return the delta of an ADDED event."""
    return Delta(DeltaType.ADDED, new.key, new)


def modified(new: KubernetesObject) -> Delta:
    """Return the delta of a MODIFIED event."""
    return Delta(DeltaType.UPDATED, new.key, new)


def deleted(last: KubernetesObject) -> Delta:
    """Return the delta of a DELETED event."""
    return Delta(DeltaType.DELETED, last.key, last)


def changes(*deltas: Delta, version: str = "100", scope: str | None = None) -> Changes:
    """Return changes that were read from a watch."""
    return Changes(deltas, version, scope)


def listed(*objects: KubernetesObject, version: str = "100", scope: str | None = None) -> ReplacedAll:
    """Return a whole list."""
    return ReplacedAll(list(objects), version, scope)


def make_store(indexers: Mapping[str, IndexFunction] | None = None) -> IndexedStore:
    """Return a store whose index functions must not fail."""

    def fail(name: str, indexed: KubernetesObject, error: BaseException) -> None:
        raise AssertionError(f"index {name} on {indexed}") from error

    return IndexedStore(Indexers(indexers or {}, fail))


def readers(store: IndexedStore, namespaces: Sequence[str] | None = None) -> tuple[Lister, Indexer]:
    """Return the lister and the indexer of a store of pods."""
    coverage = Coverage("pods", namespaces, store.has_loaded)
    return Lister(store, coverage, "pods"), Indexer(store, coverage)


def content(store: IndexedStore) -> dict[str, KubernetesObject]:
    """Return a copy of what a store holds."""
    return store.read(lambda objects, _: dict(objects))


class Calls:
    """What was noted, from any thread, in order."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._noted: list[tuple[Any, ...]] = []

    def note(self, *what: object) -> None:
        """Append a call."""
        with self._condition:
            self._noted.append(what)
            self._condition.notify_all()

    def wait_for(self, count: int) -> list[tuple[Any, ...]]:
        """Return the calls as soon as there are `count`; fail after the deadline."""
        with self._condition:
            enough = self._condition.wait_for(lambda: len(self._noted) >= count, DEADLINE)
            assert enough, f"{len(self._noted)} calls of {count}: {self._noted[-3:]}"
            return list(self._noted)

    @property
    def seen(self) -> list[tuple[Any, ...]]:
        """The calls so far."""
        with self._condition:
            return list(self._noted)


class Cache:
    """A store and a processor, put together as an informer does it."""

    def __init__(self) -> None:
        self.store = make_store()
        self.processor = Processor()
        self.faults = Calls()  # (registration's name, error)
        self.synced = Calls()  # (registration's name,)

    def push(self, item: Item) -> None:
        """Store an item and tell the handlers."""
        with self.processor.lock:
            self.processor.distribute(self.store.apply(item))

    def handle(
        self,
        on_add: OnAdd | None = None,
        on_update: OnUpdate | None = None,
        on_delete: OnDelete | None = None,
        name: str = "handler",
    ) -> HandlerRegistration:
        """Add a handler."""
        registration = HandlerRegistration(
            name,
            Handlers(on_add, on_update, on_delete),
            discard=self.processor.discard,
            on_synced=lambda: self.synced.note(name),
            on_fault=lambda failed, error: self.faults.note(failed.name, error),
        )
        self.processor.add(registration, lambda: list(content(self.store).values()))
        return registration

    def close(self) -> None:
        """Close the processor and wait for the calls in flight."""
        for registration in self.processor.close():
            assert registration.delivery.join(DEADLINE), registration.name


@contextmanager
def running_cache() -> Iterator[Cache]:
    """Lend a cache; every thread that came into being meanwhile must end with it."""
    with no_thread_left():
        cache = Cache()
        try:
            yield cache
        finally:
            cache.close()


@contextmanager
def no_thread_left() -> Iterator[None]:
    """Fail where a thread that was started inside does not end."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(DEADLINE)
        assert not thread.is_alive(), f"{thread.name} is left"


def in_threads(*functions: Callable[[], object]) -> None:
    """Run functions at the same time, each on a thread; raise the first error, or when the deadline passes."""
    errors: list[BaseException] = []

    def run(function: Callable[[], object]) -> None:
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"


def keys_of(objects: Iterable[KubernetesObject]) -> list[str]:
    """Return the keys of objects, sorted, so that a doubled one shows."""
    return sorted(found.key for found in objects)
