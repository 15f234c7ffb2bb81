"""RealFIFO: the history leaves as it came."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cache.store_builders import added, changes, deleted, listed, modified, pod

from kubeinformer.cache.deltas import Changes, Item, Queue, ReplacedAll
from kubeinformer.cache.real_fifo import RealFIFO

DELTAS = st.sampled_from(
    [added(pod("a", "1")), modified(pod("a", "2")), deleted(pod("a", "3")), added(pod("b"))]
)
ITEMS: st.SearchStrategy[Item] = st.lists(DELTAS, max_size=4).map(
    lambda deltas: Changes(tuple(deltas), "9")
) | st.lists(st.sampled_from([pod("a"), pod("b")]), max_size=3).map(lambda objects: ReplacedAll(objects, "9"))


def _weight(item: Item) -> int:
    return len(item.deltas) if isinstance(item, Changes) else 1


@given(st.lists(ITEMS | st.none(), max_size=40))
def test_is_first_in_first_out(pushes: list[Item | None]) -> None:
    """Nothing overtakes, merges or is lost, across all keys (Invariants 85, 97, 107 and 108)."""
    queue: Queue = RealFIFO()
    model: deque[Item] = deque()
    for item in pushes:  # None stands for a pop
        if item is not None:
            queue.push(item)
            model.append(item)
        elif model:
            assert queue.pop() is model.popleft()
        queue.check_invariants()
        assert bool(queue) == bool(model)
        assert len(queue) == sum(map(_weight, model))
    while model:
        assert queue.pop() is model.popleft()
    assert len(queue) == 0
    assert not queue


def test_refuses_to_pop_when_empty() -> None:
    """An empty queue raises IndexError, and its depth stays right."""
    queue = RealFIFO()
    with pytest.raises(IndexError):
        queue.pop()
    queue.check_invariants()
    assert len(queue) == 0


def test_keeps_a_deletion_before_a_replacement() -> None:
    """A Deleted followed by a list with the same key leaves as both, in that order (Invariant 79)."""
    queue = RealFIFO()
    items: list[Item] = [changes(deleted(pod("a"))), listed(pod("a", "2"))]
    for item in items:
        queue.push(item)
    assert [queue.pop(), queue.pop()] == items


def test_enqueues_the_deletion_of_an_unknown_key() -> None:
    """The queue knows no store and filters nothing; the store does (Invariant 87)."""
    queue = RealFIFO()
    queue.push(changes(deleted(pod("unknown"))))
    assert len(queue) == 1


def test_a_bookmark_waits_though_it_has_no_depth() -> None:
    """Changes without deltas are popped like others, before a later list, and do not count (Invariant 109)."""
    queue = RealFIFO()
    bookmark = changes(version="7")
    queue.push(bookmark)
    assert queue
    assert len(queue) == 0
    queue.push(listed())
    assert queue.pop() is bookmark
    assert len(queue) == 1
