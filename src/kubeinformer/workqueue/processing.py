"""A key for the length of a block, acknowledged at its end."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from kubeinformer.workqueue.queue import WorkQueue
    from kubeinformer.workqueue.queue_core import Entry

LIMITER_FAILED: Final = 1.0
"""Seconds that a failed key waits where the limiter itself raises."""

K = TypeVar("K", bound=Hashable)


class Processing(Generic[K]):
    """A key for the length of a block: see :meth:`~kubeinformer.WorkQueue.processing`."""

    def __init__(self, queue: WorkQueue[K], timeout: float | None) -> None:
        self._queue = queue
        self._timeout = timeout

    def __enter__(self) -> K:
        return self._begin(self._queue.take(self._timeout))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end(failed=kind is not None)

    async def __aenter__(self) -> K:
        return self._begin(await self._queue.take_async(self._timeout))

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end(failed=kind is not None)

    def _begin(self, entry: Entry[K]) -> K:
        self._key: Any = entry.key
        self._priority = entry.priority
        return entry.key

    def _end(self, *, failed: bool) -> None:
        try:
            if failed:
                self._queue.add_rate_limited(self._key, self._priority)
            else:
                self._queue.forget(self._key)
        except Exception:  # the limiter may be the user's: what it raises costs no key
            if failed:
                self._queue.add_after(self._key, LIMITER_FAILED, self._priority)
            raise
        finally:
            self._queue.done(self._key)
