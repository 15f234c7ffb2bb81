"""One candidate's part in an election: it campaigns, leads for as long as it can renew the lease, and releases it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from kubeinformer.clock import Clock, deadline, sleep
from kubeinformer.errors import Conflict, StatusError
from kubeinformer.leader_election.candidate import Candidate
from kubeinformer.leader_election.lease_lock import Lock

_log = logging.getLogger("kubeinformer.leader_election")

JITTER: Final = 0.25
"""The share of a retry period by which a standby may ask later: a released lease is taken within 1.25 of them."""


class Election:
    """Runs a candidate against a lock. It belongs to one event loop.

    Args:
        candidate: The rules, and what was seen.
        lock: The lock.
        clock: Time and chance.
        on_new_leader: Called with the identity of each new leader, "" where there is none any more.

    Attributes:
        slow_renewals: How often a renewal had to read the lease first.
        claimed: Whether the lease may name us though we do not lead: we asked for it, and have not heard.
        claiming: Held while an answer to that is awaited: who is cut off then does not know what there is to release.
    """

    def __init__(
        self,
        candidate: Candidate,
        lock: Lock,
        clock: Clock,
        on_new_leader: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.candidate = candidate
        self.slow_renewals = 0
        self.claimed = False
        self.claiming = asyncio.Lock()
        self._lock = lock
        self._clock = clock
        self._on_new_leader = on_new_leader
        self._fault = ""  # what was last logged

    async def campaign(self) -> None:
        """Return when this candidate leads."""
        retry_period = self.candidate.terms.retry_period
        while not await self._attempt():
            await sleep(self._clock, retry_period * (1 + JITTER * self._clock.random()))

    async def lead(self) -> str:
        """Renew the lease for as long as that can be done, and return why it cannot any more.

        It returns before anybody else may lawfully lead, also where a request hangs. Where it could not (everything
        stood still), it does not lead on, even if nobody else has led meanwhile: some may have heard of the end.
        """
        candidate = self.candidate
        while True:
            left = candidate.ends_at() - self._clock.now()
            renewed_at = candidate.renewed_at
            with suppress(TimeoutError):
                async with deadline(self._clock, left):
                    await sleep(self._clock, candidate.terms.retry_period)
                    # the clock is asked: timers stand still while the machine is suspended
                    while candidate.is_leading(self._clock.now()) and not await self._renew():
                        if candidate.is_displaced:
                            return f"the lease is held by {candidate.record.holder or 'nobody'}"
                        await sleep(self._clock, candidate.terms.retry_period)
            if candidate.renewed_at == renewed_at:
                return f"the lease could not be renewed for {self._clock.now() - renewed_at:.1f} s"

    async def release(self) -> bool:
        """Let anybody take the lease at once, if it is still ours on the server; return whether it was.

        What fails is tried again where that may help. It gives up at the renew deadline.
        """
        fault, conflicts = "no answer in time", 0
        with suppress(TimeoutError):
            async with deadline(self._clock, self.candidate.terms.renew_deadline):
                while True:
                    try:
                        return await self._give_up()
                    except Conflict as error:
                        fault, conflicts = str(error), conflicts + 1
                        if conflicts == 1:
                            continue
                    except Exception as error:  # noqa: BLE001  # whatever it is, the lease runs out by itself
                        fault = str(error) or fault
                        if isinstance(error, StatusError) and error.code < 500 and error.code != 429:
                            break
                    await sleep(self._clock, self.candidate.terms.retry_period)
        _log.warning("%s: the lease could not be released: %s", self._lock, fault)
        return False

    async def _give_up(self) -> bool:
        """Release the lease in two requests, and return whether it was ours."""
        async with deadline(self._clock, self._patience):
            self._saw(await self._lock.read())
        if not self.candidate.holds:
            return False
        async with deadline(self._clock, self._patience):
            self._saw(await self._lock.write(self.candidate.released_record(self._clock.time())))
        return True

    async def _renew(self) -> bool:
        """Write the lease over what is known of it, and only where that fails read it first."""
        try:
            return await self._write()
        except Exception as error:  # noqa: BLE001  # whatever it is, there is time to try again
            self._report(error)
        self.slow_renewals += 1
        return await self._attempt()

    async def _attempt(self) -> bool:
        """Read the lease, write it if that is lawful, and return whether it is ours."""
        try:
            async with deadline(self._clock, self._patience):
                self._saw(await self._lock.read())
            if self.candidate.leads_since is not None:
                return self.candidate.may_take(self._clock.now()) and await self._write()
            if self.candidate.may_take(self._clock.now()):
                async with self.claiming:
                    return await self._write()
            self.claimed, self._fault = False, ""
        except Exception as error:  # noqa: BLE001  # whatever it is, there is time to try again
            self._report(error)
        return False

    async def _write(self) -> bool:
        began = self._clock.now()
        record = self.candidate.next_record(self._clock.time())
        self.claimed = self.candidate.leads_since is None
        async with deadline(self._clock, self._patience):
            written = await self._lock.write(record)
        was = self.candidate.record.holder
        leads = self.candidate.won(written, began, self._clock.now())
        self.claimed = self.candidate.leads_since is None and self.candidate.holds
        if was != self.candidate.record.holder:
            self._on_new_leader(self.candidate.record.holder)
        self._fault = ""
        return leads

    @property
    def _patience(self) -> float:
        """Seconds for one request: two must fit between a renewal and the deadline."""
        return max(1.0, self.candidate.terms.renew_deadline / 2)

    def _saw(self, spec: object) -> None:
        if self.candidate.saw(spec, self._clock.now()):
            self._on_new_leader(self.candidate.record.holder)

    def _report(self, error: BaseException) -> None:
        fault = str(error) or type(error).__name__
        if fault != self._fault:  # once, not every two seconds
            self._fault = fault
            _log.warning("%s: %s", self._lock, fault)
