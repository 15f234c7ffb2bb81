"""Coverage: no read may be taken for "there is none" where the cache cannot know."""

from __future__ import annotations

import pytest

from kubeinformer.cache.coverage import Coverage
from kubeinformer.errors import NotCovered, NotSynced, UsageError


def _coverage(namespaces: tuple[str, ...] | None, *loaded: str | None) -> Coverage:
    def is_loaded(namespace: str | None) -> bool:
        return bool(loaded) if namespace is None else namespace in loaded or None in loaded

    return Coverage("pods", namespaces, is_loaded)


@pytest.mark.parametrize("namespace", [None, "", "a"])
def test_refuses_before_the_first_load(namespace: str | None) -> None:
    """The message names the resource and the call that waits."""
    with pytest.raises(NotSynced, match=r"pods: .*wait_for_cache_sync"):
        _coverage(None).check(namespace)


@pytest.mark.parametrize("namespace", [None, "", "a", "anything"])
def test_answers_for_every_namespace_when_all_are_watched(namespace: str | None) -> None:
    """A watch over all namespaces covers each of them."""
    _coverage(None, None).check(namespace)


@pytest.mark.parametrize("namespace", [None, "", "a"])
def test_answers_for_the_namespaces_that_are_loaded(namespace: str | None) -> None:
    """Where namespaces are watched one by one, a loaded one can be read, and so can what there is of all."""
    _coverage(("a", "b"), "a").check(namespace)


def test_refuses_a_namespace_that_is_watched_and_not_loaded() -> None:
    """Another namespace's load does not answer for it."""
    with pytest.raises(NotSynced):
        _coverage(("a", "b"), "a").check("b")


@pytest.mark.parametrize("loaded", [(), ("a",)])
def test_refuses_a_namespace_that_is_not_watched(loaded: tuple[str, ...]) -> None:
    """It says which are watched, before the load and after it: waiting would not help."""
    with pytest.raises(NotCovered, match=r"'c' is not watched \(only a, b\)") as refusal:
        _coverage(("b", "a"), *loaded).check("c")
    assert isinstance(refusal.value, UsageError)
    assert isinstance(refusal.value, LookupError)


def test_a_resource_without_namespaces_is_covered_as_a_whole() -> None:
    """Namespaces that were asked for mean nothing to it."""
    coverage = _coverage(("a",), None)
    coverage.cover_everything()
    coverage.check("elsewhere")
