"""The objects, one counter of versions for all of them, and the changes that led here.

Pure: no lock, no loop, no HTTP. It stands where etcd and the watch cache stand in a real server, and keeps their two
promises: an older state can be listed, and changes can be replayed, as far back as the history reaches.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from kubeinformer.testing.api_server.conversions import in_version
from kubeinformer.testing.api_server.object_documents import Document, canonical, encode_item
from kubeinformer.testing.api_server.served_resources import ServedResource
from kubeinformer.testing.api_server.snapshots import Snapshot

_SNAPSHOTS_KEPT = 8


class Compacted(Exception):
    """The history does not reach back to the version asked for.

    Attributes:
        oldest: The oldest version that can still be asked for.
    """

    def __init__(self, oldest: int) -> None:
        super().__init__(f"the history begins at {oldest}")
        self.oldest = oldest


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One state of one object. Nobody changes the document.

    Attributes:
        served: Its resource.
        key: `namespace/name`, or the name alone.
        version: Its resourceVersion.
        document: Its content, canonical.
        item: Its JSON as it stands in a list.
    """

    served: ServedResource
    key: str
    version: int
    document: Document
    item: bytes

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels, empty where it has none."""
        return self.document["metadata"].get("labels") or {}

    def as_served(self, served: ServedResource) -> StoredObject:
        """Return the same state as another version of its resource shows it."""
        if self.served.resource.api_version == served.resource.api_version:
            return self
        return _stored(served, self.key, self.version, in_version(self.document, served))

    def at_version(self, version: int) -> StoredObject:
        """Return the same state under another resourceVersion, as the event of a deletion carries it."""
        return _stored(self.served, self.key, version, self.document)


class EventForm(Protocol):
    """How an object is shown in a line of a watch.

    Attributes:
        key: Equal for equal forms; "" for one whose lines are not to be kept.
    """

    key: str

    def event(self, event_type: str, stored: StoredObject) -> bytes:
        """Return the line."""


@dataclass(slots=True)
class Change:
    """One write: what was there before and after it.

    Attributes:
        version: The version that the write got.
        before: None where the object was created.
        after: None where it was deleted.
    """

    version: int
    before: StoredObject | None
    after: StoredObject | None
    _lines: dict[tuple[str, str], bytes] = field(default_factory=dict, repr=False)

    def line(self, selects: Callable[[StoredObject], bool], form: EventForm) -> bytes:
        """Return the watch line of this change for a watch of the objects that `selects` takes; b"" for none.

        An object that comes to be selected is ADDED, one that no longer is DELETED, in its last selected state under
        the version of this change. Each form is encoded once.
        """
        was = self.before is not None and selects(self.before)
        now = self.after is not None and selects(self.after)
        if not (was or now):
            return b""
        event_type = ("MODIFIED" if was else "ADDED") if now else "DELETED"
        line = self._lines.get((event_type, form.key))
        if line is None:
            line = form.event(event_type, self._shown(event_type))
            if form.key:
                self._lines[event_type, form.key] = line
        return line

    def _shown(self, event_type: str) -> StoredObject:
        if event_type == "DELETED" and self.before is not None:
            return self.before.at_version(self.version)
        assert self.after is not None
        return self.after


@dataclass(slots=True)
class _Collection:
    """The objects of one resource, and its changes after version `floor`, oldest first."""

    objects: dict[str, StoredObject] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    floor: int = 0

    def changes_after(self, version: int) -> int:
        return bisect_right(self.changes, version, key=lambda change: change.version)


@dataclass(frozen=True, slots=True)
class SavedState:
    """A copy of all objects at one version."""

    version: int
    objects: Mapping[str, Mapping[str, StoredObject]]


class ObjectStorage:
    """Objects and their history.

    Args:
        history_limit: The number of changes kept for each resource; older versions are compacted.
        on_change: Called after each write with the name of its collection.
    """

    def __init__(
        self, history_limit: int = 10_000, on_change: Callable[[str], object] = lambda _: None
    ) -> None:
        self._history_limit = history_limit
        self._on_change = on_change
        self._collections: dict[str, _Collection] = {}
        self._snapshots: OrderedDict[tuple[str, int], Snapshot[StoredObject]] = OrderedDict()
        self._version = 1
        self._compacted = 0
        self._watchable_from = 0
        self._recording = True

    @property
    def version(self) -> int:
        """The version of the last write."""
        return self._version

    @contextmanager
    def recording(self, recording: bool) -> Iterator[None]:
        """Let writes return what they would have made, without making it, for the length of a block."""
        before, self._recording = self._recording, recording
        try:
            yield
        finally:
            self._recording = before

    @property
    def is_recording(self) -> bool:
        """Whether writes are made."""
        return self._recording

    def get(self, served: ServedResource, key: str) -> StoredObject | None:
        """Return the object as it is now."""
        return self._collection(served).objects.get(key)

    def count(self, served: ServedResource, prefix: str = "") -> int:
        """Return the number of objects whose key begins with `prefix`."""
        objects = self._collection(served).objects
        return sum(key.startswith(prefix) for key in objects) if prefix else len(objects)

    def put(self, served: ServedResource, key: str, document: Document) -> StoredObject:
        """Write an object, new or not, under the next version."""
        collection = self._collection(served)
        after = _stored(served, key, self._version + 1, document)
        if not self._recording:
            return after
        self._record(collection, collection.objects.get(key), after)
        collection.objects[key] = after
        self._on_change(served.collection)
        return after

    def remove(self, served: ServedResource, key: str) -> StoredObject:
        """Delete an object that exists, under the next version, and return its last state under that version."""
        collection = self._collection(served)
        if not self._recording:
            return collection.objects[key].at_version(self._version + 1)
        before = collection.objects.pop(key)
        self._record(collection, before, None)
        self._on_change(served.collection)
        return before.at_version(self._version)

    def snapshot(self, served: ServedResource, version: int | None = None) -> Snapshot[StoredObject]:
        """Return all objects of a resource as they were at a version; None for now.

        Raises:
            Compacted: The history does not reach back that far.
        """
        collection = self._collection(served)
        version = self._version if version is None else version
        oldest = max(collection.floor, self._compacted)
        if version < oldest:
            raise Compacted(oldest)
        undone = collection.changes[collection.changes_after(version) :]
        last = undone[0].version - 1 if undone else self._last_change(collection)
        snapshot = self._snapshots.get((served.collection, last))
        if snapshot is None:
            snapshot = self._snapshots[served.collection, last] = _undo(collection.objects, undone)
            if len(self._snapshots) > _SNAPSHOTS_KEPT:
                self._snapshots.popitem(last=False)
        return snapshot

    def changes(self, served: ServedResource, after: int, limit: int) -> list[Change]:
        """Return up to `limit` changes of a resource after a version, oldest first; none after a future one.

        Raises:
            Compacted: Some of them are gone from the history.
        """
        collection = self._collection(served)
        oldest = max(collection.floor, self._compacted, self._watchable_from)
        if after < oldest:
            raise Compacted(oldest)
        start = collection.changes_after(after)
        return collection.changes[start : start + limit]

    def compact(self) -> None:
        """Forget everything before the present: the compaction of etcd, and what the watch cache holds."""
        self._compacted = self._version
        self._snapshots.clear()
        for collection in self._collections.values():
            collection.changes.clear()

    def forget_watch_window(self) -> None:
        """Forget what watches resume from, as a restarted server does; older states can still be listed."""
        self._watchable_from = self._version

    def saved(self) -> SavedState:
        """Return a copy of all objects."""
        objects = {name: dict(collection.objects) for name, collection in self._collections.items()}
        return SavedState(self._version, objects)

    def load(self, saved: SavedState) -> None:
        """Be as the copy is: its objects, its version, and no history before it."""
        self._version = self._compacted = self._watchable_from = saved.version
        self._snapshots.clear()
        self._collections = {name: _Collection(dict(objects)) for name, objects in saved.objects.items()}

    def _collection(self, served: ServedResource) -> _Collection:
        return self._collections.setdefault(served.collection, _Collection())

    def _last_change(self, collection: _Collection) -> int:
        return (
            collection.changes[-1].version if collection.changes else max(collection.floor, self._compacted)
        )

    def _record(
        self, collection: _Collection, before: StoredObject | None, after: StoredObject | None
    ) -> None:
        self._version += 1
        collection.changes.append(Change(self._version, before, after))
        surplus = len(collection.changes) - self._history_limit
        if surplus > 0:
            collection.floor = collection.changes[surplus - 1].version
            del collection.changes[:surplus]


def _stored(served: ServedResource, key: str, version: int, document: Mapping[str, Any]) -> StoredObject:
    metadata = {**document["metadata"], "resourceVersion": str(version)}
    content = canonical(served, {**document, "metadata": metadata})
    return StoredObject(served, key, version, content, encode_item(served, content))


def _undo(objects: Mapping[str, StoredObject], changes: list[Change]) -> Snapshot[StoredObject]:
    past = dict(objects)
    for change in reversed(changes):
        if change.before is not None:
            past[change.before.key] = change.before
        elif change.after is not None:
            del past[change.after.key]
    return Snapshot(past)
