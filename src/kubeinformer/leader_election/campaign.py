"""One campaign: from the first request for the lease to its release, on a thread and a connection of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Final, Protocol

from kubeinformer.client.config import Config
from kubeinformer.client.session import Session
from kubeinformer.clock import Clock, SystemClock
from kubeinformer.errors import UsageError
from kubeinformer.fronts.portal import EXIT_WAIT, SLICE, Portal
from kubeinformer.leader_election.candidate import Candidate, Terms
from kubeinformer.leader_election.election import Election
from kubeinformer.leader_election.leadership import Leadership
from kubeinformer.leader_election.lease_lock import LEASES, LeaseLock

_log = logging.getLogger("kubeinformer.leader_election")
MARGIN: Final = 0.5
"""Seconds before another one may lead, at which a process that has not ended its work is ended; at most half of those
that there are between the end of its leadership and that moment."""
LAST_WORDS: Final = 0.2
"""Seconds that a process which is ended has to say so: a log that is stuck must not keep it alive."""
_BOOT: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


class Recorder(Protocol):
    """Records events, as :class:`~kubeinformer.EventRecorder` does."""

    def event(self, regarding: object, type: str, reason: str, note: str, /) -> None:  # noqa: A002  # the API's own word
        """Record an event."""


class LeaseClock(SystemClock):
    """The machine's time, running on while the machine is suspended where the system can tell that."""

    @staticmethod
    def now() -> float:
        """Return seconds on a monotonic clock."""
        return time.clock_gettime(_BOOT) if _BOOT is not None else time.monotonic()


def end_process(reason: str) -> None:
    """End this process at once: another one may lead from now on, and something here still works."""

    def say_so() -> None:
        _log.critical("this process ends: %s, and its work has not ended", reason)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()

    with suppress(Exception):
        speaking = threading.Thread(target=say_so, daemon=True)
        speaking.start()
        speaking.join(LAST_WORDS)
    os._exit(1)


class Campaign:
    """Campaigns, and leads until it is ended or loses the lease. Thread-safe.

    Args:
        config: The server.
        name: The Lease's name.
        namespace: Its namespace.
        terms: The terms.
        labels: Labels that the Lease is to have.
        on_new_leader: Called with each new leader's identity.
        on_overrun: Called where the work has not ended and somebody else may lead.
        on_end: Called when it is ended.
        release: Whether the lease is given up at the end.
        recorder: Records who leads, as events of the Lease.
        clock: Time and chance.

    Attributes:
        acquired: The leadership, once there is one.
        candidate: Who campaigns.
    """

    def __init__(
        self,
        config: Config,
        name: str,
        namespace: str,
        terms: Terms,
        *,
        labels: Mapping[str, str] | None,
        on_new_leader: Callable[[str], object] | None,
        on_overrun: Callable[[str], object],
        on_end: Callable[[], object],
        release: bool,
        recorder: Recorder | None,
        clock: Clock,
    ) -> None:
        self.acquired: Future[Leadership] = Future()
        self.acquired.set_running_or_notify_cancel()  # a wait for it that is given up must not cancel it
        self.candidate = Candidate(terms)
        self._clock = clock
        self._on_new_leader = on_new_leader
        self._on_overrun = on_overrun
        self._on_end = on_end
        self._release = release
        self._recorder = recorder
        self._lease = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": name, "namespace": namespace},
        }
        self._session = Session(config)
        self._election = Election(
            self.candidate,
            LeaseLock(self._session, name, namespace, labels),
            clock,
            self._new_leader,
        )
        self._portal = Portal(f"kubeinformer-election-{name}", self._close)
        self._main: asyncio.Task[None] | None = None
        self._finishing: asyncio.Task[None] | None = None
        self._work_has_ended = threading.Event()
        self._watchdog = threading.Thread(
            target=self._watch, name=f"kubeinformer-overrun-{name}", daemon=True
        )
        self._reason = "its lease has run out"

    def start(self) -> None:
        """Begin to campaign."""
        self._portal.submit(self._begin).add_done_callback(self._began)

    @property
    def slow_renewals(self) -> int:
        """How often a renewal had to read the lease first."""
        return self._election.slow_renewals

    @property
    def is_healthy(self) -> bool:
        """Whether it does not lead, or has renewed the lease in time."""
        return self.candidate.leads_since is None or self._clock.now() < self.candidate.expires_at()

    def end(self) -> None:
        """Note that the work has ended, and release the lease where it is still ours. Not on the campaign's thread.

        Whatever interrupts the wait (a second Ctrl-C, say) does not keep the campaign from ending.
        """
        finishing = self._end()
        while not finishing.done():
            wait([finishing], SLICE)
        self._portal.stop()

    async def end_async(self) -> None:
        """Do as `end`, on any loop."""
        await asyncio.wait([asyncio.wrap_future(self._end())])
        await self._portal.stop_async()

    def _end(self) -> Future[None]:
        """Begin to end, and return what is done when that is over."""
        self._work_has_ended.set()
        try:
            finishing = self._portal.submit(self._finish)
        except UsageError:  # it is stopped already
            finishing = Future()
            finishing.set_result(None)
        finishing.add_done_callback(self._ended)
        return finishing

    def _ended(self, _: object) -> None:
        self._portal.close()
        self._on_end()

    # -- on the campaign's own loop -------------------------------------------------------------------------------

    async def _begin(self) -> None:
        self._main = asyncio.create_task(self._campaign())
        self._main.add_done_callback(self._over)

    async def _campaign(self) -> None:
        await self._election.campaign()
        leadership = Leadership(self.candidate, self._clock.now)
        self._watchdog.start()
        _log.info("%s leads", leadership.identity)
        self._record("became leader")
        self.acquired.set_result(leadership)
        try:
            reason = await self._election.lead()
        except Exception as error:  # noqa: BLE001  # whatever it is, the work must hear that nobody renews any more
            reason = f"renewal has failed: {error!r}"
        self._reason = reason
        self.candidate.resigned()
        leadership.lost.set_result(reason)
        _log.error("%s does not lead any more: %s", leadership.identity, reason)
        self._record("stopped leading")

    async def _close(self) -> None:
        if self._finishing is not None and not self._finishing.done():  # nobody waits, and the program ends
            await asyncio.wait([self._finishing], timeout=EXIT_WAIT / 2)
        await self._session.close()

    async def _finish(self) -> None:
        self._finishing = asyncio.current_task()
        if self._main is not None:
            async with self._election.claiming:
                self._main.cancel()
            await asyncio.wait([self._main])
        if self.candidate.leads_since is not None:
            self.candidate.resigned()
            self._record("stopped leading")
            if self._release:
                await self._election.release()
        elif self._release and self._election.claimed:
            await self._election.release()
        if self._watchdog.ident is not None:
            self._watchdog.join(LAST_WORDS)  # it ends at once, unless on_overrun is under way

    def _over(self, main: asyncio.Task[None]) -> None:
        if not main.cancelled() and (error := main.exception()) is not None and not self.acquired.done():
            self.acquired.set_exception(error)

    def _began(self, future: Future[None]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self.acquired.set_exception(error)

    def _new_leader(self, identity: str) -> None:
        _log.info("the leader is %s", identity or "nobody")
        if self._on_new_leader is not None:
            try:
                self._on_new_leader(identity)
            except BaseException:  # noqa: BLE001  # user code, and an exit that would end this thread alone: logged
                _log.exception("on_new_leader raised")

    def _record(self, what: str) -> None:
        if self._recorder is not None:
            note = f"{self.candidate.terms.identity} {what}"
            try:
                self._recorder.event(self._lease, "Normal", "LeaderElection", note)
            except Exception:  # noqa: BLE001  # whatever it is, an election does not depend on what is told of it
                _log.exception("the event could not be recorded: %s", note)

    # -- on a thread that waits for nothing but time ----------------------------------------------------------------

    def _watch(self) -> None:
        """End what works on when somebody else may lead, also where the campaign's own thread is held up."""
        terms = self.candidate.terms
        margin = min(MARGIN, (terms.lease_duration - terms.renew_deadline) / 2)
        while (left := self.candidate.expires_at() - margin - self._clock.now()) > 0:
            step = max(0.02, left / 8)  # a machine that was suspended is noticed at the next one
            if self._work_has_ended.wait(step):
                return
        if not self._work_has_ended.is_set():
            try:
                self._on_overrun(f"{terms.identity} does not lead any more: {self._reason}")
            except BaseException:  # noqa: BLE001  # user code, and an exit that would end this thread alone: logged
                _log.critical("on_overrun raised, and the work has not ended", exc_info=True)
