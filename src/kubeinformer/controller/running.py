"""A run of several controllers: caches first, then (where it is asked for) leadership, then work; and all of it back."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from kubeinformer.controller.engine import ControllerEngine, first_of
from kubeinformer.errors import CacheSyncTimeout, LeadershipLost, UsageError
from kubeinformer.fronts.engine import Engine
from kubeinformer.leader_election.campaign import Campaign
from kubeinformer.leader_election.elector import ElectorFront
from kubeinformer.leader_election.leadership import Leadership

_log = logging.getLogger("kubeinformer.controller")
SYNC_TIMEOUT = 120.0  # seconds, where no controller says


class Running:
    """A run. `stop` and `hurry` may be called from any thread and signal handler, the rest belongs to the run's loop.

    Args:
        controllers: The controllers.
        engines: Factories that run besides those of the controllers' informers.
        elector: Lets the controllers work only while this replica leads; None for always.

    Attributes:
        ready: Done when every cache is filled, and the workers work or wait for leadership; with the error where it
            does not come to that.
        ended: Done when the run is over.
    """

    def __init__(
        self,
        controllers: Sequence[ControllerEngine],
        engines: Iterable[Engine] = (),
        elector: ElectorFront | None = None,
    ) -> None:
        self.ready: Future[None] = Future()
        self.ended: Future[None] = Future()
        self._controllers = controllers
        self._engines = list(
            dict.fromkeys([*engines, *(engine for each in controllers for engine in each.engines)])
        )
        self._filled: set[Engine] = set()
        self._elector = elector
        self._campaign: Campaign | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()
        self._is_ending = False

    def stop(self, _: object = None) -> None:
        """Ask for the end. It is heard before the run has begun, too."""
        self._is_ending = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the run is over
                self._loop.call_soon_threadsafe(self._ending.set)

    def hurry(self) -> None:
        """Wait no longer for reconciles under way; after `stop`, and like it from anywhere."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the run is over
                self._loop.call_soon_threadsafe(self._hurry)

    def _hurry(self) -> None:
        _log.warning("a second signal: what is under way is not waited for")
        for controller in self._controllers:
            controller.hurry()

    async def run(self) -> None:
        """Run until `stop`, or until a factory is stopped.

        Raises:
            CacheSyncTimeout: A cache did not fill in time.
            LeadershipLost: The lease is lost; the controllers have stopped.
            UsageError: A controller has run before, or a factory is stopped.
        """
        self._loop = asyncio.get_running_loop()
        if self._is_ending:
            self._ending.set()
        begun: list[ControllerEngine] = []
        lost: Leadership | None = None
        try:
            for controller in self._controllers:
                controller.begin()
                begun.append(controller)
            for engine in self._engines:
                await engine.start()
                engine.portal.ended.add_done_callback(partial(_stop, weakref.ref(self)))
            if await self._unless_ending(self._sync()):
                lost = await self._lead()
        except BaseException as error:
            if not self.ready.done():
                self.ready.set_exception(error)
            raise
        finally:
            try:
                await self._stop(begun, is_lost=lost is not None)
                if self._campaign is not None:
                    await self._campaign.end_async()
            finally:
                if not self.ready.done():
                    self.ready.set_result(None)
                self.ended.set_result(None)
        if lost is not None:
            raise LeadershipLost(lost.lost.result())

    async def _stop(self, controllers: Sequence[ControllerEngine], *, is_lost: bool) -> None:
        """Stop controllers: after a loss without grace, and a leader's not before their last run has ended.

        So a lease is never given up over work that goes on. Where a run does not end after a loss, the elector ends the
        process before somebody else may lead.
        """
        grace = 0.0 if is_lost else None
        await asyncio.gather(*(controller.stop(grace) for controller in controllers))
        if self._campaign is not None:
            await asyncio.gather(*(controller.ended() for controller in controllers))

    async def _sync(self) -> None:
        timeout = max((controller.sync_timeout for controller in self._controllers), default=SYNC_TIMEOUT)
        waits = (engine.wait_until(partial(self._missing, engine), timeout) for engine in self._engines)
        outcomes = await asyncio.gather(*waits, return_exceptions=True)
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        late = [error for error in errors if isinstance(error, CacheSyncTimeout)]
        if len(late) < len(errors):
            raise next(error for error in errors if error not in late)
        if late:
            raise CacheSyncTimeout(timeout, _together(error.reasons for error in late))

    def _missing(self, engine: Engine) -> dict[str, str]:
        """Return what a factory still lacks: first of all its caches, those that are only read, too. On its loop."""
        missing = engine.core.missing(handlers=False)
        if missing:
            return missing
        self._filled.add(engine)
        if len(self._filled) == len(self._engines):
            for controller in self._controllers:
                controller.caches_are_filled()
        for controller in self._controllers:
            missing.update(controller.missing(engine))
        return missing

    async def _lead(self) -> Leadership | None:
        """Work while this replica leads, or until the end; return the leadership where it was lost."""
        if self._elector is None:
            self._work()
            await self._ending.wait()
            return None
        campaign = self._campaign = self._elector.begin()
        self.ready.set_result(None)
        acquired = asyncio.wrap_future(campaign.acquired)
        if not await self._unless_ending(acquired):
            return None
        leadership = acquired.result()
        for controller in self._controllers:
            controller.reconciling.may_begin = lambda: leadership.is_leading
        self._work()
        lost: asyncio.Future[str] = asyncio.wrap_future(leadership.lost)
        await first_of(self._ending.wait(), asyncio.shield(lost))
        return leadership if leadership.lost.done() else None

    def _work(self) -> None:
        for controller in self._controllers:
            controller.work()
        if not self.ready.done():
            self.ready.set_result(None)

    async def _unless_ending(self, awaited: Awaitable[object]) -> bool:
        """Await something, and return whether it came before the end of the run did.

        Raises:
            Exception: What it raised.
        """
        task = asyncio.ensure_future(awaited)
        await first_of(self._ending.wait(), asyncio.shield(task))
        if task.done() and not task.cancelled():
            await task
            return not self._ending.is_set()
        task.cancel()
        with suppress(BaseException):
            await task
        return False


def _stop(running: weakref.ref[Running], _: object) -> None:
    """Stop a run with its factory, which may outlive many runs and must not keep them."""
    if (found := running()) is not None:
        found.stop()


def _together(reasons: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Put together what is missing in several factories, which may have caches of one name."""
    found: dict[str, str] = {}
    for name, reason in (item for each in reasons for item in each.items()):
        found[name] = f"{found[name]}; {reason}" if name in found else reason
    return found


def parts_of(parts: Iterable[object]) -> tuple[list[ControllerEngine], list[Engine]]:
    """Sort what a program wants to run into controllers and factories.

    Raises:
        TypeError: Something is neither.
    """
    controllers, engines = [], []
    for part in parts:
        match getattr(part, "engine", None):
            case ControllerEngine() as controller:
                controllers.append(controller)
            case Engine() as engine:
                engines.append(engine)
            case _:
                raise TypeError(f"only controllers and factories can be run, not {part!r}")
    if not controllers and not engines:
        raise UsageError("there is nothing to run")
    return controllers, engines
