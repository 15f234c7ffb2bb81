"""One campaign: from the first request for the lease to its release, on a thread and a connection of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, Protocol

from kubeinformer.client.config import Config
from kubeinformer.client.session import Session
from kubeinformer.clock import Clock, SystemClock, sleep
from kubeinformer.errors import UsageError
from kubeinformer.fronts.portal import Portal
from kubeinformer.leader_election.candidate import Candidate, Terms
from kubeinformer.leader_election.election import Election
from kubeinformer.leader_election.leadership import Leadership
from kubeinformer.leader_election.lease_lock import LEASES, LeaseLock

_log = logging.getLogger("kubeinformer.leader_election")
MARGIN: Final = 0.5
"""Seconds before another one may lead, at which a process that has not ended its work is ended."""
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
    _log.critical("this process ends: %s, and its work has not ended", reason)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
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
        self._portal = Portal(f"kubeinformer-election-{name}", self._session.close)
        self._main: asyncio.Task[None] | None = None
        self._work_has_ended = threading.Event()

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
        """Note that the work has ended, and release the lease where it is still ours. Not on the campaign's thread."""
        self._work_has_ended.set()
        with suppress(UsageError):  # it is stopped already
            self._portal.call(self._finish)
        self._portal.stop()
        self._on_end()

    async def end_async(self) -> None:
        """Do as `end`, on any loop."""
        self._work_has_ended.set()
        with suppress(UsageError):
            await self._portal.call_async(self._finish)
        await self._portal.stop_async()
        self._on_end()

    # -- on the campaign's own loop -------------------------------------------------------------------------------

    async def _begin(self) -> None:
        self._main = asyncio.create_task(self._campaign())
        self._main.add_done_callback(self._over)

    async def _campaign(self) -> None:
        await self._election.campaign()
        leadership = Leadership(self.candidate, self._clock.now)
        _log.info("%s leads", leadership.identity)
        self._record("became leader")
        self.acquired.set_result(leadership)
        try:
            reason = await self._election.lead()
        except Exception as error:  # noqa: BLE001  # whatever it is, the work must hear that nobody renews any more
            reason = f"renewal has failed: {error!r}"
        self.candidate.resigned()
        _log.error("%s does not lead any more: %s", leadership.identity, reason)
        leadership.lost.set_result(reason)
        self._record("stopped leading")
        await sleep(self._clock, max(0.0, leadership.expires_in - MARGIN))
        if not self._work_has_ended.is_set():
            self._on_overrun(f"{leadership.identity} does not lead any more: {reason}")

    async def _finish(self) -> None:
        if self._main is not None:
            self._main.cancel()
            await asyncio.wait([self._main])
        if self.candidate.leads_since is not None:
            self.candidate.resigned()
            self._record("stopped leading")
            if self._release:
                await self._election.release()

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
            except Exception:  # noqa: BLE001  # user code: logged
                _log.exception("on_new_leader raised")

    def _record(self, what: str) -> None:
        if self._recorder is not None:
            note = f"{self.candidate.terms.identity} {what}"
            self._recorder.event(self._lease, "Normal", "LeaderElection", note)
