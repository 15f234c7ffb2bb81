"""Indexer: reads by key and by index."""

from __future__ import annotations

import signal

import pytest
from tests.cache.store_builders import changes, keys_of, listed, make_store, modified, pod, readers

from kubeinformer.cache.indexer import Indexer
from kubeinformer.errors import NotSynced, UsageError

A = pod("a", namespace="x", spec={"colours": ["red", "blue"]})
B = pod("b", namespace="y", spec={"colours": ["red"]})
C = pod("c", namespace="y")


@pytest.fixture
def indexer() -> Indexer:
    """Return an indexer over three pods, with an index of their colours."""
    store = make_store({"colour": lambda indexed: indexed["spec"].get("colours")})
    store.apply(listed(A, B, C))
    return readers(store)[1]


def test_every_read_refuses_before_the_first_load() -> None:
    """An empty answer always means that there is nothing."""
    _, indexer = readers(make_store())
    for read in (
        lambda: indexer.get_by_key("x/a"),
        lambda: indexer.by_index("namespace", "x"),
        lambda: indexer.index_keys("namespace", "x"),
        lambda: indexer.index_values("namespace"),
        indexer.keys,
        indexer.list,
    ):
        with pytest.raises(NotSynced):
            read()


def test_gets_by_key(indexer: Indexer) -> None:
    """The object itself, or None."""
    assert indexer.get_by_key("x/a") is A
    assert indexer.get_by_key("a") is None


def test_lists_keys_and_objects(indexer: Indexer) -> None:
    """All of them, once each, in lists of the caller's own."""
    indexer.keys().clear()
    indexer.list().clear()
    assert sorted(indexer.keys()) == keys_of(indexer.list()) == ["x/a", "y/b", "y/c"]


@pytest.mark.parametrize(
    ("name", "value", "keys"),
    [
        ("colour", "red", ["x/a", "y/b"]),
        ("colour", "blue", ["x/a"]),
        ("colour", "green", []),
        ("namespace", "y", ["y/b", "y/c"]),
    ],
)
def test_answers_from_an_index(indexer: Indexer, name: str, value: str, keys: list[str]) -> None:
    """Objects and keys that have a value; an unknown value has none (Invariants 154 and 164)."""
    assert keys_of(indexer.by_index(name, value)) == keys
    assert sorted(indexer.index_keys(name, value)) == keys


def test_lists_the_values_of_an_index(indexer: Indexer) -> None:
    """Those that some object has, once each (Invariant 163)."""
    assert sorted(map(str, indexer.index_values("colour"))) == ["blue", "red"]
    assert sorted(map(str, indexer.index_values("namespace"))) == ["x", "y"]


def test_an_unknown_index_is_an_error_that_names_the_others(indexer: Indexer) -> None:
    """And the store can be read after it: nothing stays locked."""
    for read in (
        lambda: indexer.by_index("color", "red"),
        lambda: indexer.index_keys("color", "red"),
        lambda: indexer.index_values("color"),
    ):
        with pytest.raises(UsageError, match="no index 'color'; there are namespace, colour"):
            read()
    assert len(indexer.keys()) == 3


def test_an_update_moves_an_object_in_its_indexes() -> None:
    """It leaves the values it lost, and the values that nobody has any more are gone (Invariants 158 to 160)."""
    store = make_store({"colour": lambda indexed: indexed["spec"].get("colours")})
    store.apply(listed(A, B))
    _, indexer = readers(store)
    store.apply(changes(modified(pod("a", "2", namespace="x", spec={"colours": ["red", "green"]}))))
    assert indexer.index_keys("colour", "blue") == []
    assert indexer.index_keys("colour", "green") == ["x/a"]
    assert sorted(indexer.index_keys("colour", "red")) == ["x/a", "y/b"]
    assert sorted(map(str, indexer.index_values("colour"))) == ["green", "red"]


def test_a_signal_handler_may_read_in_the_middle_of_a_read() -> None:
    """It runs on the thread that it interrupts, which may hold the lock: it gets its answer, too."""
    store = make_store()
    store.apply(listed(A, B))
    _, indexer = readers(store)
    read: list[list[str]] = []
    before = signal.signal(signal.SIGINT, lambda *_: read.append(indexer.keys()))
    try:
        store.read(lambda *_: signal.raise_signal(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert [sorted(keys) for keys in read] == [["x/a", "y/b"]]
