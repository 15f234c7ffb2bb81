"""What becomes of locks when the process forks.

A child has only the thread that forked: a lock that another thread held is never released there. So locks are made
anew in the child. Where a lock guards data that the child may read, the fork waits for it, so that the child finds
the data whole.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Lock(Protocol):
    """A lock that is held for moments only, and under which no other lock is taken."""

    def acquire(self) -> Any:
        """Wait for it."""

    def release(self) -> None:
        """Let it go."""


class _Registry(Generic[T]):
    """What is known of objects that nobody keeps alive for that. Its methods are atomic between threads."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[object], T]] = {}

    def add(self, owner: object, entry: T) -> None:
        number = id(owner)
        self._entries[number] = (weakref.ref(owner, lambda _: self._entries.pop(number, None)), entry)

    def living(self) -> list[tuple[object, T]]:
        entries = list(self._entries.values())
        return [(owner, entry) for reference, entry in entries if (owner := reference()) is not None]


_renewals: _Registry[dict[str, Callable[[], object]]] = _Registry()
_guards: _Registry[str] = _Registry()
_held: list[Lock] = []


def renew_in_child(owner: object, **locks: Callable[[], object]) -> None:
    """Have attributes of an object made anew in every child process, each by its function."""
    _renewals.add(owner, locks)


def hold_at_fork(owner: object, lock: str) -> None:
    """Have a fork wait for the lock in an attribute of an object, which `renew_in_child` renews."""
    _guards.add(owner, lock)


def _before() -> None:
    for owner, name in _guards.living():
        lock: Lock = getattr(owner, name)
        lock.acquire()
        _held.append(lock)


def _in_parent() -> None:
    while _held:
        _held.pop().release()


def _in_child() -> None:
    _held.clear()
    for owner, locks in _renewals.living():
        for name, make in locks.items():
            setattr(owner, name, make())


if hasattr(os, "register_at_fork"):  # elsewhere (Windows) no process forks
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
