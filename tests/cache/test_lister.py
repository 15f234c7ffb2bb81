"""Lister: reads mean what Kubernetes' get and list mean, and never leave the process."""

from __future__ import annotations

import pytest
from tests.cache.store_builders import (
    changes,
    deleted,
    keys_of,
    listed,
    make_store,
    modified,
    node,
    pod,
    readers,
)

from kubeinformer.cache.lister import Lister
from kubeinformer.errors import NotCovered, NotFound, NotSynced

WEB = pod("web", namespace="front", labels={"app": "shop", "tier": "1"})
API = pod("api", namespace="front", labels={"app": "shop"})
OLD = pod("old", namespace="back", labels={"app": "legacy", "tier": "2"})
BARE = pod("bare", namespace="back")


@pytest.fixture
def lister() -> Lister:
    """Return a lister over four pods in two namespaces."""
    store = make_store()
    store.apply(listed(WEB, API, OLD, BARE))
    return readers(store)[0]


def test_every_read_refuses_before_the_first_load() -> None:
    """An empty answer always means that there is nothing, so there is none before the load."""
    lister, _ = readers(make_store())
    for read in (
        lister.list,
        lambda: lister.list("front"),
        lambda: lister.get("web", "front"),
        lambda: len(lister),
        lambda: "front/web" in lister,
    ):
        with pytest.raises(NotSynced, match="wait_for_cache_sync"):
            read()


def test_a_lister_is_true_even_when_empty_or_not_loaded() -> None:
    """`if informer.lister:` asks for the lister, not for its length."""
    assert readers(make_store())[0]


@pytest.mark.parametrize(
    ("namespace", "keys"),
    [
        (None, ["back/bare", "back/old", "front/api", "front/web"]),
        ("", ["back/bare", "back/old", "front/api", "front/web"]),
        ("front", ["front/api", "front/web"]),
        ("elsewhere", []),
    ],
)
def test_lists_a_namespace(lister: Lister, namespace: str | None, keys: list[str]) -> None:
    """None and "" mean all namespaces, as in client-go; one that holds nothing gives nothing (Invariant 214)."""
    assert keys_of(lister.list(namespace)) == keys


@pytest.mark.parametrize(
    ("selector", "keys"),
    [
        ("app=shop", ["front/api", "front/web"]),
        ("app!=shop", ["back/bare", "back/old"]),
        ("tier in (1,2)", ["back/old", "front/web"]),
        ("!app", ["back/bare"]),
        ("", ["back/bare", "back/old", "front/api", "front/web"]),
        ({"app": "shop", "tier": "1"}, ["front/web"]),
        ({}, ["back/bare", "back/old", "front/api", "front/web"]),
    ],
)
def test_lists_by_labels(lister: Lister, selector: str | dict[str, str], keys: list[str]) -> None:
    """Selectors are given as text or as a dict of labels."""
    assert keys_of(lister.list(label_selector=selector)) == keys


def test_lists_by_namespace_and_labels(lister: Lister) -> None:
    """Both must fit."""
    assert keys_of(lister.list("front", label_selector="tier")) == ["front/web"]


@pytest.mark.parametrize("selector", ["app in (", {"app": "no spaces allowed"}])
def test_a_wrong_selector_is_a_value_error(lister: Lister, selector: str | dict[str, str]) -> None:
    """It is refused, and never matches nothing in silence; also before the load, where it can be told already."""
    for asked in (lister, readers(make_store())[0]):
        with pytest.raises(ValueError, match="not a label selector"):
            asked.list(label_selector=selector)


def test_a_list_is_the_callers_own(lister: Lister) -> None:
    """What a caller does to an answer does not reach the cache."""
    for namespace in (None, "front"):
        before = keys_of(lister.list(namespace))
        lister.list(namespace).clear()
        assert keys_of(lister.list(namespace)) == before


def test_gets_one_object(lister: Lister) -> None:
    """By name and namespace; it is the cached object itself, which nobody can write to."""
    assert lister.get("web", "front") is WEB


@pytest.mark.parametrize(("name", "namespace"), [("web", "back"), ("web", None), ("absent", "front")])
def test_get_raises_not_found(lister: Lister, name: str, namespace: str | None) -> None:
    """It is the 404 of a client, and a LookupError, and names resource and key."""
    with pytest.raises(NotFound) as refusal:
        lister.get(name, namespace)
    assert isinstance(refusal.value, LookupError)
    assert (refusal.value.code, refusal.value.verb, refusal.value.resource) == (404, "get", "pods")
    assert repr(f"{namespace}/{name}" if namespace else name) in str(refusal.value)


def test_reads_objects_without_namespace() -> None:
    """Their key is their name."""
    store = make_store()
    store.apply(listed(node("n1")))
    lister, _ = readers(store)
    assert lister.get("n1").name == "n1"
    assert "n1" in lister
    assert keys_of(lister.list()) == ["n1"]
    assert lister.list("default") == []


def test_counts_and_contains(lister: Lister) -> None:
    """`len` counts objects, `in` takes keys; what is no key is not in it."""
    assert len(lister) == 4
    assert "front/web" in lister
    assert "front/absent" not in lister
    assert "web" not in lister
    assert 7 not in lister


def test_follows_the_store(lister: Lister) -> None:
    """A read answers from the store as it is at that moment."""
    store = make_store()
    store.apply(listed(WEB))
    lister, _ = readers(store)
    moved = pod("web", "2", namespace="front", labels={"app": "other"})
    store.apply(changes(modified(moved)))
    assert lister.list(label_selector="app=shop") == []
    assert lister.list("front", label_selector="app=other") == [moved]
    store.apply(changes(deleted(moved)))
    assert lister.list("front") == []
    assert len(lister) == 0


def test_refuses_a_namespace_that_is_not_watched() -> None:
    """Of every read that names one; the watched ones answer, and so do reads of all there is."""
    store = make_store()
    store.apply(listed(WEB, scope="front"))
    lister, _ = readers(store, ("front",))
    for read in (
        lambda: lister.list("back"),
        lambda: lister.get("old", "back"),
        lambda: "back/old" in lister,
    ):
        with pytest.raises(NotCovered, match="'back' is not watched"):
            read()
    assert "front/web" in lister
    for namespace in ("front", None, ""):
        assert lister.list(namespace) == [WEB]


def test_each_namespace_waits_for_its_own_load() -> None:
    """With one of two namespaces loaded, the other one refuses, and then it answers."""
    store = make_store()
    store.apply(listed(WEB, scope="front"))
    lister, _ = readers(store, ("front", "back"))
    with pytest.raises(NotSynced):
        lister.list("back")
    store.apply(listed(scope="back"))
    assert lister.list("back") == []
