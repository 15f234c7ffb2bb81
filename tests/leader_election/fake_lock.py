"""A lease in memory, as several candidates see it through a network that a test can spoil."""

from __future__ import annotations

from typing import Any

from kubeinformer.clock import Clock, sleep
from kubeinformer.errors import Conflict, NetworkError, StatusError
from kubeinformer.leader_election.lease_record import LeaseRecord


class FakeLease:
    """What the server has.

    Attributes:
        spec: The spec of the Lease, None where there is none.
        version: Its resourceVersion.
        log: What was done, as (verb, who).
    """

    def __init__(self, spec: dict[str, Any] | None = None) -> None:
        self.spec = spec
        self.version = 0
        self.log: list[tuple[str, str]] = []


class FakeLock:
    """One candidate's way to a lease.

    Args:
        lease: The lease.
        who: Whose way it is.
        clock: Time.

    Attributes:
        fault: None; an exception that every request ends in; "hangs"; or "late" (done by the server, the answer lost).
        latency: Seconds that each way takes.
    """

    def __init__(self, lease: FakeLease, who: str, clock: Clock) -> None:
        self.fault: Exception | str | None = None
        self.latency = 0.0
        self._lease = lease
        self._who = who
        self._clock = clock
        self._read: int | None = None

    async def read(self) -> Any:
        await self._travel("get")
        self._read = self._lease.version if self._lease.spec is not None else None
        spec = self._lease.spec
        await self._return()
        return spec

    async def write(self, record: LeaseRecord) -> Any:
        await self._travel("update" if self._read is not None else "create")
        if self._read != (self._lease.version if self._lease.spec is not None else None):
            await self._return()
            raise Conflict(409, "Conflict", "somebody else was faster")
        self._lease.spec = record.spec()
        self._lease.version += 1
        self._lease.log.append(("written", record.holder))
        version, spec = self._lease.version, self._lease.spec
        await self._return()
        self._read = version
        return spec

    async def _travel(self, verb: str) -> None:
        self._lease.log.append((verb, self._who))
        await self._wait()
        if self.fault == "hangs":
            await sleep(self._clock, float("inf"))
        if isinstance(self.fault, Exception):
            raise self.fault

    async def _return(self) -> None:
        await self._wait()
        if self.fault == "late":
            raise NetworkError("the answer was lost")

    async def _wait(self) -> None:
        if self.latency:
            await sleep(self._clock, self.latency)


SERVER_ERROR = StatusError(500, "InternalError", "no")
