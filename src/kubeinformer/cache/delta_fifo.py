"""DeltaFIFO: the changes of a key wait together and leave together, keys in the order in which they came.

client-go's queue before 1.33. What it promises less than the in-order queue is order across keys; what it promises
more is that a key is looked at once, with everything that happened to it. What is told of one key is the same from
both queues, and two things are unlike client-go for that:

- A replacement is one item (the store, which knows what it holds, finds out what is gone), and it parts what was
  queued before it from what comes after it, so that a deletion is computed against both.
- Of two deletions in a row the second is dropped only if it says the same. client-go keeps one of any two, and
  should the store find that one too old, it would keep an object that the other one takes out.
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
        versions: What each scope has reached when the last of its keys has left ("": what it was).
        depth: How many changes wait.
    """

    deltas: OrderedDict[tuple[str | None, str], list[Delta]] = field(default_factory=OrderedDict)
    waiting: Counter[str | None] = field(default_factory=Counter)
    versions: OrderedDict[str | None, str] = field(default_factory=OrderedDict)
    depth: int = 0

    def add(self, changes: Changes) -> None:
        for delta in changes.deltas:
            place = (changes.scope, delta.key)
            if place not in self.deltas:
                self.deltas[place] = []
                self.waiting[changes.scope] += 1
            self._append(self.deltas[place], delta)
        self.versions[changes.scope] = changes.version or self.versions.get(changes.scope, "")

    def take(self) -> Changes:
        if not self.deltas:  # bookmarks alone
            scope, version = self.versions.popitem(last=False)
            return Changes((), version, scope)
        (scope, _), deltas = self.deltas.popitem(last=False)
        self.waiting[scope] -= 1
        self.depth -= len(deltas)
        # The store must not claim a version before it holds all that led to it.
        version = "" if self.waiting[scope] else self.versions.pop(scope)
        return Changes(tuple(deltas), version, scope)

    def __bool__(self) -> bool:
        return bool(self.versions)  # the last to go

    def _append(self, deltas: list[Delta], delta: Delta) -> None:
        if not (deltas and _is_same_deletion(deltas[-1], delta)):
            deltas.append(delta)
            self.depth += 1


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
        return sum(1 if isinstance(part, ReplacedAll) else part.depth for part in self._parts)

    def __bool__(self) -> bool:
        return bool(self._parts)

    def check_invariants(self) -> None:
        """Raise AssertionError where keys, counts and versions contradict each other."""
        for part in self._parts:
            if isinstance(part, _Batch):
                assert part, "an empty batch"
                assert part.depth == sum(map(len, part.deltas.values()))
                assert +part.waiting == Counter(scope for scope, _ in part.deltas)
                assert {scope for scope, _ in part.deltas} <= part.versions.keys()
                for (_, key), deltas in part.deltas.items():
                    assert deltas
                    assert all(delta.key == key for delta in deltas)


def _is_same_deletion(one: Delta, other: Delta) -> bool:
    """Return whether two deletions say the same of a key."""
    if not one.type is other.type is DeltaType.DELETED:
        return False
    if one.object is None or other.object is None:
        return one.object is other.object
    return (one.object.uid, one.object.resource_version) == (other.object.uid, other.object.resource_version)
