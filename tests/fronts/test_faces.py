"""The two faces, name by name: what is written for one can be read for the other."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import kubeinformer
from kubeinformer import aio

AWAITED = {
    "SharedInformerFactory": {"start", "wait_for_cache_sync", "run", "stop"},
    "Informer": {"catch_up", "stop", "wait_for"},
    "Controller": {"run", "start", "stop"},
    "LeaderElector": set(),
    "Finalizer": {"run", "add", "remove"},
    "Registration": {"remove"},
    "Events": set(),
    "Client": {"get", "list", "create", "update", "patch", "apply", "delete", "close"},
}
CONTEXTS = {
    "SharedInformerFactory": ("__enter__", "__aenter__"),
    "Client": ("__enter__", "__aenter__"),
    "Events": ("__enter__", "__aenter__"),
    "Controller": ("__enter__", "__aenter__"),
    "LeaderElector": ("__enter__", "__aenter__"),
}
FUNCTIONS = {"create_or_update", "run_all", "wait_until"}


def _public(face: type) -> dict[str, Any]:
    return {
        name: inspect.getattr_static(face, name)
        for name in dir(face)
        if not name.startswith("_") and name != "on_portal"
    }


def _parameters(function: Any) -> list[tuple[str, object, object]]:
    return [(each.name, each.kind, each.default) for each in inspect.signature(function).parameters.values()]


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def test_both_have_the_same_names() -> None:
    """And what does not wait is the very same thing."""
    assert kubeinformer.__all__ == aio.__all__
    differing = {name for name in aio.__all__ if getattr(kubeinformer, name) is not getattr(aio, name)}
    assert differing == set(AWAITED) | FUNCTIONS


@pytest.mark.parametrize("name", AWAITED)
def test_their_classes_have_the_same_members(name: str) -> None:
    """The same methods and properties, with the same parameters and the same first line of documentation."""
    blocking, asynchronous = getattr(kubeinformer, name), getattr(aio, name)
    members, others = _public(blocking), _public(asynchronous)
    assert members.keys() - {"config"} == others.keys() - {"config"}
    assert _parameters(blocking) == _parameters(asynchronous) or name in (
        "Informer",
        "Events",
        "Registration",
    )
    for member in members.keys() & others.keys():
        assert _first_line(getattr(blocking, member)) == _first_line(getattr(asynchronous, member)), member
        if inspect.isfunction(members[member]):
            assert _parameters(members[member]) == _parameters(others[member]), member


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_their_functions_are_called_alike(name: str) -> None:
    """The same parameters; the one is awaited, the other is not."""
    blocking, asynchronous = getattr(kubeinformer, name), getattr(aio, name)
    assert _parameters(blocking) == _parameters(asynchronous)
    assert _first_line(blocking) == _first_line(asynchronous)
    assert inspect.iscoroutinefunction(asynchronous)
    assert not inspect.iscoroutinefunction(blocking)


@pytest.mark.parametrize("name", AWAITED)
def test_only_what_waits_is_awaited(name: str) -> None:
    """And in the blocking face nothing is."""
    coroutines = {
        member
        for member, function in _public(getattr(aio, name)).items()
        if inspect.iscoroutinefunction(function)
    }
    assert coroutines == AWAITED[name]
    assert not any(map(inspect.iscoroutinefunction, _public(getattr(kubeinformer, name)).values()))


@pytest.mark.parametrize("name", CONTEXTS)
def test_they_are_contexts_of_their_own_colour(name: str) -> None:
    """`with` in the one, `async with` in the other, and never both: the wrong one shows at once."""
    plain, asynchronous = CONTEXTS[name]
    assert hasattr(getattr(kubeinformer, name), plain)
    assert not hasattr(getattr(kubeinformer, name), asynchronous)
    assert hasattr(getattr(aio, name), asynchronous)
    assert not hasattr(getattr(aio, name), plain)
