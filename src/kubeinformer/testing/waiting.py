"""Waiting in tests for what happens on other threads: until it is so, and if it never is, with everything that was seen.

Works with pytest, unittest, and by itself.
"""

from __future__ import annotations

import asyncio
import difflib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from inspect import isawaitable
from pprint import pformat
from typing import Any, TypeVar

T = TypeVar("T")

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.1
_STATES_SHOWN = 5


def eventually(
    check: Callable[[], T],
    timeout: float = 10.0,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> T:
    """Call `check` again and again until it returns something true, and return that.

    Args:
        check: Returns something true, or raises AssertionError as long as it is not so yet: plain asserts will do.
        timeout: Seconds to wait at most.
        now: Returns seconds on a monotonic clock.
        sleep: Waits so many seconds.

    Raises:
        AssertionError: It was not so in time; the message has how it changed meanwhile, and what was wrong last.
    """
    attempts = _Attempts(timeout, now)
    for pause in attempts.pauses():
        found, held = attempts.attempt(check)
        if held:
            return found
        sleep(pause)
    raise attempts.failure()


def eventually_equal(
    get: Callable[[], T],
    expected: T,
    timeout: float = 10.0,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Call `get` again and again until it returns what is expected.

    Raises:
        AssertionError: It did not in time; the message has the difference, line by line.
    """

    def check() -> bool:
        found = get()
        if found != expected:
            raise AssertionError(_difference(expected, found))
        return True

    eventually(check, timeout, now=now, sleep=sleep)


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
    attempts = _Attempts(timeout, now)
    for pause in attempts.pauses():
        try:
            found: Any = check()
            found = await found if isawaitable(found) else found
        except AssertionError as error:
            attempts.note(error)
        else:
            if found:
                return found  # type: ignore[no-any-return]  # what `check` returns
            attempts.note(found)
        await sleep(pause)
    raise attempts.failure()


class _Attempts:
    """The times that a condition was tried, and what was seen."""

    def __init__(self, timeout: float, now: Callable[[], float]) -> None:
        self._timeout = timeout
        self._now = now
        self._began = now()
        self._states: deque[tuple[float, str]] = deque(maxlen=_STATES_SHOWN)
        self._tries = 0

    def pauses(self) -> Iterator[float]:
        """Yield how long to wait after each attempt; the last attempt is made when the time is up."""
        pause = _FIRST_PAUSE
        while (left := self._began + self._timeout - self._now()) > 0:
            yield min(pause, left)
            pause = min(pause * 2, _LONGEST_PAUSE)
        yield 0.0

    def attempt(self, check: Callable[[], T]) -> tuple[T, bool]:
        """Try it; return what came of it, and whether it held."""
        try:
            found = check()
        except AssertionError as error:
            self.note(error)
            return None, False  # type: ignore[return-value]  # not looked at
        if not found:
            self.note(found)
        return found, bool(found)

    def note(self, seen: object) -> None:
        """Remember what was seen, if it is something else than before."""
        self._tries += 1
        text = str(seen) or type(seen).__name__ if isinstance(seen, AssertionError) else repr(seen)
        if not self._states or self._states[-1][1] != text:
            self._states.append((self._now() - self._began, text))

    def failure(self) -> AssertionError:
        """Return what to raise."""
        *earlier, (_, last) = self._states
        lines = [f"not so in {self._timeout:g} s ({self._tries} attempts); at last:", last]
        if earlier:
            lines += ["before that:"]
            lines += [f"  {seconds:7.3f} s: {text.splitlines()[0]}" for seconds, text in earlier]
        return AssertionError("\n".join(lines))


def _difference(expected: object, found: object) -> str:
    lines = difflib.ndiff(pformat(expected).splitlines(), pformat(found).splitlines())
    return "\n".join(["not equal (- expected, + found):", *(line.rstrip() for line in lines)])
