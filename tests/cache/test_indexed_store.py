"""IndexedStore: what each change does to the content, and what follows from it for the handlers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any, cast

import pytest
from tests.cache.store_builders import (
    added,
    changes,
    content,
    deleted,
    in_threads,
    keys_of,
    listed,
    make_store,
    modified,
    pod,
    readers,
)

from kubeinformer.cache.deltas import Delta, DeltaType, ReplacedAll
from kubeinformer.cache.indexed_store import IndexedStore
from kubeinformer.cache.indexes import Indexers
from kubeinformer.cache.notifications import Added, Deleted, Notification, Updated
from kubeinformer.objects import DeletedFinalStateUnknown, KubernetesObject


def _holding(*objects: KubernetesObject) -> IndexedStore:
    store = make_store({"uid": lambda indexed: indexed.uid})
    store.apply(listed(*objects))
    return store


def _told(notifications: list[Notification]) -> list[tuple[str, str, str]]:
    """Return kind, key and version of each notification; a tombstone shows as "Vanished"."""
    told = []
    for notification in notifications:
        told_of = notification.new if isinstance(notification, Updated) else notification.object
        kind = "Vanished" if isinstance(told_of, DeletedFinalStateUnknown) else type(notification).__name__
        told.append((kind, told_of.name, told_of.resource_version))
    return told


def test_a_change_is_stored_and_told() -> None:
    """Added, then Updated from what was told before, then Deleted with the state that the deletion brought."""
    store = _holding()
    one, two, three = (pod("a", version) for version in ("1", "2", "3"))
    assert store.apply(changes(added(one))) == [Added(one)]
    assert content(store) == {"default/a": one}
    [update] = store.apply(changes(modified(two)))
    assert isinstance(update, Updated)
    assert (update.old, update.new) == (one, two)
    [deletion] = store.apply(changes(deleted(three)))
    assert isinstance(deletion, Deleted)
    assert deletion.object is three
    assert content(store) == {}


def test_the_edge_comes_from_the_store_and_not_from_the_word_of_the_event() -> None:
    """MODIFIED of something absent is an add; ADDED of something present is an update (Invariant 313)."""
    store = _holding(pod("a", "1"))
    assert _told(store.apply(changes(modified(pod("b", "2")), added(pod("a", "3"))))) == [
        ("Added", "b", "2"),
        ("Updated", "a", "3"),
    ]


def test_the_deletion_of_something_absent_is_not_told() -> None:
    """Nobody hears of the end of what was never added (Invariant 313; client-go tells it, Invariant 87)."""
    store = _holding()
    assert store.apply(changes(deleted(pod("a")))) == []


@pytest.mark.parametrize("old", ["9", "10", "18014398509481985"])
def test_an_older_version_is_ignored(old: str) -> None:
    """Versions compare as numbers of any size, for changes and for deletions (Case C14, Invariant 311)."""
    store = _holding(pod("a", "18014398509481986"))
    assert store.apply(changes(modified(pod("a", old)), deleted(pod("a", old)))) == []
    assert content(store)["default/a"].resource_version == "18014398509481986"


@pytest.mark.parametrize(("old", "new"), [("a1b2", "7"), ("7", "a1b2"), ("10", "09"), ("10", "")])
def test_versions_that_do_not_compare_pass_in_order_of_arrival(old: str, new: str) -> None:
    """They are opaque: nothing is dropped for them (Case C14)."""
    store = _holding(pod("a", old))
    assert _told(store.apply(changes(modified(pod("a", new))))) == [("Updated", "a", new)]
    assert _told(store.apply(changes(deleted(pod("a", old))))) == [("Deleted", "a", old)]


def test_an_unchanged_version_is_not_delivered() -> None:
    """Neither from a watch that begins again nor from a list, and the old object stays (Invariant 195, C29)."""
    first = pod("a", "5")
    store = _holding(first)
    assert store.apply(changes(added(pod("a", "5")))) == []
    assert store.apply(listed(pod("a", "5"))) == []
    assert content(store)["default/a"] is first


def test_without_versions_the_bytes_decide() -> None:
    """Objects that have no version are delivered when they differ."""
    store = _holding(pod("a", "", labels={"n": "1"}))
    assert store.apply(listed(pod("a", "", labels={"n": "1"}))) == []
    assert _told(store.apply(listed(pod("a", "", labels={"n": "2"})))) == [("Updated", "a", "")]


def test_the_deletion_of_an_object_that_was_set_aside_is_a_tombstone() -> None:
    """Where only the key is known, the last state that was seen is told."""
    last = pod("a", "5")
    store = _holding(last)
    [deletion] = store.apply(changes(Delta(DeltaType.DELETED, last.key, None)))
    assert isinstance(deletion, Deleted)
    assert isinstance(deletion.object, DeletedFinalStateUnknown)
    assert deletion.object.object == last


@pytest.mark.parametrize("relist", [False, True])
def test_an_object_that_was_created_again_is_deleted_then_added(relist: bool) -> None:
    """Two lives are two objects: a uid index holds the second only (Case C34)."""
    first, second = pod("a", "1", uid="U1"), pod("a", "9", uid="U2")
    store = _holding(first)
    told = store.apply(listed(second) if relist else changes(added(second)))
    assert _told(told) == [("Vanished", "a", "1"), ("Added", "a", "9")]
    assert [cast("Any", each).object.uid for each in told] == ["U1", "U2"]
    assert isinstance(told[1], Added)
    assert not told[1].initial
    _, indexer = readers(store)
    assert indexer.index_keys("uid", "U1") == []
    assert indexer.by_index("uid", "U2") == [second]


def test_a_deletion_of_an_earlier_life_does_not_touch_the_later_one() -> None:
    """DELETED of U1 at 5 says nothing about U2 at 9 (Case C34)."""
    store = _holding(pod("a", "9", uid="U2"))
    assert store.apply(changes(deleted(pod("a", "5", uid="U1")))) == []


def test_a_deletion_of_a_later_life_ends_the_earlier_one_too() -> None:
    """What is told is the last state of the object that was told before (Invariant 313)."""
    store = _holding(pod("a", "1", uid="U1"))
    [deletion] = store.apply(changes(deleted(pod("a", "9", uid="U2"))))
    assert isinstance(deletion, Deleted)
    assert isinstance(deletion.object, DeletedFinalStateUnknown)
    assert (deletion.object.uid, deletion.object.resource_version) == ("U1", "1")


def test_a_list_deletes_first_and_then_follows_its_own_order() -> None:
    """Deletions are tombstones with the last state; the store holds the new content already (Invariant 146)."""
    store = _holding(pod("a", "1"), pod("b", "1"), pod("c", "1"), pod("d", "1"))
    told = store.apply(listed(pod("e", "5"), pod("c", "4"), pod("b", "1"), pod("0", "2")))
    deletions, rest = told[:2], told[2:]
    assert sorted(_told(deletions)) == [("Vanished", "a", "1"), ("Vanished", "d", "1")]
    assert _told(rest) == [("Added", "e", "5"), ("Updated", "c", "4"), ("Added", "0", "2")]
    assert keys_of(content(store).values()) == ["default/0", "default/b", "default/c", "default/e"]


def test_a_list_may_lower_versions() -> None:
    """A cluster that was restored from a backup is believed: its whole list is the truth."""
    store = _holding(pod("a", "900"))
    assert _told(store.apply(listed(pod("a", "7"), version="8"))) == [("Updated", "a", "7")]
    assert store.versions == {None: "8"}


def test_a_key_that_a_list_holds_twice_counts_as_its_last() -> None:
    """It is one object, added once."""
    store = _holding()
    assert _told(store.apply(listed(pod("a", "1"), pod("b", "2"), pod("a", "3")))) == [
        ("Added", "a", "3"),
        ("Added", "b", "2"),
    ]
    store.check_invariants()


def test_adds_of_the_first_list_are_initial_and_later_ones_are_not() -> None:
    """Also when the first one was empty, and per namespace where several are watched (Invariant 147)."""
    store = make_store()
    assert store.apply(listed(scope="x")) == []
    for scope, expected in (("x", False), ("y", True), ("y", False)):
        name = f"{scope}{expected}"
        [told] = store.apply(listed(pod(name, namespace=scope), scope=scope))[-1:]
        assert isinstance(told, Added)
        assert told.initial is expected
    [told] = store.apply(changes(added(pod("watched", namespace="z")), scope="z"))
    assert isinstance(told, Added)
    assert not told.initial


def test_a_list_of_one_namespace_leaves_the_others_alone() -> None:
    """What it does not show is gone in its own namespace only."""
    store = _holding()
    store.apply(listed(pod("a", namespace="x"), pod("b", namespace="x"), scope="x"))
    store.apply(listed(pod("c", namespace="y"), scope="y"))
    assert _told(store.apply(listed(pod("b", namespace="x"), scope="x"))) == [("Vanished", "a", "1")]
    assert keys_of(content(store).values()) == ["x/b", "y/c"]


def test_what_a_list_could_not_read_is_not_gone() -> None:
    """A key that was set aside keeps its last state; without even a key, nothing is taken for gone."""
    store = _holding(pod("a"), pod("b"), pod("c"))
    aside = ReplacedAll([pod("a")], "2", None, frozenset({"default/b"}))
    assert _told(store.apply(aside)) == [("Vanished", "c", "1")]
    incomplete = ReplacedAll([pod("d")], "3", None, complete=False)
    assert _told(store.apply(incomplete)) == [("Added", "d", "1")]
    assert keys_of(content(store).values()) == ["default/a", "default/b", "default/d"]


def test_versions_move_with_changes_lists_and_bookmarks() -> None:
    """Each scope has its own; a bookmark moves it without a notification (Invariants 148, 151 and 161)."""
    store = make_store()
    assert store.versions == {}
    store.apply(listed(version="5", scope="x"))
    store.apply(listed(version="7", scope="y"))
    store.apply(changes(added(pod("a", "8", namespace="x")), version="8", scope="x"))
    assert store.versions == {"x": "8", "y": "7"}
    assert store.apply(changes(version="12", scope="y")) == []
    assert store.versions == {"x": "8", "y": "12"}
    store.versions.clear()
    assert store.versions == {"x": "8", "y": "12"}


def test_says_which_namespaces_are_loaded() -> None:
    """A list of all namespaces loads each; a list of one loads itself; None asks for any at all."""
    store = make_store()
    assert not store.has_loaded(None)
    store.apply(listed(scope="x"))
    assert [store.has_loaded(asked) for asked in (None, "x", "y")] == [True, True, False]
    store.apply(listed())
    assert store.has_loaded("y")


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
def test_store_and_indexes_agree_when_an_index_function_raises(error: type[BaseException]) -> None:
    """The second of two index functions fails on one object, which is stored and told all the same (Case C43)."""

    def by_label(indexed: KubernetesObject) -> list[str]:
        if indexed.name == "bad":
            raise error("no index for you")
        return [indexed.labels["app"]]

    faults: list[str] = []
    functions = {"name": lambda indexed: [indexed.name], "app": by_label}
    store = IndexedStore(
        Indexers(functions, lambda name, indexed, _: faults.append(f"{name} {indexed.name}"))
    )
    shop = {"app": "shop"}
    told = store.apply(listed(pod("good", labels=shop), pod("bad", labels=shop)))
    told += store.apply(changes(modified(pod("bad", "2", labels=shop))))
    assert _told(told) == [("Added", "good", "1"), ("Added", "bad", "1"), ("Updated", "bad", "2")]
    store.check_invariants()
    _, indexer = readers(store)
    assert indexer.index_keys("name", "bad") == ["default/bad"]
    assert indexer.index_keys("app", "shop") == ["default/good"]
    assert faults == ["app bad", "app bad"]


def test_what_was_set_aside_does_not_outlast_a_restore() -> None:
    """A list of a lower version shows an object that cannot be read: what was known of it is of another time."""
    store = make_store()
    store.apply(listed(pod("a", "14"), pod("b", "12"), version="15"))
    restored = ReplacedAll([], "12", None, frozenset({"default/a", "default/b"}))
    assert _told(store.apply(restored)) == [("Vanished", "a", "14")]
    assert _told(store.apply(changes(modified(pod("a", "13")), version="13"))) == [("Added", "a", "13")]


def test_the_same_state_in_another_api_version_is_news() -> None:
    """After a CRD was made anew with other versions, nothing of the old one stays (Case C50)."""
    store = make_store()
    old, new = pod("a", "7"), pod("a", "7", api_version="v2")
    store.apply(listed(old))
    [told] = store.apply(listed(new))
    assert (told.old.api_version, told.new.api_version) == ("v1", "v2")  # type: ignore[union-attr]  # an update
    assert content(store)["default/a"] is new


def test_index_functions_run_once_a_version() -> None:
    """A list that shows unchanged objects calls none of them again."""
    asked: list[str] = []
    store = make_store({"noted": lambda indexed: asked.append(indexed.name)})
    for _ in range(3):
        store.apply(listed(pod("a"), pod("b")))
    assert asked == ["a", "b"]


@pytest.fixture
def eager_switching() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_switching")
def test_readers_see_one_consistent_state() -> None:
    """During lists and changes, every answer on another thread is wholly of one content (contract C4)."""
    generations = [
        [pod(f"p{n}", str(generation), labels={"generation": str(generation)}) for n in range(12)]
        for generation in range(1, 151)
    ]
    store = make_store({"generation": lambda indexed: indexed.labels["generation"]})
    store.apply(listed(*generations[0]))
    lister, indexer = readers(store)
    done: list[bool] = []

    def write() -> None:
        try:
            for generation in generations:
                store.apply(listed(*generation))
                for version in range(500, 510):
                    labels = {"generation": str(version)}
                    store.apply(changes(modified(pod("p0", str(version), labels=labels))))
        finally:
            done.append(True)

    def read() -> None:
        while not done:
            found = lister.list("default")
            assert len(found) == 12
            assert len({each.resource_version for each in found if each.name != "p0"}) == 1
            listed_keys, indexed_keys = store.read(
                lambda objects, indexes: (
                    sorted(objects),
                    sorted(key for keys in indexes.as_sets()["generation"].values() for key in keys),
                )
            )
            assert listed_keys == indexed_keys
            for value in indexer.index_values("generation"):
                assert {each.labels["generation"] for each in indexer.by_index("generation", value)} <= {
                    value
                }

    in_threads(write, read, read)
    store.check_invariants()
