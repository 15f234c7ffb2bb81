"""The user's handler functions: which is called for what, and how."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from kubeinformer.cache.notifications import Added, Deleted, Notification, Updated
from kubeinformer.errors import UsageError

OnAdd = Callable[..., Any]
OnUpdate = Callable[..., Any]
OnDelete = Callable[..., Any]


class Handlers:
    """Three functions, plain ones or coroutine functions, each of which may be missing.

    Args:
        on_add: `on_add(obj)`, or `on_add(obj, initial=...)` where it has one more parameter of that name.
        on_update: `on_update(old, new)`.
        on_delete: `on_delete(obj)`.

    Attributes:
        are_async: Whether one of them is a coroutine function: then all are called on its event loop.

    Raises:
        TypeError: One of them is not callable.
    """

    def __init__(self, on_add: OnAdd | None, on_update: OnUpdate | None, on_delete: OnDelete | None) -> None:
        functions = {"on_add": on_add, "on_update": on_update, "on_delete": on_delete}
        for name, function in functions.items():
            if function is not None and not callable(function):
                raise TypeError(f"{name} is not callable: {function!r}")
        self.are_async = any(map(is_async, functions.values()))
        self._on_add = on_add
        self._on_update = on_update
        self._on_delete = on_delete
        self._tell_initial = on_add is not None and _takes_initial(on_add)

    @property
    def name(self) -> str:
        """What the functions are called, for messages and thread names."""
        functions = (self._on_add, self._on_update, self._on_delete)
        names = dict.fromkeys(_name_of(function) for function in functions if function is not None)
        return "+".join(names) or "nothing"

    def call(self, notification: Notification) -> None:
        """Call the function that a notification is for; whatever it raises comes out.

        Raises:
            UsageError: A plain function returned a coroutine, which nobody would await here.
        """
        result = self._call(notification)
        if inspect.iscoroutine(result):
            result.close()
            raise UsageError(f"{self.name} returned a coroutine; only an `async def` function is awaited")

    async def call_async(self, notification: Notification) -> None:
        """Call the function that a notification is for, and await it where it is to be awaited."""
        result = self._call(notification)
        if inspect.isawaitable(result):
            await result

    def _call(self, notification: Notification) -> object:
        match notification:
            case Added(added, initial) if self._on_add is not None:
                return self._on_add(added, initial=initial) if self._tell_initial else self._on_add(added)
            case Updated(old, new) if self._on_update is not None:
                return self._on_update(old, new)
            case Deleted(deleted) if self._on_delete is not None:
                return self._on_delete(deleted)
        return None


def is_async(function: Any) -> bool:
    """Return whether calling a function (or a partial of one, or an object) gives a coroutine."""
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
