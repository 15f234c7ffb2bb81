"""The faults that are armed: which requests they hit, what they do, how often and how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from kubeinformer.testing.api_server.fault_actions import Action
from kubeinformer.testing.api_server.request_log import RequestRecord

Predicate = Callable[[RequestRecord], bool]


def any_request(_: RequestRecord) -> bool:
    """Take every request."""
    return True


@dataclass(slots=True, eq=False)
class Fault:
    """An action for requests that match.

    Attributes:
        action: What to do.
        matching: Which requests it hits.
        times: How many of them are still to be hit; None for all.
        until: When it ends, on the server's clock; None for never.
        hits: How many it has hit.
    """

    action: Action
    matching: Predicate = any_request
    times: int | None = 1
    until: float | None = None
    hits: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Stall:
    """Matching requests, and what running watches have to say, wait until the stall is lifted."""

    matching: Predicate


class Faults:
    """The faults that are armed. It belongs to the server's loop.

    Args:
        now: Returns seconds on the server's clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._faults: list[Fault] = []
        self._stalls: list[Stall] = []
        self._lifted = asyncio.Event()

    def arm(self, fault: Fault) -> None:
        """Add a fault; of several that match, the oldest hits first."""
        self._faults.append(fault)

    def disarm(self, fault: Fault) -> None:
        """Take a fault back; harmless when it is gone."""
        if fault in self._faults:
            self._faults.remove(fault)

    def disarm_all(self) -> None:
        """Forget all faults, and lift all stalls."""
        self._faults.clear()
        for stall in tuple(self._stalls):
            self.lift(stall)

    def take(self, record: RequestRecord) -> Action | None:
        """Return what to do with a request, and count it; None to answer it truthfully."""
        now = self._now()
        self._faults = [fault for fault in self._faults if fault.until is None or now < fault.until]
        for fault in self._faults:
            if fault.matching(record):
                fault.hits += 1
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                return fault.action
        return None

    def stall(self, stall: Stall) -> None:
        """Begin a stall."""
        self._stalls.append(stall)

    def lift(self, stall: Stall) -> None:
        """End a stall; harmless when it has ended."""
        if stall in self._stalls:
            self._stalls.remove(stall)
            self._lifted.set()
            self._lifted = asyncio.Event()

    async def until_flowing(self, record: RequestRecord) -> None:
        """Wait as long as a stall holds this request."""
        while any(stall.matching(record) for stall in self._stalls):
            await self._lifted.wait()
