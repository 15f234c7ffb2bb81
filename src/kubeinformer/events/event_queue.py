"""Events from any thread, on their way to the writer: folded at once, filtered, bounded, and counted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Literal

from kubeinformer.clock import Clock
from kubeinformer.events.event_documents import Occurrence, event_name
from kubeinformer.events.event_series import EventSeries, EventSeriesTable, EventWrite
from kubeinformer.events.event_spam_filter import EventSpamFilter
from kubeinformer.forks import renew_in_child

RETRY_SECONDS: Final = 10.0

Result = Literal["written", "folded", "dropped_full", "dropped_spam", "dropped_closed", "failed"]
RESULTS: Final[tuple[Result, ...]] = (
    "written",
    "folded",
    "dropped_full",
    "dropped_spam",
    "dropped_closed",
    "failed",
)


class EventQueue:
    """What is to be written: events in, from any thread, and writes out, on the writer's loop.

    `put` never waits, not even for the lock: what finds it taken leaves its event to whoever holds it. So it may be
    called in a signal handler and by the garbage collector, in the middle of another `put`.

    Args:
        clock: Time.
        wake: Has the writer's `pump` called on its loop, soon; called by any thread that puts.

    Attributes:
        counts: What became of events; each is counted once.
        requests: Writes by verb and result (written, failed), each try by itself.
    """

    def __init__(self, clock: Clock, wake: Callable[[], object]) -> None:
        self.counts: dict[Result, int] = dict.fromkeys(RESULTS, 0)
        self.requests = {
            (verb, result): 0 for verb in ("create", "patch") for result in ("written", "failed")
        }
        self.table = EventSeriesTable()
        self._clock = clock
        self._wake = wake
        self._lock = threading.Lock()
        renew_in_child(self, _lock=threading.Lock)
        self._incoming: deque[Occurrence | None] = deque()  # None is the end of all
        self._spam_filter = EventSpamFilter()
        self._nanoseconds = 0
        self._planned = float("inf")  # when the writer looks next by itself
        self._is_awake = False
        self._is_closed = False

    def put(self, occurrence: Occurrence) -> None:
        """Take an event, or drop it and count that."""
        self._incoming.append(occurrence)
        self._take_incoming()

    def not_woken(self) -> None:
        """Learn that the writer could not be woken: whoever puts next tries again."""
        self._is_awake = False

    def close(self) -> None:
        """Drop what is put from now on."""
        self._incoming.append(None)
        self._take_incoming()

    # -- the writer's side ----------------------------------------------------------------------------------------

    def take(self) -> EventWrite | None:
        """Hand out the next write, None where none is due."""
        with self._lock:
            now = self._clock.now()
            self.table.expire(now)
            return self.table.take(now)

    def rest(self, *, is_busy: bool) -> float | None:
        """Return when to look again, in seconds on the clock; None for when `wake` was called.

        Args:
            is_busy: Whether the writer looks anyway before it can do more.
        """
        with self._lock:
            self._is_awake = False
            moment = self.table.next_moment(self._clock.now())
            self._planned = float("-inf") if is_busy else float("inf") if moment is None else moment
        self._take_incoming()
        return None if is_busy else moment

    def written(self, write: EventWrite, verb: str) -> None:
        """Take back a write that the server has taken."""
        with self._lock:
            self.requests[verb, "written"] += 1
            self._count("written", self.table.written(write, self._clock.now()))
        self._take_incoming()

    def exists(self, write: EventWrite, verb: str) -> None:
        """Take back a creation under a name that was taken."""
        delay = self._retry_delay(write)
        with self._lock:
            self.requests[verb, "failed"] += 1
            now, name = self._clock.now(), self._new_name(write.series.first)
            self._count("written", self.table.exists(write, now, delay, name))
        self._take_incoming()

    def failed(self, write: EventWrite, verb: str, *, is_final: bool, at_least: float = 0.0) -> float | None:
        """Take back a write that failed; return the seconds until it is tried again, None where it is not.

        Args:
            write: The write.
            verb: What failed of it.
            is_final: Whether it would fail again.
            at_least: The seconds that the server asks to wait.
        """
        delay = None if is_final else max(at_least, self._retry_delay(write))
        with self._lock:
            self.requests[verb, "failed"] += 1
            self._count("failed", self.table.failed(write, self._clock.now(), delay))
            is_over = write.series.given_up
        self._take_incoming()
        return None if is_over else delay

    def begin_flush(self) -> list[tuple[EventSeries, int]]:
        """Make all that is not written due now, and from now on, and return it with its counts."""
        with self._lock:
            self._fold_incoming()
            self.table.flushes += 1
            targets = self.table.hurry(self._clock.now())
        self._take_incoming()
        return targets

    def end_flush(self) -> None:
        """Keep to the pauses again."""
        with self._lock:
            self.table.flushes -= 1
        self._take_incoming()

    def is_settled(self, series: EventSeries, count: int) -> bool:
        """Return whether so many occurrences are written, or will not be."""
        with self._lock:
            settled = self.table.is_settled(series, count)
        self._take_incoming()
        return settled

    def abandon(self) -> int:
        """Count what was not created as failed, at the very end, and return how much that is."""
        with self._lock:
            lost = self.table.uncreated
            self.counts["failed"] += lost
        return lost

    # -- details --------------------------------------------------------------------------------------------------

    def _take_incoming(self) -> None:
        # The second look is after the release: what came meanwhile, and found the lock taken, is not left behind.
        while self._incoming and self._lock.acquire(blocking=False):
            try:
                self._fold_incoming()
                wakes = self._must_wake()
            finally:
                self._lock.release()
            if wakes:
                self._wake()

    def _fold_incoming(self) -> None:
        while self._incoming:
            self._take_in(self._incoming.popleft())

    def _take_in(self, occurrence: Occurrence | None) -> None:
        now = self._clock.now()
        if occurrence is None:
            self._is_closed = True
        elif self._is_closed:
            self.counts["dropped_closed"] += 1
        elif self.table.fold(occurrence, now):
            self.counts["folded"] += 1
        elif not self.table.has_room(now):
            self.counts["dropped_full"] += 1
        elif not self._spam_filter.allows(occurrence.key.regarding, now):
            self.counts["dropped_spam"] += 1
        else:
            self.table.add(occurrence, self._new_name(occurrence), now)

    def _must_wake(self) -> bool:
        if self._is_awake:
            return False
        moment = self.table.next_moment(self._clock.now())
        self._is_awake = moment is not None and moment < self._planned
        return self._is_awake

    def _new_name(self, occurrence: Occurrence) -> str:
        # A clock may stand still, or go back; names must not.
        self._nanoseconds = max(self._nanoseconds + 1, int(occurrence.time * 1e9))
        return event_name(occurrence.key.regarding.name, self._nanoseconds)

    def _retry_delay(self, write: EventWrite) -> float:
        """Return seconds: at first anything up to 10, that not all come again at once; later 10 and up to a quarter."""
        chance = self._clock.random()
        return RETRY_SECONDS * (1.0 + 0.25 * chance if write.series.tries else chance)

    def _count(self, result: Result, happened: bool) -> None:
        self.counts[result] += happened
