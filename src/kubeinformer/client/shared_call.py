"""Many callers, one call: whoever comes while it is under way waits for its result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedCall(Generic[T]):
    """Runs `call` once for all who ask at the same time; belongs to one event loop.

    The call outlives a caller that is cancelled as long as another one waits, and is cancelled with the last.
    """

    def __init__(self, call: Callable[[], Awaitable[T]]) -> None:
        self._call = call
        self._task: asyncio.Task[T] | None = None
        self._waiting = 0

    async def __call__(self) -> T:
        """Return (or raise) what the call under way, or a new one, comes to."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
            self._waiting = 0
        task = self._task
        self._waiting += 1
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task is self._task and self._waiting == 1:
                task.cancel()
                self._task = None
            raise
        finally:
            if task is self._task:
                self._waiting -= 1

    async def _run(self) -> T:
        return await self._call()
