"""Faults as data: which requests they hit, what they do, how often.

A new kind of fault is a new action here and one arm where the server carries actions out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kubeinformer.testing.api_server.request_log import RequestRecord

Predicate = Callable[[RequestRecord], bool]


def any_request(_: RequestRecord) -> bool:
    """Take every request."""
    return True


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer with this instead of the truth.

    Attributes:
        status: The HTTP status.
        body: The body as it is.
        content_type: The Content-Type header.
        headers: More headers.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CutConnection:
    """Break the TCP connection instead of answering."""


Action = Respond | CutConnection


@dataclass(slots=True)
class Fault:
    """An action for the next requests that match.

    Attributes:
        action: What to do.
        matching: Which requests it hits.
        times: How many of them are still to be hit.
    """

    action: Action
    matching: Predicate = any_request
    times: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Stall:
    """Matching requests, and what running watches have to say, wait until the stall is lifted."""

    matching: Predicate


class Faults:
    """The faults that are armed. It belongs to the server's loop."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._stalls: list[Stall] = []
        self._lifted = asyncio.Event()

    def arm(self, fault: Fault) -> None:
        """Add a fault; of several that match, the oldest hits first."""
        self._faults.append(fault)

    def disarm_all(self) -> None:
        """Forget all faults, and lift all stalls."""
        self._faults.clear()
        for stall in tuple(self._stalls):
            self.lift(stall)

    def take(self, record: RequestRecord) -> Action | None:
        """Return what to do with a request, and count it; None to answer it truthfully."""
        for fault in self._faults:
            if fault.matching(record):
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
