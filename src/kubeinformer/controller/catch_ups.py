"""Catching a cache up with the server, once for all who need it: a list is dear to a server that has just come back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from kubeinformer.controller.sources import InformerSource
from kubeinformer.errors import UsageError

_PAUSE = 1.0  # seconds between the beginnings of two rounds where the first one failed


class CatchUps:
    """Rounds of catching up one cache, one round at a time. Its user holds a lock.

    Args:
        source: Where the cache is.
        now: Seconds on a monotonic clock.
        timeout: Seconds for which the cache may take to catch up: nobody waits for it longer.
        ended: Called, on any thread, when a round has ended well.
    """

    def __init__(
        self,
        source: InformerSource,
        now: Callable[[], float],
        timeout: float,
        ended: Callable[[], object],
    ) -> None:
        self._source = source
        self._now = now
        self._timeout = timeout
        self._ended = ended
        self._rounds = 0  # those that were begun
        self._latest_success = 0
        self._under_way: Future[None] | None = None
        self._began = 0.0

    def ticket(self) -> int:
        """Return the number of the round that tells of what was done until now: the next one to begin."""
        return self._rounds + 1

    def is_done(self, ticket: int) -> bool:
        """Return whether that round, or a later one, has ended well; begin one where none is under way."""
        if self._under_way is not None and self._under_way.done():
            if not _has_failed(self._under_way):
                self._latest_success = self._rounds
            self._under_way = None
        if self._latest_success >= ticket:
            return True
        has_failed = self._latest_success < self._rounds
        if self._under_way is None and not (has_failed and self._now() - self._began < _PAUSE):
            self._begin()
        return False

    def _begin(self) -> None:
        engine, informer = self._source.engine, self._source.informer
        self._began = self._now()
        try:
            self._under_way = engine.portal.submit(engine.core.catch_up, informer, self._timeout)
        except UsageError:  # the factory is stopped, and the controller with it
            return
        self._rounds += 1
        self._under_way.add_done_callback(self._tell)

    def _tell(self, ended: Future[None]) -> None:
        if not _has_failed(ended):
            self._ended()

    def __str__(self) -> str:
        informer = self._source.informer
        name = informer.resource.group_resource if informer.resource else informer.options.reference
        return f"{name} as the server has them after the run"


def _has_failed(future: Future[None]) -> bool:
    return future.cancelled() or future.exception() is not None
