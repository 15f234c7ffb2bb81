"""The local store: the objects, their indexes and the version they are of, changed together by one writer.

A reader gets an :class:`Indexer` or a lister, which can only read; the store itself stays with the informer. Every
write returns the notifications that follow from it: they come from the store's own difference, so nobody hears of
the deletion of something that was never added.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from kubeinformer.cache.deltas import Changes, Delta, DeltaType, ReplacedAll
from kubeinformer.cache.indexes import Indexers, Indexes, IndexFunction, LateIndexes, Values
from kubeinformer.cache.notifications import Added, Deleted, Notification, Updated
from kubeinformer.errors import UsageError
from kubeinformer.forks import hold_at_fork, renew_in_child
from kubeinformer.objects import DeletedFinalStateUnknown, KubernetesObject
from kubeinformer.resource_versions import is_older

T = TypeVar("T")


class IndexedStore:
    """A keyed store of objects with secondary indexes.

    Objects are written by one thread; reads and new indexers may come from any, and each read is answered from one
    consistent state.
    """

    def __init__(self, indexers: Indexers) -> None:
        self._indexers = indexers
        # Both are re-entrant, for signal handlers that come in the middle. One write at a time; the user's index
        # functions run under the first, never under the second, which is all that a reader waits for.
        self._writing = threading.RLock()
        self._lock = threading.RLock()
        renew_in_child(self, _writing=threading.RLock, _lock=threading.RLock, _writer=lambda: None)
        hold_at_fork(self, "_lock")
        self._writer: int | None = None  # the thread that applies an item
        # The four below change together, under the lock.
        self._objects: dict[str, KubernetesObject] = {}
        self._values: dict[str, Values] = {}
        self._indexes = Indexes(indexers.names)
        self._versions: dict[str | None, str] = {}

    # -- reading ------------------------------------------------------------------------------------------------

    def read(self, question: Callable[[Mapping[str, KubernetesObject], Indexes], T]) -> T:
        """Return the answer of `question` to the objects and their indexes, with the lock held: be quick."""
        with self._lock:
            return question(self._objects, self._indexes)

    @property
    def versions(self) -> dict[str | None, str]:
        """The resourceVersion that each watched namespace (None: all of them) has reached."""
        with self._lock:
            return dict(self._versions)

    def has_loaded(self, namespace: str | None) -> bool:
        """Return whether the first load of a namespace is here; for None, whether any is."""
        with self._lock:
            versions = self._versions
            return bool(versions) and (namespace is None or namespace in versions or None in versions)

    # -- writing ------------------------------------------------------------------------------------------------

    def apply(self, item: Changes | ReplacedAll) -> list[Notification]:
        """Store what the queue brought and return what follows from it, in order."""
        with self._writing:
            self._writer = threading.get_ident()
            try:
                return self._replace(item) if isinstance(item, ReplacedAll) else self._change(item)
            finally:
                self._writer = None

    def add_indexers(self, functions: Mapping[str, IndexFunction]) -> None:
        """Index by more functions, from any thread; those that are here already are left as they are.

        The functions run on the caller's thread, over snapshots; the writer waits only while they make up for
        what changed meanwhile, and readers do not wait. They see all of the new indexes, whole, or none.

        Raises:
            UsageError: Another function has one of the names, or an index function calls this; nothing was added.
        """
        if self._writer == threading.get_ident():
            raise UsageError("an index function cannot add indexers")
        while not self._have_added(functions):
            pass  # others were added meanwhile: by another thread, or by a signal handler of this one

    def _have_added(self, functions: Mapping[str, IndexFunction]) -> bool:
        before = self._indexers
        added = before.only(functions)
        if not added.names:
            return True
        late = LateIndexes(added)
        late.follow(*self._snapshot())
        # Again, for what came while the functions ran over everything: the writer has less to wait for then.
        late.follow(*self._snapshot())
        with self._writing:
            late.follow(self._objects, self._values)
            indexers, indexes = before.joined_by(added), self._indexes.joined_by(late.indexes)
            with self._lock:
                if self._indexers is not before:
                    return False
                # One statement without a call: no signal handler's exception can come in the middle of it.
                self._indexers, self._indexes, self._values = indexers, indexes, late.values
        return True

    def _snapshot(self) -> tuple[dict[str, KubernetesObject], dict[str, Values]]:
        with self._writing:
            return dict(self._objects), dict(self._values)

    def _change(self, changes: Changes) -> list[Notification]:
        notifications: list[Notification] = []
        for delta in changes.deltas:
            if delta.type is DeltaType.DELETED:
                notifications += self._delete(delta)
            else:
                assert delta.object is not None
                notifications += self._upsert(delta.key, delta.object)
        if changes.version:
            with self._lock:
                self._versions[changes.scope] = changes.version
        return notifications

    def _upsert(self, key: str, new: KubernetesObject) -> list[Notification]:
        old = self._objects.get(key)
        if old is not None and (
            is_older(new.resource_version, old.resource_version) or _is_same_version(old, new)
        ):
            return []
        self._put(key, new)
        return _difference(old, new, initial=False)

    def _delete(self, delta: Delta) -> list[Notification]:
        old, last = self._objects.get(delta.key), delta.object
        if old is None:
            return []
        if last is not None and is_older(last.resource_version, old.resource_version):
            return []  # it speaks of an earlier state, or of an earlier object of that name
        if last is None or last.uid != old.uid:
            last = DeletedFinalStateUnknown.of(old)
        self._put(delta.key, None)
        return [Deleted(last)]

    def _put(self, key: str, new: KubernetesObject | None) -> None:
        values = () if new is None else self._indexers.values_of(new)
        with self._lock:
            if key in self._objects:
                self._indexes.remove(key, self._values.pop(key))
            if new is None:
                del self._objects[key]
                return
            self._objects[key] = new
            self._values[key] = values
            self._indexes.insert(key, values)

    def _replace(self, replaced: ReplacedAll) -> list[Notification]:
        """Build the new content beside the old one, swap it in one move, and compare."""
        before = self._objects
        arrived = {new.key: new for new in replaced.objects}
        kept = {
            key: old for key, old in before.items() if key not in arrived and _survives(key, old, replaced)
        }
        gone = [old for key, old in before.items() if key not in arrived and key not in kept]
        initial = replaced.scope not in self._versions
        updated: list[Notification] = []
        for key, new in arrived.items():
            old = before.get(key)
            if old is not None and _is_same_version(old, new):
                kept[key] = old
            else:
                kept[key] = new
                updated += _difference(old, new, initial=initial)
        self._swap(kept, replaced)
        return [*(Deleted(DeletedFinalStateUnknown.of(old)) for old in gone), *updated]

    def _swap(self, objects: dict[str, KubernetesObject], replaced: ReplacedAll) -> None:
        before = self._objects
        values = {
            key: self._values[key] if before.get(key) is kept else self._indexers.values_of(kept)
            for key, kept in objects.items()
        }
        indexes = Indexes(self._indexers.names)
        for key, own in values.items():
            indexes.insert(key, own)
        with self._lock:
            self._objects, self._values, self._indexes = objects, values, indexes
            self._versions[replaced.scope] = replaced.version

    def check_invariants(self) -> None:
        """Raise AssertionError where objects, values and indexes do not agree; for tests."""
        with self._lock:
            expected: dict[str, dict[Hashable, set[str]]] = {name: {} for name in self._indexers.names}
            for key, kept in self._objects.items():
                assert key == kept.key, f"{kept} under {key}"
                for name, own in zip(self._indexers.names, self._values[key], strict=True):
                    for value in own:
                        expected[name].setdefault(value, set()).add(key)
            assert self._values.keys() == self._objects.keys()
            assert self._indexes.as_sets() == expected


def _is_same_version(old: KubernetesObject, new: KubernetesObject) -> bool:
    if old.uid != new.uid or old.resource_version != new.resource_version:
        return False
    if old.api_version != new.api_version:  # the same state, in the words of another API version
        return False
    return bool(new.resource_version) or old.raw == new.raw


def _survives(key: str, old: KubernetesObject, replaced: ReplacedAll) -> bool:
    """Return whether an object stays that the list does not show."""
    if replaced.scope is not None and old.namespace != replaced.scope:
        return True
    if is_older(replaced.version, old.resource_version):
        return False  # a server that went back: this state never was, and would outlast what comes now
    return key in replaced.set_aside or not replaced.complete


def _difference(old: KubernetesObject | None, new: KubernetesObject, *, initial: bool) -> list[Notification]:
    if old is None:
        return [Added(new, initial)]
    if old.uid != new.uid:  # another object under the same name: two lives, not an update
        return [Deleted(DeletedFinalStateUnknown.of(old)), Added(new, initial=False)]
    return [Updated(old, new)]
