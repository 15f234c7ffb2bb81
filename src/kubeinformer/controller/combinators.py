"""Questions put together: for predicates on changes and for conditions on objects alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Check = Callable[..., bool]
"""A question with yes or no for an answer: `(old, new)` of a change, or `(obj)`, which is None where there is none."""


class _Combined:
    """A question made of others."""

    word = ""

    def __init__(self, *checks: Check) -> None:
        if not checks or not all(map(callable, checks)):
            raise TypeError(f"{self.word}_of wants functions, not {checks!r}")
        self.checks = checks

    def __repr__(self) -> str:
        return f" {self.word} ".join(map(name_of, self.checks))


class AllOf(_Combined):
    """Whether every one of several questions is answered by yes."""

    word = "and"

    def __call__(self, *args: Any) -> bool:
        """Return the answer."""
        return all(check(*args) for check in self.checks)

    def missing(self, *args: Any) -> str:
        """Say what keeps the answer from being yes."""
        return " and ".join(missing(check, *args) for check in self.checks if not check(*args))


class AnyOf(_Combined):
    """Whether one of several questions is answered by yes."""

    word = "or"

    def __call__(self, *args: Any) -> bool:
        """Return the answer."""
        return any(check(*args) for check in self.checks)

    def missing(self, *args: Any) -> str:
        """Say what keeps the answer from being yes."""
        return " or ".join(missing(check, *args) for check in self.checks)


class Not(_Combined):
    """Whether a question is answered by no."""

    word = "not"

    def __call__(self, *args: Any) -> bool:
        """Return the answer."""
        return not self.checks[0](*args)

    def __repr__(self) -> str:
        return f"not {name_of(self.checks[0])}"


def all_of(*checks: Check) -> AllOf:
    """Return the question whether all of several questions are answered by yes."""
    return AllOf(*checks)


def any_of(*checks: Check) -> AnyOf:
    """Return the question whether any of several questions is answered by yes."""
    return AnyOf(*checks)


def not_(check: Check) -> Not:
    """Return the question whether another one is answered by no."""
    return Not(check)


def missing(check: Check, *args: Any) -> str:
    """Say what keeps the answer of a question from being yes, in words."""
    explain = getattr(check, "missing", None)
    return explain(*args) if explain is not None else name_of(check)


def name_of(check: Callable[..., object]) -> str:
    """Return what a question is called in messages."""
    return getattr(check, "__name__", None) or repr(check)
