"""A controller's parts put together: its sources, its keys, its workers; started and stopped by a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from kubeinformer.clock import Clock, deadline
from kubeinformer.controller.reconciling import Reconciling
from kubeinformer.controller.sources import InformerSource, Source
from kubeinformer.controller.workers import Workers, workers_of
from kubeinformer.errors import UsageError
from kubeinformer.fronts.engine import Engine

_log = logging.getLogger("kubeinformer.controller")
CANCEL_WAIT = 1.0  # seconds that tasks have to end once they were cancelled


class ControllerEngine:
    """One controller. It runs once; everything but `add` belongs to the loop of its run.

    Args:
        reconciling: Its keys and runs.
        reconcile: The user's function.
        workers: How many workers.
        sync_timeout: Seconds for its caches to fill.
        grace_period: Seconds for runs under way to end when it is stopped.
        read_your_writes: Seconds that a key waits at most until the caches have seen what its last run wrote.
    """

    def __init__(
        self,
        reconciling: Reconciling,
        reconcile: Callable[..., Any],
        *,
        workers: int,
        sync_timeout: float,
        grace_period: float,
        read_your_writes: float,
    ) -> None:
        self.reconciling = reconciling
        self.sync_timeout = sync_timeout
        self._grace_period = grace_period
        self._workers: Workers = workers_of(reconciling, reconcile, workers)
        self._informers: list[InformerSource] = []
        self._sources: list[Source] = []
        self._begun = False
        self._hurried = asyncio.Event()
        if read_your_writes:
            reconciling.wait_for_own_writes(lambda: self._informers, read_your_writes)

    @property
    def name(self) -> str:
        """The controller's name."""
        return self.reconciling.name

    @property
    def engines(self) -> list[Engine]:
        """The factories of its informers."""
        return [source.engine for source in self._informers]

    def add(self, source: Source) -> None:
        """Add a source.

        Raises:
            UsageError: The controller has begun to run.
        """
        if self._begun:
            raise UsageError(f"{self.name}: watch() comes before run()")
        (self._informers if isinstance(source, InformerSource) else self._sources).append(source)  # type: ignore[arg-type]  # the list for its kind

    def begin(self) -> None:
        """Take in keys from informers; whether these run is the run's business.

        Raises:
            UsageError: It has run already, or an informer is stopped: then it takes in none.
        """
        if self._begun:
            raise UsageError(f"{self.name}: a controller runs once; make a new one")
        self._begun = True
        try:
            for source in self._informers:
                source.start(self.reconciling)
        except BaseException:
            for source in self._informers:
                source.stop()
            raise

    def missing(self, engine: Engine) -> dict[str, str]:
        """Return which caches of a factory have not brought all their keys, and why."""
        mine = [source for source in self._informers if source.engine is engine]
        return {source.informer.options.name: reason for source in mine if (reason := source.missing)}

    def caches_are_filled(self) -> None:
        """Hear that all caches of the run are filled; harmless when heard again. From any thread."""
        for source in self._informers:
            source.caches_are_filled()

    def work(self) -> None:
        """Start the other sources, and the workers."""
        for source in self._sources:
            source.start(self.reconciling)
        self._workers.start()

    async def stop(self, grace_period: float | None = None) -> None:
        """Take in nothing more, begin no further run, and let those under way end; cut them off after a while.

        Args:
            grace_period: Seconds for them, None for the controller's own.
        """
        for source in (*self._informers, *self._sources):
            source.stop()
        self._workers.stop()
        self.reconciling.close()
        grace = self._grace_period if grace_period is None else grace_period
        ended = await _ends(self.reconciling.clock, grace, self._ended_or_hurried)
        if not ended or self._hurried.is_set():
            self._workers.cancel()
            await _ends(self.reconciling.clock, CANCEL_WAIT, self._workers.ended)
        for run in list(self.reconciling.runs.values()):
            _log.warning("%s: %s is still being reconciled after stop", self.name, run.request.key)

    def hurry(self) -> None:
        """Have `stop` wait no longer for runs under way."""
        self._hurried.set()

    async def _ended_or_hurried(self) -> None:
        await first_of(self._workers.ended(), self._hurried.wait())

    async def ended(self) -> None:
        """Return when no run is under way any more, however long that takes."""
        await self._workers.ended()


async def _ends(clock: Clock, seconds: float, wait: Callable[[], Awaitable[None]]) -> bool:
    with suppress(TimeoutError):
        async with deadline(clock, seconds):
            await wait()
            return True
    return False


async def first_of(*awaitables: Awaitable[object]) -> None:
    """Return when one of several has ended, well or not; the others are cancelled."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
