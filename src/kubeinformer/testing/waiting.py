"""Waiting in tests for what happens on other threads: until it is so, and if it never is, with everything that was seen.

Works with pytest, unittest, and by itself.
"""

from __future__ import annotations

import asyncio
import difflib
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from inspect import isawaitable
from pprint import pformat
from typing import Any, TypeVar

T = TypeVar("T")

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.1
_STATES_SHOWN = 5
_LONGEST_STATE = 2_000
_LONGEST_LINE = 160
_NONE = "None (a check that only asserts has to end with `return True`)"


def eventually(
    check: Callable[[], T],
    timeout: float = 10.0,
    *,
    wake: threading.Event | None = None,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> T:
    """Call `check` again and again until it returns something true, and return that.

    Args:
        check: Returns something true when it is so. An AssertionError is a no, and tells why in the end; any other
            error comes through.
        timeout: Seconds to wait at most; the last attempt is made when they are over.
        wake: Set by whoever knows that something has changed: the next attempt is made at once. It is cleared here.
        now: Returns seconds on a monotonic clock.
        sleep: Waits so many seconds; not used where there is `wake`.

    Raises:
        AssertionError: It was not so in time; the message has how it changed meanwhile, and what was wrong last.
    """
    return _attempted(check, _Attempts(timeout, now, bool, _shown), wake, sleep)


def eventually_equal(
    get: Callable[[], T],
    expected: T,
    timeout: float = 10.0,
    *,
    wake: threading.Event | None = None,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Call `get` again and again until it returns what is expected; for the rest see `eventually`.

    Raises:
        AssertionError: It did not in time; the message has the difference, line by line.
    """
    attempts = _Attempts(
        timeout, now, lambda found: bool(found == expected), lambda found: _difference(expected, found)
    )
    _attempted(get, attempts, wake, sleep)


async def eventually_async(
    check: Callable[[], T | Awaitable[T]],
    timeout: float = 10.0,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> T:
    """Do what `eventually` does without holding up the event loop; `check` may be a plain function or a coroutine's.

    Raises:
        AssertionError: It was not so in time.
    """
    attempts = _Attempts(timeout, now, bool, _shown)
    for pause in attempts.pauses():
        try:
            found: Any = check()
            found = await found if isawaitable(found) else found
        except AssertionError as error:
            attempts.note(error)
        else:
            if attempts.holds(found):
                return found  # type: ignore[no-any-return]  # what `check` returns
        await sleep(pause)
    raise attempts.failure() from attempts.cause


def _attempted(
    check: Callable[[], T],
    attempts: _Attempts,
    wake: threading.Event | None,
    sleep: Callable[[float], object],
) -> T:
    for pause in attempts.pauses():
        if wake is not None:
            wake.clear()  # before the look: what changes after it is not missed
        try:
            found = check()
        except AssertionError as error:
            attempts.note(error)
        else:
            if attempts.holds(found):
                return found
        (sleep if wake is None else wake.wait)(pause)
    raise attempts.failure() from attempts.cause


class _Attempts:
    """The times that a condition was tried, and what was seen."""

    def __init__(
        self,
        timeout: float,
        now: Callable[[], float],
        is_wanted: Callable[[Any], bool],
        explain: Callable[[Any], str],
    ) -> None:
        self._timeout = timeout
        self._now = now
        self._is_wanted = is_wanted
        self._explain = explain
        self._began = now()
        self._states: deque[tuple[float, str]] = deque(maxlen=_STATES_SHOWN)
        self._tries = 0
        self._last: object = None

    @property
    def cause(self) -> AssertionError | None:
        """What the last attempt raised."""
        return self._last if isinstance(self._last, AssertionError) else None

    def pauses(self) -> Iterator[float]:
        """Yield how long to wait after each attempt; the last attempt is made when the time is up."""
        pause = _FIRST_PAUSE
        while (left := self._began + self._timeout - self._now()) > 0:
            yield min(pause, left)
            pause = min(pause * 2, _LONGEST_PAUSE)
        yield 0.0

    def holds(self, found: object) -> bool:
        """Return whether this is what was waited for; if not, remember it."""
        if self._is_wanted(found):
            return True
        self.note(found)
        return False

    def note(self, seen: object) -> None:
        """Remember what was seen, if it is something else than before."""
        self._tries += 1
        self._last = seen
        text = _line(seen)
        if not self._states or self._states[-1][1] != text:
            self._states.append((self._now() - self._began, text))

    def failure(self) -> AssertionError:
        """Return what to raise."""
        last = _message(self.cause) if self.cause else self._explain(self._last)
        lines = [f"not so in {self._timeout:g} s ({self._tries} attempts); at last:", last]
        if earlier := list(self._states)[:-1]:
            lines += ["before that:", *(f"  {seconds:7.3f} s: {text}" for seconds, text in earlier)]
        return AssertionError("\n".join(lines))


def _shown(found: object) -> str:
    return _NONE if found is None else _cut(repr(found), _LONGEST_STATE)


def _line(seen: object) -> str:
    text = _message(seen).splitlines()[0] if isinstance(seen, AssertionError) else repr(seen)
    return _cut(text, _LONGEST_LINE)


def _message(error: AssertionError) -> str:
    return str(error).strip() or type(error).__name__


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}... ({len(text)} characters)"


def _difference(expected: object, found: object) -> str:
    before, after = (pformat(_plain(value)).splitlines() for value in (expected, found))
    return "\n".join(difflib.unified_diff(before, after, "expected", "found", lineterm=""))


def _plain(value: object) -> object:
    """Return the content of mappings that show none, such as a KubernetesObject."""
    if isinstance(value, Mapping):
        return {key: _plain(content) for key, content in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list) else value
