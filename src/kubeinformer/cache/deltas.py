"""What travels from the reflector to the store, and the protocol of the queue between them."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

import msgspec

from kubeinformer.objects import KubernetesObject


class DeltaType(Enum):
    """How the watch reported an object."""

    ADDED = "ADDED"
    UPDATED = "MODIFIED"
    DELETED = "DELETED"


class Delta(msgspec.Struct, frozen=True, gc=False):
    """One change of one object.

    Attributes:
        type: How it was reported.
        key: The key of the object.
        object: The object, in its last state for a deletion; None where only the key of a deletion is known.
    """

    type: DeltaType
    key: str
    object: KubernetesObject | None


class Changes(msgspec.Struct, frozen=True, gc=False):
    """Changes in the order of the watch, and the version that `scope` has reached after them.

    Attributes:
        deltas: The changes; none where only the version moved (a bookmark).
        version: The resourceVersion, "" where it stays what it was (more changes lead to the next one).
        scope: The namespace that is watched, None for all of them.
    """

    deltas: tuple[Delta, ...]
    version: str
    scope: str | None = None


class ReplacedAll(msgspec.Struct, frozen=True, gc=False):
    """A whole new content of `scope`: what is not in it is gone.

    Attributes:
        objects: All objects, in the order of the list.
        version: The resourceVersion of the list.
        scope: The namespace that was listed, None for all of them.
        set_aside: Keys of objects that are in the list and could not be read: they are not gone.
        complete: False where the list held something of which not even the key could be read: nothing is gone.
    """

    objects: list[KubernetesObject]
    version: str
    scope: str | None = None
    set_aside: frozenset[str] = frozenset()
    complete: bool = True


Item = Changes | ReplacedAll


class Queue(Protocol):
    """The queue between a reflector and the store; it knows no lock and no loop, its one owner calls it.

    Changes of a key leave in the order in which they came. What was pushed before a replacement leaves before it, and
    what was pushed after it leaves after it. A version leaves with the last of the changes of its scope that led to
    it, never earlier: a store that applies what is popped does not claim more than it holds.
    """

    def push(self, item: Item) -> None:
        """Append what a reflector brought."""

    def pop(self) -> Item:
        """Take out what is to be stored next.

        Raises:
            IndexError: The queue is empty.
        """

    def __bool__(self) -> bool:
        """Return whether anything waits."""

    def __len__(self) -> int:
        """Return how many changes wait (a replacement counts as one)."""

    def check_invariants(self) -> None:
        """Raise AssertionError where the queue contradicts itself; for tests."""
