"""The user's handler functions: how they are called, and what becomes of what they raise."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any

from kubeinformer.cache.notifications import Added, Deleted, Notification, Updated
from kubeinformer.errors import UsageError

OnAdd = Callable[..., Any]
OnUpdate = Callable[..., Any]
OnDelete = Callable[..., Any]


class Handlers:
    """Three functions, each of which may be missing, called in the context variables of their registration.

    Args:
        on_add: `on_add(obj)`, or `on_add(obj, initial=...)` where it has one more parameter of that name.
        on_update: `on_update(old, new)`.
        on_delete: `on_delete(obj)`.

    Raises:
        TypeError: One of them is not callable.
        UsageError: One of them is a coroutine function.
    """

    def __init__(self, on_add: OnAdd | None, on_update: OnUpdate | None, on_delete: OnDelete | None) -> None:
        for name, function in (("on_add", on_add), ("on_update", on_update), ("on_delete", on_delete)):
            _check(name, function)
        self._on_add = on_add
        self._on_update = on_update
        self._on_delete = on_delete
        self._tell_initial = on_add is not None and _takes_initial(on_add)
        self._context = copy_context()

    @property
    def name(self) -> str:
        """What the functions are called, for messages and thread names."""
        functions = (self._on_add, self._on_update, self._on_delete)
        names = dict.fromkeys(_name_of(function) for function in functions if function is not None)
        return "+".join(names) or "nothing"

    def call(self, notification: Notification) -> None:
        """Call the function that a notification is for; whatever it raises comes out."""
        self._context.run(self._call, notification)

    def _call(self, notification: Notification) -> None:
        match notification:
            case Added(added, initial) if self._on_add is not None:
                if self._tell_initial:
                    self._on_add(added, initial=initial)
                else:
                    self._on_add(added)
            case Updated(old, new) if self._on_update is not None:
                self._on_update(old, new)
            case Deleted(deleted) if self._on_delete is not None:
                self._on_delete(deleted)


def _check(name: str, function: Callable[..., Any] | None) -> None:
    if function is None:
        return
    if not callable(function):
        raise TypeError(f"{name} is not callable: {function!r}")
    if _is_async(function):
        raise UsageError(f"{name} is an async function; handlers are plain functions here")


def _is_async(function: Any) -> bool:
    while isinstance(function, partial):
        function = function.func
    return any(map(inspect.iscoroutinefunction, (function, type(function).__call__)))


def _takes_initial(function: Callable[..., Any]) -> bool:
    """Return whether a function has one more parameter that can be passed by the name `initial`."""
    try:
        bound = inspect.signature(function).bind(None, initial=True)
    except (TypeError, ValueError):  # it has none, or (some built-in functions) no signature to read
        return False
    return bound.arguments.get("initial") is True


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", None) or type(function).__qualname__
