"""Indexes: values that follow the objects, and user code that cannot break them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Hashable, Iterable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cache.store_builders import node, pod

from kubeinformer.cache.indexes import NAMESPACE_INDEX, Indexers, Indexes, IndexFunction, Values
from kubeinformer.errors import UsageError
from kubeinformer.objects import KubernetesObject

Fault = tuple[str, KubernetesObject, BaseException]


def _indexers(**functions: Callable[[KubernetesObject], object]) -> tuple[Indexers, list[Fault]]:
    faults: list[Fault] = []
    typed = cast("dict[str, IndexFunction]", functions)
    return Indexers(typed, lambda *fault: faults.append(fault)), faults


def _raise(error: BaseException) -> Any:
    raise error


def _failing_halfway() -> Iterable[Hashable]:
    yield "first"
    raise LookupError("halfway")


class _Unhashable:
    __hash__ = None  # type: ignore[assignment]  # how Python says "unhashable"


def test_every_cache_has_the_namespace_index() -> None:
    """It comes first, with the namespace of an object, and with nothing for an object that has none."""
    indexers, _ = _indexers(other=lambda _: ("x",))
    assert indexers.names == (NAMESPACE_INDEX, "other")
    assert indexers.values_of(pod("a", namespace="web")) == (("web",), ("x",))
    assert indexers.values_of(node("n")) == ((), ("x",))


def test_the_namespace_index_cannot_be_replaced() -> None:
    """Listers answer from it, so a second indexer of that name is refused (Invariant 166)."""
    with pytest.raises(UsageError, match="namespace"):
        _indexers(namespace=lambda _: ("elsewhere",))


@pytest.mark.parametrize(
    ("returned", "values"),
    [
        (None, ()),
        ((), ()),
        (["a", "b", "a"], ("a", "b")),
        ("lone", ("lone",)),
        ("", ("",)),
        (b"lone", (b"lone",)),
        ({"b": 1, "a": 2}, ("b", "a")),
        ((text for text in "ab"), ("a", "b")),
        ([("a", 1), 2, None], (("a", 1), 2, None)),
    ],
)
def test_takes_any_iterable_and_a_lone_string(returned: object, values: tuple[Hashable, ...]) -> None:
    """Values come once each, in order; a lone string is a value and not its letters; None is no value."""
    indexers, faults = _indexers(custom=lambda _: returned)
    assert indexers.values_of(pod("a"))[1] == values
    assert faults == []


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (lambda _: _raise(KeyError("spec")), KeyError),
        (lambda _: _raise(asyncio.CancelledError()), asyncio.CancelledError),
        (lambda _: _raise(KeyboardInterrupt()), KeyboardInterrupt),
        (lambda _: _raise(SystemExit(1)), SystemExit),
        (lambda _: 5, TypeError),
        (lambda _: False, TypeError),
        (lambda _: [["unhashable"]], TypeError),
        (lambda _: [_Unhashable()], TypeError),
        (lambda _: _failing_halfway(), LookupError),
        (lambda _: itertools.count(), UsageError),
        (lambda _: itertools.repeat("same"), UsageError),
    ],
)
def test_a_failing_function_costs_its_own_index_only(
    function: Callable[[KubernetesObject], object], error: type[BaseException]
) -> None:
    """The object is in the other indexes, the fault is told once with name, object and error (Case C43)."""
    indexers, faults = _indexers(before=lambda _: ("x",), faulty=function, after=lambda _: ("y",))
    indexed = pod("a")
    assert indexers.values_of(indexed)[1:] == (("x",), (), ("y",))
    [(name, told, raised)] = faults
    assert (name, told) == ("faulty", indexed)
    assert isinstance(raised, error)


OWN = st.lists(st.integers(0, 4), max_size=3, unique=True).map(tuple)
VALUES: st.SearchStrategy[Values] = st.tuples(OWN, OWN)


@given(st.lists(st.tuples(st.sampled_from("abcd"), VALUES | st.none()), max_size=30))
def test_equal_brute_force(steps: list[tuple[str, Values | None]]) -> None:
    """After any inserts and removals, keys and values are those of what is in (Invariants 158 to 160, 163)."""
    indexes = Indexes(("one", "two"))
    inside: dict[str, Values] = {}
    for key, values in steps:
        if key in inside:
            indexes.remove(key, inside.pop(key))
        if values is not None:
            indexes.insert(key, values)
            inside[key] = values
        for position, name in enumerate(("one", "two")):
            expected = {
                value: {holder for holder, own in inside.items() if value in own[position]}
                for own in inside.values()
                for value in own[position]
            }
            assert indexes.as_sets()[name] == expected
            assert sorted(indexes.values(name), key=str) == sorted(expected, key=str)
            for value in range(6):
                assert sorted(indexes.keys(name, value)) == sorted(expected.get(value, set()))


def test_an_unknown_name_is_an_error_and_an_unknown_value_is_not() -> None:
    """The message lists the indexes there are; a value that no object has gives nothing (Invariant 164)."""
    indexes = Indexes(("one", "two"))
    assert indexes.keys("one", "absent") == []
    for ask in (lambda: indexes.keys("three", "x"), lambda: indexes.values("three")):
        with pytest.raises(UsageError, match="no index 'three'; there are one, two"):
            ask()


def test_answers_are_copies() -> None:
    """What a caller does to an answer changes nothing."""
    indexes = Indexes(("one",))
    indexes.insert("a", (("x",),))
    indexes.keys("one", "x").clear()
    indexes.values("one").clear()
    indexes.as_sets()["one"]["x"].clear()
    assert indexes.keys("one", "x") == ["a"]
