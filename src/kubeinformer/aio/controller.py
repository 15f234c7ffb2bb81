"""The asyncio face of controllers, and of runs of several."""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import Self

from kubeinformer.aio.factory import SharedInformerFactory
from kubeinformer.aio.leader_election import LeaderElector
from kubeinformer.cache.delivery import waits_for_itself
from kubeinformer.controller.controller import ControllerFront, prepare
from kubeinformer.fronts.signals import ended_by_signals_on_loop

_log = logging.getLogger("kubeinformer.controller")


class Controller(ControllerFront):
    """Reconciles keys: one at a time each, at every change, and again after failures.

    An `async def` reconcile is awaited on the event loop of the run. As an async context manager it works in the
    background for the length of the block. What is no coroutine here may be called from any thread.
    """

    _background: asyncio.Task[None] | None = None

    async def run(self, *, leader_election: LeaderElector | None = None) -> None:
        """Start the factories of its informers, wait for their caches, and work until SIGINT, SIGTERM or :meth:`stop`.

        No reconcile begins before every cache of its factories is filled, and what it watches mapped to keys. At the
        end no new one begins, and those under way have `grace_period` seconds, or until a second signal. The factories
        go on. Signals are taken in the main thread only.

        Args:
            leader_election: Lets it work only while this replica leads; the caches are filled before.

        Raises:
            CacheSyncTimeout: A cache did not fill in time; it names each, and why.
            LeadershipLost: Another replica may lead now; it has stopped.
            UsageError: It has run already, or a factory is stopped.
        """
        await run_all(self, leader_election=leader_election)

    async def start(self, *, leader_election: LeaderElector | None = None) -> None:
        """Do as `run`, in the background; it returns when the caches are filled.

        Where leadership is lost, the end is logged, and `stop` raises it.
        """
        running = prepare((self,), leader_election)
        self._background = asyncio.create_task(running.run())
        self._background.add_done_callback(_log_end)
        try:
            await asyncio.wrap_future(running.ready)
        except BaseException:
            background, self._background = self._background, None
            background.cancel()
            await asyncio.wait([background])
            raise

    async def stop(self) -> None:
        """End the run that it is part of, and wait for the end; from inside a reconcile or a handler it does not wait.

        Stopping twice, or before the run, is harmless.
        """
        running = self._run
        if running is None:
            return
        running.stop()
        if waits_for_itself():
            return
        if not running.ended.done():
            await asyncio.wait([asyncio.wrap_future(running.ended)])
        if self._background is not None:
            background, self._background = self._background, None
            await background

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


async def run_all(
    *parts: Controller | SharedInformerFactory, leader_election: LeaderElector | None = None
) -> None:
    """Run several controllers until SIGINT, SIGTERM or the `stop` of one of them; see :meth:`Controller.run`.

    Args:
        parts: Controllers; and factories, where informers are to run that no controller watches.
        leader_election: Lets the controllers work only while this replica leads.

    Raises:
        CacheSyncTimeout: A cache did not fill in time.
        LeadershipLost: Another replica may lead now; the controllers have stopped.
        UsageError: There is nothing to run, or a controller has run already.
    """
    running = prepare(parts, leader_election)
    signals = count(1)

    def end() -> None:
        running.stop()
        if next(signals) == 2:
            running.hurry()

    async with ended_by_signals_on_loop(end):
        await running.run()


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("the controllers have stopped: %s", error)
