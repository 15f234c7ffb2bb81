"""Indexers that are added while the cache runs: whole or not there, and nothing is lost meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cache.store_builders import (
    added,
    changes,
    deleted,
    in_threads,
    listed,
    make_store,
    modified,
    pod,
    readers,
)

from kubeinformer.cache.indexed_store import IndexedStore
from kubeinformer.cache.indexes import LONGEST_CALL, Indexers
from kubeinformer.errors import UsageError
from kubeinformer.objects import KubernetesObject


def by_version(indexed: KubernetesObject) -> tuple[str, ...]:
    return (indexed.resource_version,)


def by_name(indexed: KubernetesObject) -> tuple[str, ...]:
    return (indexed.name,)


def test_what_is_there_is_indexed_and_what_comes_too() -> None:
    """Before the first load as after it; they are there already for who adds them twice (Invariant 165)."""
    store = make_store({"name": by_name})
    _, indexer = readers(store)
    indexer.add_indexers({"early": by_version})
    store.apply(listed(pod("a", "1"), pod("b", "2")))
    indexer.add_indexers({"late": by_version, "early": by_version, "name": by_name})
    indexer.add_indexers({"late": by_version})
    store.apply(changes(modified(pod("a", "3")), deleted(pod("b", "4")), added(pod("c", "5"))))
    store.check_invariants()
    for name in ("early", "late"):
        assert {value: indexer.index_keys(name, value) for value in indexer.index_values(name)} == {
            "3": ["default/a"],
            "5": ["default/c"],
        }


def test_another_function_under_a_known_name_is_refused_and_nothing_is_added() -> None:
    """All or nothing; the namespace index cannot be replaced either (Invariant 166)."""
    store = make_store({"name": by_name})
    store.apply(listed(pod("a")))
    _, indexer = readers(store)
    for taken in ("name", "namespace"):
        with pytest.raises(UsageError, match=f"another index '{taken}'"):
            indexer.add_indexers({"new": by_version, taken: by_version})
    with pytest.raises(UsageError, match="no index 'new'"):
        indexer.by_index("new", "1")
    store.check_invariants()


def test_a_function_that_raises_costs_its_object_and_no_more() -> None:
    """As for those that were there from the start (Case C43)."""
    faults: list[str] = []
    store = IndexedStore(Indexers({}, lambda name, indexed, _: faults.append(f"{name} {indexed.name}")))
    store.apply(listed(pod("good"), pod("bad")))

    def fail(indexed: KubernetesObject) -> tuple[Hashable, ...]:
        return by_name(indexed) if indexed.name == "good" else (indexed["spec"]["missing"],)

    store.add_indexers({"fails": fail, "name": by_name})
    store.check_invariants()
    _, indexer = readers(store)
    assert indexer.index_values("fails") == ["good"]
    assert sorted(map(str, indexer.index_values("name"))) == ["bad", "good"]
    assert faults == ["fails bad"]


@given(
    before=st.lists(st.sampled_from("abc"), max_size=4),
    meanwhile=st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=6),
    relist=st.booleans(),
)
def test_what_changes_while_they_are_computed_is_made_up_for(
    before: list[str], meanwhile: list[tuple[str, bool]], relist: bool
) -> None:
    """A write that comes in the middle is in the new index, and what it replaced is not."""
    store = make_store()
    store.apply(listed(*(pod(name) for name in sorted(set(before)))))
    writes = list(enumerate(meanwhile, 2))

    def write_in_the_middle(indexed: KubernetesObject) -> tuple[str, ...]:
        while writes:  # stands for the writer's thread, which is not held up while values are computed
            number, (name, is_delete) = writes.pop(0)
            change = deleted if is_delete else modified
            store.apply(changes(change(pod(name, str(number)))))
            if relist and not writes:
                store.apply(listed(pod("z", "99")))
        return by_version(indexed)

    store.add_indexers({"late": write_in_the_middle})
    store.check_invariants()


def test_readers_see_a_new_index_whole_or_not_at_all() -> None:
    """While a writer goes on, and two threads add what the other one adds, too."""
    store = make_store()
    store.apply(listed(*(pod(f"p{number}") for number in range(50))))
    _, indexer = readers(store)
    done = threading.Event()

    def write() -> None:
        for version in range(2, 300):
            store.apply(changes(modified(pod(f"p{version % 50}", str(version)))))
        done.set()

    def add() -> None:
        for number in range(20):
            indexer.add_indexers({f"index-{number}": by_name})

    def read() -> None:
        while not done.is_set():
            for number in range(20):
                try:
                    values = indexer.index_values(f"index-{number}")
                except UsageError:
                    continue
                assert len(values) == 50

    in_threads(write, add, add, read)
    store.check_invariants()


def test_a_slow_function_is_named() -> None:
    """It runs where the cache is written: who holds that up should know; a quick one is not named."""
    times = iter([0.0, LONGEST_CALL / 2, 1.0, 1.0 + 3 * LONGEST_CALL] + [2.0] * 4)
    slow: list[tuple[str, str, float]] = []
    indexers = Indexers(
        {"name": by_name},
        lambda *_: None,
        on_slow=lambda name, indexed, seconds: slow.append((name, indexed.name, round(seconds, 3))),
        now=lambda: next(times),
    )
    for name in ("a", "b"):
        indexers.values_of(pod(name))
    assert slow == [("name", "a", round(3 * LONGEST_CALL, 3))]
