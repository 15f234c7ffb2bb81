"""What a load gathers before it is stored."""

from __future__ import annotations

from tests.cache.store_builders import pod

from kubeinformer.cache.deltas import Delta, DeltaType
from kubeinformer.cache.list_pages import ListPage
from kubeinformer.cache.load import Load
from kubeinformer.cache.object_reader import Aside
from kubeinformer.cache.salvage import Identity
from kubeinformer.errors import InvalidObject


def test_pages_are_one_content_in_their_order() -> None:
    """An object that stands on two pages (it changed between them) counts once, as it was last."""
    load = Load()
    load.add(ListPage([pod("a"), pod("b")], [], "5", "token"))
    load.add(ListPage([pod("c"), pod("a")], [], "5", ""))
    replacement = load.replacement("5", "default")
    assert [found.name for found in replacement.objects] == ["a", "b", "c"]
    assert (replacement.version, replacement.scope, replacement.complete) == ("5", "default", True)


def test_what_is_set_aside_is_not_gone() -> None:
    """By its key where that is known; where it is not, nothing may be taken for gone."""
    fault = InvalidObject("labels are numbers")
    load = Load()
    load.add(
        ListPage(
            [], [Aside(fault, Identity("default", "bad", "4")), Aside(fault, Identity("", "", ""))], "5", ""
        )
    )
    load.add(ListPage([], [Aside(None, Identity("default", "dropped", "3"))], "5", ""))
    replacement = load.replacement("5", None)
    assert replacement.set_aside == frozenset({"default/bad"})
    assert replacement.complete
    assert load.errors == [fault, fault]
    load.add(ListPage([], [Aside(fault, None)], "5", ""))
    assert not load.replacement("5", None).complete


def test_initial_events_are_collected_with_the_changes_between_them() -> None:
    """Invariant 60: a change or a deletion before the closing bookmark counts."""
    load = Load()
    one, two = pod("one"), pod("two")
    load.collect([Delta(DeltaType.ADDED, one.key, one), Delta(DeltaType.ADDED, two.key, two)])
    load.collect([Delta(DeltaType.UPDATED, one.key, one), Delta(DeltaType.DELETED, two.key, two)])
    load.set_aside("default/bad")
    replacement = load.replacement("9", None)
    assert [found.key for found in replacement.objects] == [one.key]
    assert replacement.set_aside == frozenset({"default/bad"})


def test_what_was_set_aside_and_then_deleted_is_gone() -> None:
    """Or it would outlast its deletion in the store, for no later event tells of it."""
    load = Load()
    load.set_aside("default/bad")
    load.collect([Delta(DeltaType.DELETED, "default/bad", None)])
    assert load.replacement("9", None).set_aside == frozenset()
