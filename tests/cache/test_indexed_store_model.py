"""IndexedStore, Lister and Indexer against brute force, over random histories of changes and lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.cache.store_builders import content, keys_of, pod, readers

from kubeinformer.cache.deltas import Changes, Delta, DeltaType, ReplacedAll
from kubeinformer.cache.indexed_store import IndexedStore
from kubeinformer.cache.indexes import NAMESPACE_INDEX, Indexers, IndexFunction
from kubeinformer.cache.notifications import Added, Deleted, Notification, Updated
from kubeinformer.errors import NotFound, NotSynced, UsageError
from kubeinformer.objects import DeletedFinalStateUnknown, KubernetesObject

NAMESPACES = ("x", "y")
NAMES = ("a", "b", "c")
KEYS = [f"{namespace}/{name}" for namespace in NAMESPACES for name in NAMES]
VERSIONS = ("1", "2", "9", "10", "11", "18014398509481985", "18014398509481986", "09", "v1", "v2", "")
TAGS = ("red", "green", "re")
Content = dict[str, KubernetesObject]

SPECS = st.one_of(
    st.fixed_dictionaries({"returns": st.sampled_from(["raise", "none", "lone", "unhashable"])}),
    st.fixed_dictionaries({"returns": st.just("list"), "tags": st.lists(st.sampled_from(TAGS), max_size=4)}),
)
OBJECTS = st.builds(
    pod,
    st.sampled_from(NAMES),
    st.sampled_from(VERSIONS),
    namespace=st.sampled_from(NAMESPACES),
    uid=st.sampled_from(["U1", "U2"]),
    labels=st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["1", "2"])),
    spec=SPECS,
)
DELTAS = st.one_of(
    st.builds(
        lambda kind, of: Delta(kind, of.key, of),
        st.sampled_from([DeltaType.ADDED, DeltaType.UPDATED]),
        OBJECTS,
    ),
    st.builds(
        lambda of, known: Delta(DeltaType.DELETED, of.key, of if known else None), OBJECTS, st.booleans()
    ),
)


def tags(indexed: KubernetesObject) -> object:
    """Return what a sloppy user's index function may return, or raise as one may."""
    match indexed["spec"]["returns"]:
        case "raise":
            raise KeyError("tags")
        case "none":
            return None
        case "lone":
            return "red"
        case "unhashable":
            return ["red", []]
    return indexed["spec"]["tags"]


def by_uid(indexed: KubernetesObject) -> list[str]:
    """Return what is never shared."""
    return [indexed.uid]


def _tags_of(held: KubernetesObject) -> set[str]:
    spec = held["spec"]
    return {"lone": {"red"}, "list": set(spec.get("tags", ()))}.get(spec["returns"], set())


BRUTE_INDEXES: Mapping[str, Callable[[KubernetesObject], set[str]]] = {
    NAMESPACE_INDEX: lambda held: {held.namespace or ""},
    "tags": _tags_of,
    "uid": lambda held: {held.uid},
}
LATE: Mapping[str, tuple[IndexFunction, Callable[[KubernetesObject], set[str]]]] = {
    "late uid": (by_uid, BRUTE_INDEXES["uid"]),
    "late tags": (cast("IndexFunction", tags), BRUTE_INDEXES["tags"]),
    "late namespace": (lambda held: held.namespace and (held.namespace,), BRUTE_INDEXES[NAMESPACE_INDEX]),
}
BRUTE_SELECTORS: list[tuple[str | dict[str, str] | None, Callable[[Mapping[str, str]], bool]]] = [
    (None, lambda _: True),
    ("app=1", lambda labels: labels.get("app") == "1"),
    ("app!=1,tier", lambda labels: labels.get("app") != "1" and "tier" in labels),
    ("tier notin (1)", lambda labels: labels.get("tier") != "1"),
    ({"app": "2", "tier": "1"}, lambda labels: labels == {"app": "2", "tier": "1"}),
]


def _known_older(version: str, than: str) -> bool:
    numbers = [text for text in (version, than) if text.isdecimal() and not text.startswith("0")]
    return len(numbers) == 2 and int(version) < int(than)


def _unchanged(old: KubernetesObject, new: KubernetesObject) -> bool:
    same = (old.uid, old.resource_version) == (new.uid, new.resource_version)
    return same and (new.resource_version != "" or old.raw == new.raw)


def _after_delta(before: Content, delta: Delta) -> Content:
    old, new = before.get(delta.key), delta.object
    if old is not None and new is not None and _known_older(new.resource_version, old.resource_version):
        return before
    if delta.type is DeltaType.DELETED:
        return {key: held for key, held in before.items() if key != delta.key}
    assert new is not None
    return before if old is not None and _unchanged(old, new) else {**before, delta.key: new}


def _after_list(before: Content, item: ReplacedAll) -> Content:
    after: Content = {}
    for key, old in before.items():
        elsewhere = item.scope is not None and old.namespace != item.scope
        if elsewhere or key in item.set_aside or not item.complete:
            after[key] = old
    for new in item.objects:
        after[new.key] = new
    for key in {new.key for new in item.objects} & before.keys():
        if _unchanged(before[key], after[key]):
            after[key] = before[key]
    return after


class StoreMachine(RuleBasedStateMachine):
    """Feeds a store, replays what it tells onto an empty map, and keeps a brute-force copy."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        functions: dict[str, Any] = {"tags": tags, "uid": by_uid}
        self.store = IndexedStore(
            Indexers(functions, lambda name, indexed, _: self.faults.append(f"{name} {indexed.key}"))
        )
        self.lister, self.indexer = readers(self.store)
        self.indexes = dict(BRUTE_INDEXES)
        self.expected: Content = {}
        self.replayed: Content = {}
        self.versions: dict[str | None, str] = {}

    @rule(names=st.sets(st.sampled_from(sorted(LATE)), min_size=1))
    def add_indexers(self, names: set[str]) -> None:
        """Index by more functions, some of which may be there already."""
        self.store.add_indexers({name: LATE[name][0] for name in names})
        self.indexes |= {name: LATE[name][1] for name in names}

    @rule(taken=st.sampled_from(["tags", "uid", NAMESPACE_INDEX]))
    def add_a_taken_name(self, taken: str) -> None:
        """Another function under a known name is refused, and nothing is added."""
        with pytest.raises(UsageError):
            self.store.add_indexers({"never": by_uid, taken: lambda _: ()})

    @rule(deltas=st.lists(DELTAS, max_size=5), scope=st.sampled_from([None, *NAMESPACES]))
    def change(self, deltas: list[Delta], scope: str | None) -> None:
        """Take in what a watch brings."""
        version = str(len(self.versions) + 1)
        told = self.store.apply(Changes(tuple(deltas), version, scope))
        for delta in deltas:
            self.expected = _after_delta(self.expected, delta)
        self.versions[scope] = version
        assert not any(isinstance(each, Added) and each.initial for each in told)
        self._replay(told)

    @rule(
        objects=st.lists(OBJECTS, max_size=8),
        scope=st.sampled_from([None, *NAMESPACES]),
        set_aside=st.frozensets(st.sampled_from(KEYS), max_size=2),
        complete=st.sampled_from([True, True, True, False]),
    )
    def relist(
        self, objects: list[KubernetesObject], scope: str | None, set_aside: frozenset[str], complete: bool
    ) -> None:
        """Take in a list."""
        inside = [listed for listed in objects if scope in (None, listed.namespace)]
        item = ReplacedAll(inside, f"list {len(inside)}", scope, set_aside, complete)
        before = self.expected
        told = self.store.apply(item)
        self.expected = _after_list(before, item)
        self._check_order(told, inside, before)
        self._check_initial(told, first=scope not in self.versions)
        self.versions[scope] = item.version
        self._replay(told)

    def _check_order(self, told: list[Notification], listed: list[KubernetesObject], before: Content) -> None:
        """Hold that deletions come first, as tombstones, and the rest in the order of the list."""
        gone = before.keys() - self.expected.keys()
        first, rest = told[: len(gone)], told[len(gone) :]
        assert {_subject(each).key for each in first if isinstance(each, Deleted)} == gone
        assert all(
            isinstance(each.object, DeletedFinalStateUnknown) for each in told if isinstance(each, Deleted)
        )
        places = list(dict.fromkeys(new.key for new in listed))
        positions = [places.index(_subject(each).key) for each in rest]
        assert positions == sorted(positions)

    def _check_initial(self, told: list[Notification], *, first: bool) -> None:
        again = {each.object.key for each in told if isinstance(each, Deleted)}
        for each in told:
            if isinstance(each, Added):
                assert each.initial is (first and each.object.key not in again)

    def _replay(self, told: list[Notification]) -> None:
        """Do as a handler does that keeps a copy (Invariants 313 and 314, Cases C29 and C34)."""
        for each in told:
            key = _subject(each).key
            match each:
                case Added(new):
                    assert key not in self.replayed
                    self.replayed[key] = new
                case Updated(old, new):
                    assert self.replayed[key] is old
                    assert old.uid == new.uid
                    assert not _unchanged(old, new)
                    self.replayed[key] = new
                case Deleted(last):
                    known = self.replayed.pop(key)
                    assert last.uid == known.uid
                    assert not isinstance(last, DeletedFinalStateUnknown) or last.object == known

    @invariant()
    def holds_exactly_what_it_should(self) -> None:
        """The store, the brute-force copy and the replayed notifications are the same objects."""
        self.store.check_invariants()
        for held in (content(self.store), self.replayed):
            assert held.keys() == self.expected.keys()
            assert all(held[key] is self.expected[key] for key in held)
        assert self.store.versions == self.versions

    @invariant()
    def indexes_equal_brute_force(self) -> None:
        """Values, keys and objects of every index; a function that failed indexes nothing."""
        if not self.versions:
            return
        for name in {"never", *LATE} - self.indexes.keys():
            with pytest.raises(UsageError, match=f"no index '{name}'"):
                self.indexer.index_values(name)
        for name, values_of in self.indexes.items():
            values = {value for held in self.expected.values() for value in values_of(held)}
            found_values = self.indexer.index_values(name)
            assert len(found_values) == len(values)
            assert set(found_values) == values
            for value in (*values, "absent"):
                keys = sorted(key for key, held in self.expected.items() if value in values_of(held))
                assert sorted(self.indexer.index_keys(name, value)) == keys
                assert keys_of(self.indexer.by_index(name, value)) == keys

    @invariant()
    def reads_equal_brute_force(self) -> None:
        """Lists by namespace and labels, gets, lengths and memberships."""
        if not self.versions:
            with pytest.raises(NotSynced):
                self.lister.list()
            return
        for namespace in (None, *NAMESPACES, "elsewhere"):
            if not self.store.has_loaded(namespace):
                continue
            for selector, fits in BRUTE_SELECTORS:
                found = keys_of(self.lister.list(namespace, label_selector=selector))
                assert found == sorted(
                    key
                    for key, held in self.expected.items()
                    if namespace in (None, held.namespace) and fits(held.labels)
                )
        assert len(self.lister) == len(self.expected)
        assert sorted(self.indexer.keys()) == keys_of(self.indexer.list()) == sorted(self.expected)

    @invariant()
    def gets_equal_brute_force(self) -> None:
        """Each key gives its object, and an absent one NotFound."""
        for key in KEYS if self.versions else ():
            namespace, _, name = key.partition("/")
            assert self.indexer.get_by_key(key) is self.expected.get(key)
            if not self.store.has_loaded(namespace):
                continue
            assert (key in self.lister) == (key in self.expected)
            if key in self.expected:
                assert self.lister.get(name, namespace) is self.expected[key]
            else:
                with pytest.raises(NotFound):
                    self.lister.get(name, namespace)

    @invariant()
    def faults_are_of_failing_functions_only(self) -> None:
        """Only the function that raises or returns nonsense is ever reported."""
        assert all(fault.startswith(("tags ", "late tags ")) for fault in self.faults)


def _subject(notification: Notification) -> KubernetesObject:
    return notification.new if isinstance(notification, Updated) else notification.object


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
