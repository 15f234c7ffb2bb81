"""Replaying the cache to handlers that asked for it, from memory: no request leaves the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial

from kubeinformer.cache.registration import Registration
from kubeinformer.clock import Clock, Timer
from kubeinformer.forks import renew_in_child

SHORTEST_PERIOD = 1.0  # seconds


class ResyncTimers:
    """A timer for each registration with a period, running inside `with timers:` on an event loop.

    `add` and `discard` are thread-safe.

    Args:
        clock: Time.
        replay: Called on the loop's thread when a registration is due.
    """

    def __init__(self, clock: Clock, replay: Callable[[Registration], object]) -> None:
        self._clock = clock
        self._replay = replay
        self._lock = threading.Lock()
        renew_in_child(self, _lock=threading.Lock)
        self._periods: dict[Registration, float] = {}
        self._timers: dict[Registration, Timer] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, registration: Registration, period: float) -> None:
        """Replay to a registration every `period` seconds (at least one second)."""
        with self._lock:
            self._periods[registration] = max(SHORTEST_PERIOD, period)
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._arm, registration)

    def discard(self, registration: Registration) -> None:
        """Replay to a registration no more; harmless when it has no period."""
        with self._lock:
            self._periods.pop(registration, None)

    def __enter__(self) -> None:
        with self._lock:
            self._loop = asyncio.get_running_loop()
            registrations = list(self._periods)
        for registration in registrations:
            self._arm(registration)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._loop = None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _arm(self, registration: Registration) -> None:
        earlier = self._timers.pop(registration, None)
        if earlier is not None:
            earlier.cancel()
        period = self._periods.get(registration)
        if period is not None and self._loop is not None:
            self._timers[registration] = self._clock.call_later(period, partial(self._fire, registration))

    def _fire(self, registration: Registration) -> None:
        try:
            if registration in self._periods:
                self._replay(registration)
        finally:
            self._arm(registration)
