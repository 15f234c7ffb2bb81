"""The tree of errors: the right class for each answer, and messages that say what was asked."""

from __future__ import annotations

import inspect
import pickle

import pytest

from kubeinformer import errors
from kubeinformer.errors import (
    CacheSyncTimeout,
    Conflict,
    Expired,
    InvalidObject,
    KubeInformerError,
    NetworkError,
    NotCovered,
    NotFound,
    StatusError,
    TooManyRequests,
    status_error,
)


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (404, "NotFound", NotFound),
        (409, "AlreadyExists", Conflict),
        (410, "Expired", Expired),
        (410, "Gone", Expired),
        (500, "Expired", Expired),
        (429, "", TooManyRequests),
        (418, "", StatusError),
        (504, "Timeout", StatusError),
    ],
)
def test_each_answer_has_its_class(code: int, reason: str, expected: type[StatusError]) -> None:
    """By code, and by the reasons that mean "list again" under any code."""
    assert type(status_error(code, reason)) is expected


def test_a_refusal_says_what_was_asked() -> None:
    """Verb, resource, code, reason and message; what is missing leaves no gap."""
    whole = status_error(403, "Forbidden", "no", verb="list", resource="pods", retry_after=2.0, causes=("X",))
    assert str(whole) == "list pods: 403 Forbidden: no"
    assert (whole.retry_after, whole.causes) == (2.0, ("X",))
    assert str(status_error(500)) == "500"


@pytest.mark.parametrize(
    "error",
    [
        status_error(504, "Timeout", causes=("ResourceVersionTooLarge",)),
        status_error(504, "Timeout", "Timeout: Too large resource version: 9, current: 5"),
        status_error(500, "", "Too large resource version: 9"),
    ],
)
def test_a_version_from_the_future_is_known_in_every_spelling(error: StatusError) -> None:
    """Invariant 44, case C09."""
    assert error.is_too_large_resource_version
    assert not status_error(504, "Timeout", "slow").is_too_large_resource_version


def test_errors_are_what_python_programs_expect() -> None:
    """Caught by the built-in classes that fit."""
    assert issubclass(NotFound, LookupError)
    assert issubclass(NetworkError, ConnectionError)
    assert issubclass(NotCovered, LookupError)
    assert issubclass(InvalidObject, ValueError)
    timeout = CacheSyncTimeout(5.0, {"pods": "403", "nodes": "waiting"})
    assert isinstance(timeout, TimeoutError)
    assert str(timeout) == "not synced after 5 s: pods: 403; nodes: waiting"


def test_the_tree_names_every_class() -> None:
    """The drawing at the top of the module is whole."""
    classes = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
    ]
    assert len(classes) > 15
    for kind in classes:
        assert issubclass(kind, KubeInformerError)
        assert kind.__name__ in (errors.__doc__ or "")


def test_a_refusal_can_be_pickled() -> None:
    """Worker processes send their errors home."""
    error = status_error(409, "Conflict", "changed", verb="update", resource="pods")
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is Conflict
    assert str(copied) == str(error)
