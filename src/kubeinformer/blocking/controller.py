"""The blocking face of controllers, and of runs of several."""

from __future__ import annotations

import logging
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Self

from kubeinformer.blocking.factory import SharedInformerFactory
from kubeinformer.blocking.leader_election import LeaderElector
from kubeinformer.cache.delivery import waits_for_itself
from kubeinformer.controller.controller import ControllerFront, prepare
from kubeinformer.controller.running import Running
from kubeinformer.fronts.portal import SLICE, Portal
from kubeinformer.fronts.signals import ended_by_signals

_log = logging.getLogger("kubeinformer.controller")


class Controller(ControllerFront):
    """Reconciles keys: one at a time each, at every change, and again after failures. Thread-safe.

    As a context manager it works in the background for the length of the block.
    """

    def run(self, *, leader_election: LeaderElector | None = None) -> None:
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
        run_all(self, leader_election=leader_election)

    def start(self, *, leader_election: LeaderElector | None = None) -> None:
        """Do as `run`, in the background; it returns when the caches are filled.

        Where leadership is lost, the end is logged, and `stop` raises it.
        """
        background = _Background(prepare((self,), leader_election))
        background.wait_until_ready()
        self._background = background

    def stop(self) -> None:
        """End the run that it is part of, and wait for the end; from inside a reconcile or a handler it does not wait.

        Stopping twice, or before the run, is harmless.
        """
        running = self._run
        if running is None:
            return
        running.stop()
        if waits_for_itself():
            return
        while True:
            with suppress(TimeoutError):
                running.ended.result(SLICE)
                break
        if self._background is not None:
            background, self._background = self._background, None
            background.end()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    _background: _Background | None = None


def run_all(*parts: Controller | SharedInformerFactory, leader_election: LeaderElector | None = None) -> None:
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
    ends: SimpleQueue[None] = SimpleQueue()  # a signal handler may fill it, unlike a threading.Event

    def end(_: object = None) -> None:
        ends.put(None)

    portal = Portal("kubeinformer-run", _nothing)
    try:
        with ended_by_signals(end):
            future = portal.submit(running.run)
            future.add_done_callback(end)
            _wait_for(ends)
            if not future.done():
                running.stop()
                _wait_for(ends)
            if not future.done():
                _log.warning("a second signal: what is under way is not waited for")
                return
            future.result()
    finally:
        running.stop()
        portal.stop()


class _Background:
    """A run on a loop of its own, which nobody waits for."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._portal = Portal("kubeinformer-run", _nothing)
        self._future = self._portal.submit(running.run)
        self._future.add_done_callback(self._log_end)

    def wait_until_ready(self) -> None:
        try:
            while True:
                try:
                    self._running.ready.result(SLICE)
                except TimeoutError:
                    if not self._running.ready.done():
                        continue
                    raise
                return
        except BaseException:
            self._running.stop()
            with suppress(BaseException):  # what it ends in is raised already
                self._future.result()
            self._portal.stop()
            raise

    def end(self) -> None:
        try:
            self._future.result()
        finally:
            self._portal.stop()

    def _log_end(self, _: object) -> None:
        self._portal.close()  # it may have ended by itself: then nobody else does
        if not self._future.cancelled() and self._running.ready.done():
            error = self._future.exception()
            if error is not None and self._running.ready.exception() is None:
                _log.error("the controllers have stopped: %s", error)


async def _nothing() -> None:
    """Nothing is left to do at the end of a run's loop."""


def _wait_for(ends: SimpleQueue[None]) -> None:
    while True:
        with suppress(Empty):
            return ends.get(timeout=SLICE)
