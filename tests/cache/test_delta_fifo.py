"""DeltaFIFO: what happens to a key leaves together, and never says more than the store will hold."""

from __future__ import annotations

import pytest
from tests.cache.store_builders import added, changes, deleted, listed, modified, pod

from kubeinformer.cache.delta_fifo import DeltaFIFO
from kubeinformer.cache.deltas import Changes, Delta, DeltaType, Item, ReplacedAll

LAST, BLIND = deleted(pod("a", "2")), Delta(DeltaType.DELETED, "default/a", None)


def _words(item: Item) -> str:
    if isinstance(item, ReplacedAll):
        return f"replaced {item.version}"
    deltas = " ".join(f"{delta.type.name} {delta.key}" for delta in item.deltas)
    return f"{deltas or 'nothing'} @{item.version or '-'}"


def _drained(queue: DeltaFIFO) -> list[str]:
    words = []
    while queue:
        queue.check_invariants()
        words.append(_words(queue.pop()))
    assert len(queue) == 0
    return words


def test_the_changes_of_a_key_leave_together() -> None:
    """At the place of its first one, in their order (Invariants 117, 120 and 129)."""
    queue = DeltaFIFO()
    queue.push(changes(added(pod("a", "1")), added(pod("b", "2")), modified(pod("a", "3")), version="3"))
    queue.push(changes(deleted(pod("a", "4")), version="4"))
    assert len(queue) == 4
    assert _drained(queue) == ["ADDED default/a UPDATED default/a DELETED default/a @-", "ADDED default/b @4"]


def test_a_key_that_has_left_goes_to_the_tail() -> None:
    """It does not jump the line (Invariant 129)."""
    queue = DeltaFIFO()
    queue.push(changes(added(pod("a", "1")), added(pod("b", "2")), version="2"))
    queue.pop()
    queue.push(changes(modified(pod("a", "3")), version="3"))
    assert _drained(queue) == ["ADDED default/b @-", "UPDATED default/a @3"]


def test_a_version_leaves_with_the_last_key_that_led_to_it() -> None:
    """The store must never claim more than it holds; scopes do not wait for each other."""
    queue = DeltaFIFO()
    queue.push(
        changes(
            added(pod("a", "1", namespace="x")), added(pod("b", "2", namespace="x")), version="2", scope="x"
        )
    )
    queue.push(changes(added(pod("c", "3", namespace="y")), version="3", scope="y"))
    queue.push(changes(modified(pod("a", "4", namespace="x")), version="4", scope="x"))
    versions = []
    while queue:
        item = queue.pop()
        assert isinstance(item, Changes)
        versions.append((item.scope, item.version))
    assert versions == [("x", ""), ("x", "4"), ("y", "3")]


def test_a_replacement_keeps_its_place() -> None:
    """What was queued before it leaves before it, also of the same key (Invariants 79, 118, 119 and 123)."""
    queue = DeltaFIFO()
    queue.push(changes(deleted(pod("a", "2")), version="2"))
    queue.push(listed(pod("a", "3"), version="3"))
    queue.push(changes(modified(pod("a", "4")), version="4"))
    assert len(queue) == 3
    assert _drained(queue) == ["DELETED default/a @2", "replaced 3", "UPDATED default/a @4"]


def test_a_bookmark_leaves_where_no_key_waits() -> None:
    """It has no depth; with changes before it, it only moves their version."""
    queue = DeltaFIFO()
    queue.push(changes(version="7"))
    assert (bool(queue), len(queue)) == (True, 0)
    assert _drained(queue) == ["nothing @7"]
    queue.push(changes(added(pod("a", "8")), version="8"))
    queue.push(changes(version="9"))
    assert _drained(queue) == ["ADDED default/a @9"]


def test_changes_without_a_version_leave_the_one_before_them() -> None:
    """It is reached when they have left, too: no version is lost on the way."""
    queue = DeltaFIFO()
    queue.push(changes(added(pod("a", "1")), version="1"))
    queue.push(changes(added(pod("b", "2")), version=""))
    assert _drained(queue) == ["ADDED default/a @-", "ADDED default/b @1"]
    queue.push(changes(added(pod("c", "3")), version=""))
    assert _drained(queue) == ["ADDED default/c @-"]


@pytest.mark.parametrize(
    ("deltas", "left"),
    [
        ((LAST, deleted(pod("a", "2"))), (LAST,)),
        ((BLIND, BLIND, BLIND), (BLIND,)),
        ((LAST, BLIND), (LAST, BLIND)),
        ((BLIND, LAST), (BLIND, LAST)),
        ((LAST, deleted(pod("a", "3"))), (LAST, deleted(pod("a", "3")))),
        ((LAST, deleted(pod("a", "2", uid="other"))), (LAST, deleted(pod("a", "2", uid="other")))),
        ((BLIND, added(pod("a", "3")), BLIND), (BLIND, added(pod("a", "3")), BLIND)),
    ],
)
def test_a_deletion_that_says_the_same_again_is_dropped(
    deltas: tuple[Delta, ...], left: tuple[Delta, ...]
) -> None:
    """Only that: whichever of two others were dropped could be the one that the store heeds (Invariant 120)."""
    queue = DeltaFIFO()
    for delta in deltas:
        queue.push(changes(delta))
    queue.check_invariants()
    assert len(queue) == len(left)
    item = queue.pop()
    assert isinstance(item, Changes)
    assert item.deltas == left
    assert len(queue) == 0


def test_it_refuses_to_pop_when_empty() -> None:
    """As the in-order queue does."""
    queue = DeltaFIFO()
    with pytest.raises(IndexError):
        queue.pop()
    queue.check_invariants()
