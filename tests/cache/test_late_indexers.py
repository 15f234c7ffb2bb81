"""Indexers that are added while the cache runs: whole or not there, and nothing is lost meanwhile."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cache.store_builders import (
    DEADLINE,
    added,
    changes,
    content,
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
    before=st.sets(st.sampled_from("abc")),
    meanwhile=st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=8),
    relist=st.booleans(),
)
def test_what_changes_while_they_are_computed_is_made_up_for(
    before: set[str], meanwhile: list[tuple[str, bool]], relist: bool
) -> None:
    """A write that comes in the middle is in the new index, and what it replaced is not."""
    store = make_store()
    store.apply(listed(*(pod(name) for name in sorted(before))))
    writes = list(enumerate(meanwhile, 2))
    rounds = {"1": 1}  # by version: in which round over the objects it is seen

    def write_in_the_middle(indexed: KubernetesObject) -> tuple[str, ...]:
        now = rounds[indexed.resource_version]
        if writes and now <= 2:  # in the last round the writer waits
            number, (name, is_delete) = writes.pop(0)
            rounds[str(number)] = now + 1
            change = deleted if is_delete else modified
            store.apply(changes(change(pod(name, str(number)))))
            if relist and not writes:
                rounds["99"] = now + 1
                store.apply(listed(pod("z", "99")))
        return by_version(indexed)

    store.add_indexers({"late": write_in_the_middle})
    store.check_invariants()
    _, indexer = readers(store)
    assert {
        key: [version]
        for version in indexer.index_values("late")
        for key in indexer.index_keys("late", version)
    } == {key: [held.resource_version] for key, held in content(store).items()}


def test_neither_reads_nor_writes_wait_for_a_function() -> None:
    """While one hangs on the thread that adds it, also over what came meanwhile, the cache goes on."""
    store = make_store()
    store.apply(listed(pod("a", "1")))
    _, indexer = readers(store)
    hanging: queue.Queue[str] = queue.Queue()
    goes_on: queue.Queue[None] = queue.Queue()

    def hang(indexed: KubernetesObject) -> tuple[str, ...]:
        if indexed.resource_version != "3":
            hanging.put(indexed.resource_version)
            goes_on.get(timeout=DEADLINE)
        return by_version(indexed)

    def write() -> None:
        for version in ("2", "3"):
            hanging.get(timeout=DEADLINE)
            store.apply(changes(modified(pod("a", version))))
            assert [held.resource_version for held in indexer.list()] == [version]
            with pytest.raises(UsageError, match="no index 'late'"):
                indexer.index_values("late")
            goes_on.put(None)

    in_threads(write, lambda: indexer.add_indexers({"late": hang}))
    assert indexer.index_values("late") == ["3"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_nothing_is_added_when_interrupted(interruption: type[BaseException]) -> None:
    """Ctrl-C ends the call, on the user's own thread, and is no fault of the function that it hits."""
    store = make_store()
    store.apply(listed(pod("a"), pod("b")))
    _, indexer = readers(store)

    def interrupted(indexed: KubernetesObject) -> tuple[str, ...]:
        if indexed.name == "b":
            raise interruption
        return by_name(indexed)

    with pytest.raises(interruption):
        indexer.add_indexers({"name": by_name, "late": interrupted})
    store.check_invariants()
    for name in ("name", "late"):
        with pytest.raises(UsageError, match=f"no index '{name}'"):
            indexer.index_values(name)
    indexer.add_indexers({"late": by_name})
    assert sorted(map(str, indexer.index_values("late"))) == ["a", "b"]


@pytest.mark.parametrize("when", ["1", "2", "3"])
def test_indexers_may_be_added_while_indexers_are_added(when: str) -> None:
    """By a signal handler, at any moment, also as the writer waits: each object has its values in both indexes."""
    store = make_store()
    store.apply(listed(pod("a", "1"), pod("b", "1")))
    _, indexer = readers(store)
    versions = iter(["2", "3"])

    def interrupted(indexed: KubernetesObject) -> tuple[str, ...]:
        if indexed.resource_version == when:
            signal.raise_signal(signal.SIGINT)
        if indexed.name == "a" and (version := next(versions, "")):  # so that there are three rounds
            store.apply(changes(modified(pod("a", version))))
        return by_name(indexed)

    before = signal.signal(signal.SIGINT, lambda *_: indexer.add_indexers({"inner": by_version}))
    try:
        indexer.add_indexers({"outer": interrupted})
    finally:
        signal.signal(signal.SIGINT, before)
    store.apply(changes(deleted(pod("b", "4"))))
    store.check_invariants()
    assert (indexer.index_values("inner"), indexer.index_values("outer")) == (["3"], ["a"])


def test_an_index_function_cannot_add_indexers() -> None:
    """It runs where the cache is written: that is its fault, and the object is in the other indexes."""
    faults: list[BaseException] = []

    def meddle(_: KubernetesObject) -> None:
        store.add_indexers({"name": by_name})

    store = IndexedStore(Indexers({"meddles": meddle}, lambda _name, _object, error: faults.append(error)))
    store.apply(changes(added(pod("a"))))
    store.apply(listed(pod("a", "2")))
    store.check_invariants()
    assert [str(fault) for fault in faults] == ["an index function cannot add indexers"] * 2
    assert readers(store)[1].index_keys("namespace", "default") == ["default/a"]


def test_a_bound_method_is_the_same_function_again() -> None:
    """Though Python makes a new object of it at every mention."""

    class Application:
        def by_name(self, indexed: KubernetesObject) -> tuple[str, ...]:
            return (indexed.name,)

    application, store = Application(), make_store()
    for _ in range(2):
        store.add_indexers({"name": application.by_name})
    with pytest.raises(UsageError, match="another index 'name'"):
        store.add_indexers({"name": Application().by_name})


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
    # At the start, after the namespace, after the function, after telling of it; then the same for the second pod.
    times = iter([0.0, LONGEST_CALL / 2, 3.5 * LONGEST_CALL, 9.0, 20.0, 20.0, 20.0])
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
