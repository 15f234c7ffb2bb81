"""Handlers: which function is called with what, and in which context."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import pytest
from tests.cache.store_builders import pod

from kubeinformer.cache.handlers import Handlers
from kubeinformer.cache.notifications import Added, Deleted, Updated
from kubeinformer.errors import UsageError

OLD, NEW = pod("a", "1"), pod("a", "2")


def test_each_notification_goes_to_its_function() -> None:
    """With the objects as arguments (Invariant 200)."""
    seen: list[tuple[object, ...]] = []
    handlers = Handlers(
        lambda added: seen.append(("add", added)),
        lambda old, new: seen.append(("update", old, new)),
        lambda deleted: seen.append(("delete", deleted)),
    )
    for notification in (Added(OLD), Updated(OLD, NEW), Deleted(NEW)):
        handlers.call(notification)
    assert seen == [("add", OLD), ("update", OLD, NEW), ("delete", NEW)]


def test_missing_functions_are_ignored() -> None:
    """Each of the three may be left out, and all of them (Invariant 200)."""
    seen: list[object] = []
    for handlers in (Handlers(None, None, seen.append), Handlers(None, None, None)):
        for notification in (Added(OLD), Updated(OLD, NEW), Deleted(NEW)):
            handlers.call(notification)
    assert seen == [NEW]


class _Noting:
    """Functions of every form that know `initial`."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def method(self, added: object, initial: bool) -> None:
        self.seen.append(initial)

    def optional(self, added: object, initial: object = "default") -> None:
        self.seen.append(initial)

    def keyword(self, added: object, *, initial: bool) -> None:
        self.seen.append(initial)

    def last(self, added: object, other: object = None, initial: object = None) -> None:
        self.seen.append((other, initial))

    def after_context(self, context: str, added: object, initial: bool) -> None:
        self.seen.append((context, initial))

    def __call__(self, added: object, initial: bool) -> None:
        self.seen.append(initial)

    def wrapped(self) -> Callable[..., object]:
        @wraps(self.method)
        def wrapper(*args: Any, **kwargs: Any) -> None:
            self.method(*args, **kwargs)

        return wrapper


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (lambda noting: noting.method, True),
        (lambda noting: noting.optional, True),
        (lambda noting: noting.keyword, True),
        (lambda noting: noting.last, (None, True)),
        (lambda noting: noting, True),
        (lambda noting: noting.wrapped(), True),
        (lambda noting: lambda added, initial: noting.seen.append(initial), True),
        (lambda noting: partial(noting.after_context, "context"), ("context", True)),
    ],
)
def test_a_parameter_named_initial_is_told(form: Callable[[_Noting], Any], expected: object) -> None:
    """Of functions, methods, callable objects, partials and wrapped ones, wherever it stands."""
    noting = _Noting()
    handlers = Handlers(form(noting), None, None)
    handlers.call(Added(NEW, initial=True))
    handlers.call(Added(NEW))
    later = (*expected[:-1], False) if isinstance(expected, tuple) else False
    assert noting.seen == [expected, later]


def _only_keywords(added: object, **kwargs: object) -> object:
    return kwargs


def _keywords_of_that_name(added: object, **initial: object) -> object:
    return initial


def _rest_of_that_name(added: object, *initial: object) -> object:
    return initial


def _first_of_that_name(initial: object) -> object:
    return initial is NEW


def _by_position_only(added: object, initial: object = "default", /) -> object:
    return initial


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (_only_keywords, {}),
        (_keywords_of_that_name, {}),
        (_rest_of_that_name, ()),
        (_first_of_that_name, True),
        (_by_position_only, "default"),
        (partial(_only_keywords), {}),
    ],
)
def test_nothing_else_is_taken_for_it(function: Callable[..., object], given: object) -> None:
    """It must be one more parameter that can be passed by its name; all others are called as `on_add(obj)`."""
    returned: list[object] = []

    @wraps(function)
    def noting(*args: object, **kwargs: object) -> None:
        returned.append(function(*args, **kwargs))

    Handlers(noting, None, None).call(Added(NEW, initial=True))
    assert returned == [given]


def test_functions_without_a_signature_are_called_plainly() -> None:
    """Built-in ones among them: some can be asked for their parameters, some cannot."""
    seen: list[object] = []
    for function in (seen.append, dict, print):
        Handlers(function, None, None)
    Handlers(seen.append, None, None).call(Added(NEW, initial=True))
    assert seen == [NEW]


async def _coroutine_function(*_: object) -> str:
    await asyncio.sleep(0)
    return "awaited"


class _AsyncCallable:
    async def __call__(self, *_: object) -> str:
        return await _coroutine_function()

    async def method(self, *_: object) -> str:
        return await _coroutine_function()


@pytest.mark.parametrize("place", ["on_add", "on_update", "on_delete"])
@pytest.mark.parametrize(
    "function",
    [
        _coroutine_function,
        partial(_coroutine_function, 1),
        _AsyncCallable(),
        _AsyncCallable().method,
        partial(_AsyncCallable(), 1),
    ],
)
def test_async_functions_are_known(place: str, function: Callable[..., object]) -> None:
    """Of whatever form, at whichever place: one is enough to have all three called on the loop."""
    given: dict[str, Any] = {"on_add": print, "on_update": None, "on_delete": None, place: function}
    assert Handlers(**given).are_async
    assert not Handlers(print, None, None).are_async


def test_a_class_with_an_async_call_is_a_plain_function_itself() -> None:
    """Calling the class makes an object, which is no coroutine."""
    assert not Handlers(_AsyncCallable, None, None).are_async


def test_async_functions_are_awaited_and_plain_ones_beside_them_called() -> None:
    """In the order of the notifications, `initial` told as ever."""
    seen: list[object] = []

    async def on_add(added: object, initial: bool) -> None:
        await asyncio.sleep(0)
        seen.append(("add", added, initial))

    handlers = Handlers(on_add, lambda old, new: seen.append(("update", old, new)), None)

    async def scene() -> None:
        for notification in (Added(OLD, initial=True), Updated(OLD, NEW), Deleted(NEW)):
            await handlers.call_async(notification)

    asyncio.run(scene())
    assert seen == [("add", OLD, True), ("update", OLD, NEW)]


def test_a_coroutine_that_nobody_would_await_is_a_fault() -> None:
    """A plain function that returns one is told so, and Python does not complain of it later."""
    handlers = Handlers(lambda *added: _coroutine_function(*added), None, None)  # noqa: PLW0108  # a plain function is meant
    with pytest.raises(UsageError, match="only an `async def` function is awaited"):
        handlers.call(Added(NEW))


@pytest.mark.parametrize("place", ["on_add", "on_update", "on_delete"])
def test_what_cannot_be_called_is_refused(place: str) -> None:
    """At the registration, with the name of the parameter."""
    given: dict[str, Any] = {"on_add": None, "on_update": None, "on_delete": None, place: "print"}
    with pytest.raises(TypeError, match=f"{place} is not callable: 'print'"):
        Handlers(**given)


@pytest.mark.parametrize(
    "error", [ValueError("x"), asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(2)]
)
def test_what_a_function_raises_comes_out(error: BaseException) -> None:
    """The caller decides what it costs."""

    def on_delete(_: object) -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        Handlers(None, None, on_delete).call(Deleted(NEW))
    assert raised.value is error


@pytest.mark.parametrize(
    ("functions", "name"),
    [
        ((_only_keywords, None, None), "_only_keywords"),
        ((_only_keywords, _rest_of_that_name, _only_keywords), "_only_keywords+_rest_of_that_name"),
        ((_Noting().method, None, None), "_Noting.method"),
        ((None, None, _Noting()), "_Noting"),
        ((partial(print), None, None), "partial"),
        ((None, None, None), "nothing"),
    ],
)
def test_is_named_for_its_functions(functions: tuple[Any, Any, Any], name: str) -> None:
    """So that logs and thread lists say whose code runs (Invariant 199)."""
    assert Handlers(*functions).name == name
