"""A budget of loads: many reflectors that begin at once, or that a restarted server sends back to the list.

A load is the dearest thing that a reflector asks of a server, and of the loop that decodes it. Side by side they
finish no earlier than one after the other; but one that hangs must not hold up the rest.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from kubeinformer.clock import Clock

LOADS = 4  # enough to keep both ends busy while one waits for the other
PATIENCE = 10.0  # seconds after which a load no longer counts


class LoadGate:
    """Lets a few loads in at a time, in the order in which they came. It belongs to the event loop's thread.

    Args:
        clock: Time.
        size: How many loads may run at a time.
        patience: Seconds after which a load that has not ended makes room for another one.
    """

    def __init__(self, clock: Clock, size: int = LOADS, patience: float = PATIENCE) -> None:
        self._clock = clock
        self._free = size
        self._patience = patience
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> Callable[[], None]:
        """Wait for a place, and return what makes room for the next one; to call that twice is harmless."""
        if self._free:
            self._free -= 1
        else:
            await self._place()
        ways_out = [self._leave]

        def leave() -> None:
            while ways_out:
                timer.cancel()
                ways_out.pop()()

        timer = self._clock.call_later(self._patience, leave)
        return leave

    async def _place(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was let in at the same moment
                self._leave()
            raise

    def _leave(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)  # it goes from hand to hand
                return
        self._free += 1
