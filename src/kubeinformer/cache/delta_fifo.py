"""DeltaFIFO: the changes of a key wait together and leave together, keys in the order in which they came.

client-go's queue before 1.33. What it promises less than the in-order queue is order across keys; what it promises
more is that a key is looked at once, with everything that happened to it. Two things are unlike client-go: a
replacement is one item (the store, which knows what it holds, finds out what is gone), and it parts what was queued
before it from what comes after it, so that a deletion is computed against both.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field

from kubeinformer.cache.deltas import Changes, Delta, DeltaType, Item, ReplacedAll


@dataclass(slots=True)
class _Batch:
    """What came between two replacements.

    Attributes:
        deltas: The changes by scope and key, keys in the order of their first change.
        waiting: How many keys of each scope wait.
        versions: What each scope has reached when the last of its keys has left.
    """

    deltas: OrderedDict[tuple[str | None, str], list[Delta]] = field(default_factory=OrderedDict)
    waiting: Counter[str | None] = field(default_factory=Counter)
    versions: OrderedDict[str | None, str] = field(default_factory=OrderedDict)

    def add(self, changes: Changes) -> None:
        for delta in changes.deltas:
            place = (changes.scope, delta.key)
            if place not in self.deltas:
                self.deltas[place] = []
                self.waiting[changes.scope] += 1
            _append(self.deltas[place], delta)
        self.versions[changes.scope] = changes.version

    def take(self) -> Changes:
        if not self.deltas:  # bookmarks alone
            scope, version = self.versions.popitem(last=False)
            return Changes((), version, scope)
        (scope, _), deltas = self.deltas.popitem(last=False)
        self.waiting[scope] -= 1
        # The store must not claim a version before it holds all that led to it.
        version = "" if self.waiting[scope] else self.versions.pop(scope)
        return Changes(tuple(deltas), version, scope)

    def __len__(self) -> int:
        return sum(map(len, self.deltas.values()))

    def __bool__(self) -> bool:
        return bool(self.versions)  # the last to go


class DeltaFIFO:
    """A queue that collects the changes of a key. Not thread-safe: it belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._parts: deque[_Batch | ReplacedAll] = deque()

    def push(self, item: Item) -> None:
        """Append what a reflector brought."""
        if isinstance(item, ReplacedAll):
            self._parts.append(item)
            return
        if not self._parts or isinstance(self._parts[-1], ReplacedAll):
            self._parts.append(_Batch())
        batch = self._parts[-1]
        assert isinstance(batch, _Batch)
        batch.add(item)

    def pop(self) -> Item:
        """Take out all changes of the key that has waited longest, or a replacement.

        Raises:
            IndexError: The queue is empty.
        """
        first = self._parts[0]
        if isinstance(first, ReplacedAll):
            self._parts.popleft()
            return first
        changes = first.take()
        if not first:
            self._parts.popleft()
        return changes

    def __len__(self) -> int:
        return sum(1 if isinstance(part, ReplacedAll) else len(part) for part in self._parts)

    def __bool__(self) -> bool:
        return bool(self._parts)

    def check_invariants(self) -> None:
        """Raise AssertionError where keys, counts and versions contradict each other."""
        for part in self._parts:
            if isinstance(part, _Batch):
                assert part, "an empty batch"
                assert +part.waiting == Counter(scope for scope, _ in part.deltas)
                assert {scope for scope, _ in part.deltas} <= part.versions.keys()
                for (_, key), deltas in part.deltas.items():
                    assert deltas
                    assert all(delta.key == key for delta in deltas)


def _append(deltas: list[Delta], delta: Delta) -> None:
    """Append a change; of two deletions in a row the one stays that knows the object (client-go: dedupDeltas)."""
    if deltas and deltas[-1].type is delta.type is DeltaType.DELETED:
        if deltas[-1].object is None:
            deltas[-1] = delta
        return
    deltas.append(delta)
