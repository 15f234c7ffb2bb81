"""Equal events folded into series: what is to be written next, and what can be forgotten. No lock, no clock but given.

The life of a series, as in client-go's tools/events, with other times where a comment says so:

    first event ──> create ──second──> patch (count 2), at once ──more──> patch, 1, 2, 4, 5, 5, ... minutes apart
    6 minutes without an event: whatever count is not written yet is written, and the series is forgotten
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice
from typing import Final, Literal

import msgspec

from kubeinformer.events.event_documents import EventKey, Occurrence
from kubeinformer.workqueue.queue_core import QueueCore

FIRST_PAUSE: Final = 60.0
LONGEST_PAUSE: Final = 300.0
"""Seconds between two patches of a live series: the rate at which the spam filter lets events through in the long run.
client-go patches every 30 minutes, so `kubectl get events` shows a fault that goes on as one long past."""

IDLE: Final = 360.0
"""Seconds without an event after which a series is forgotten, as in client-go."""

LONGEST_QUEUE: Final = 1000
REMEMBERED: Final = 4096  # series; client-go's older recorder remembers as many
MOST_TRIES: Final = 12
_LOOKED_AT = 100


class EventSeries(msgspec.Struct, eq=False):
    """One event, and how often it has happened.

    Attributes:
        first: Its first occurrence.
        name: The name of its object on the server.
        last_time: When it last happened, in seconds since 1970.
        seen: When it was last seen (or looked at), in seconds on a monotonic clock.
        not_before: When it is to be written next, in these seconds.
        pause: The seconds between its next patch and the one after.
        count: How often it has happened.
        written: How often the server knows it has; 0 while it was not created.
        tries: How often the present write has failed.
        counted: Whether its creation is over, one way or the other.
        given_up: Whether the last write was given up.
        last_chance: Whether the write before it is forgotten has begun.
    """

    first: Occurrence
    name: str
    last_time: float
    seen: float
    not_before: float
    pause: float = FIRST_PAUSE
    count: int = 1
    written: int = 0
    tries: int = 0
    counted: bool = False
    given_up: bool = False
    last_chance: bool = False


class EventWrite(msgspec.Struct, frozen=True, eq=False):
    """A write that is to be sent now, in the words of the moment at which it was handed out.

    Attributes:
        series: What is written.
        verb: Whether it is created or patched.
        name: Its name.
        count: How often it has happened.
        last_time: When it last did, in seconds since 1970.
        is_repeated: Whether the server may have it already: an earlier try, or an earlier life.
    """

    series: EventSeries
    verb: Literal["create", "patch"]
    name: str
    count: int
    last_time: float
    is_repeated: bool


class EventSeriesTable:
    """All series of a recorder. Every method that takes `now` wants the seconds of one monotonic clock.

    Args:
        longest_queue: How many events may wait to be created; patches are bounded by what is remembered.
        remembered: How many series are remembered.

    Attributes:
        flushes: How many flushes are under way: counts are written at once then, without their pauses.
    """

    def __init__(self, longest_queue: int = LONGEST_QUEUE, remembered: int = REMEMBERED) -> None:
        self.flushes = 0
        self._longest_queue = longest_queue
        self._remembered = remembered
        self._series: OrderedDict[EventKey, EventSeries] = OrderedDict()  # by `seen`
        self._queue: QueueCore[EventKey] = QueueCore()  # what has something to write
        self._uncreated: set[EventKey] = set()

    def __len__(self) -> int:
        return len(self._series)

    @property
    def uncreated(self) -> int:
        """How many events wait to be created, those on their way included."""
        return len(self._uncreated)

    # -- events come ----------------------------------------------------------------------------------------------

    def fold(self, occurrence: Occurrence, now: float) -> bool:
        """Count an event into its series; return False where there is none."""
        key = occurrence.key
        series = self._series.get(key)
        if series is None:
            return False
        series.count += 1
        series.last_time = max(series.last_time, occurrence.time)
        series.seen = now
        series.last_chance = False
        self._series.move_to_end(key)
        if key not in self._queue.processing:  # else it is looked at when that is over
            self._queue.add(key, now, due=self._due(series, now))
        return True

    def has_room(self, now: float) -> bool:
        """Return whether one more series can begin; an old one is forgotten for it where need be."""
        if len(self._uncreated) >= self._longest_queue:
            return False
        return len(self._series) < self._remembered or self._make_room(now)

    def add(self, occurrence: Occurrence, name: str, now: float) -> None:
        """Begin a series; `fold` found none and there is room."""
        key = occurrence.key
        self._series[key] = EventSeries(occurrence, name, occurrence.time, now, now)
        self._uncreated.add(key)
        self._queue.add(key, now)

    # -- writes go and come back ----------------------------------------------------------------------------------

    def take(self, now: float) -> EventWrite | None:
        """Hand out the next write, None where none is due; `written`, `exists` or `failed` takes it back.

        A series is never handed out twice at a time: its writes are in order.
        """
        while (entry := self._queue.get(now)) is not None:
            series = self._series[entry.key]
            if series.count > series.written:
                return self._write(series)
            self._queue.done(entry.key, now)
        return None

    def written(self, write: EventWrite, now: float) -> bool:
        """Take back a write that the server has taken; return whether it is the event's first."""
        series = write.series
        series.written = write.count
        series.given_up = False
        if write.verb == "patch":
            self._pause(series, now)
        return self._over(series, now)

    def exists(self, write: EventWrite, now: float, delay: float, name: str) -> bool:
        """Take back a creation under a name that was taken; return whether the event is created all the same.

        Where an earlier try may have got through, it is that: what remains to be said is patched after `delay` seconds.
        Else somebody else has the name, and `name` is tried.
        """
        series = write.series
        if not write.is_repeated:
            series.name = name
            self.failed(write, now, delay)
            return False
        series.written = 1
        series.tries += 1
        series.not_before = now + delay
        if series.tries < MOST_TRIES:
            return self._over(series, now, tries=series.tries if series.count > 1 else 0)
        return self.failed(write, now, None)  # what is given up is its count: the event is there

    def failed(self, write: EventWrite, now: float, delay: float | None) -> bool:
        """Take back a write that failed; return whether it is given up, and with it its event.

        A series is remembered all the same: when the event happens again it is tried again, a pause later.

        Args:
            write: The write.
            now: Seconds on the clock.
            delay: The seconds to wait before it is tried again (12 tries in all); None to give it up.
        """
        series, key = write.series, write.series.first.key
        series.tries += 1
        if delay is not None and series.tries < MOST_TRIES:
            series.not_before = now + delay
            self._queue.done(key, now)
            self._queue.add(key, now, due=series.not_before)
            return False
        series.given_up = True
        self._pause(series, now)
        series.tries = 0
        self._queue.done(key, now)
        self._uncreated.discard(key)
        was_counted, series.counted = series.counted, True
        return not was_counted

    # -- time passes ----------------------------------------------------------------------------------------------

    def expire(self, now: float) -> None:
        """Forget what has not happened for 6 minutes, once all of it is written or was tried for a last time."""
        while self._series:
            key, series = next(iter(self._series.items()))
            if now - series.seen < IDLE:
                return
            if not self._is_open(key):
                if series.count == series.written or series.last_chance:
                    del self._series[key]
                    continue
                series.last_chance = True
                self._queue.add(key, now)
            series.seen = now
            self._series.move_to_end(key)

    def next_moment(self, now: float) -> float | None:
        """Return when there is something to do: a write, or something to forget; None for never."""
        if self._queue.has_ready:
            return now
        moments = [self._queue.next_due]
        if self._series:
            moments.append(next(iter(self._series.values())).seen + IDLE)
        return min((moment for moment in moments if moment is not None), default=None)

    def hurry(self, now: float) -> list[tuple[EventSeries, int]]:
        """Make all that is not written due now, and return it, with the counts that are to be written."""
        self._queue.hurry_delayed(now)
        behind = [series for series in self._series.values() if series.count > series.written]
        for series in behind:
            if not self._is_open(series.first.key):
                self._queue.add(series.first.key, now)
        return [(series, series.count) for series in behind]

    def is_settled(self, series: EventSeries, count: int) -> bool:
        """Return whether so many occurrences are written, or will not be."""
        return series.written >= count or not self._is_open(series.first.key)

    # -- details --------------------------------------------------------------------------------------------------

    @staticmethod
    def _write(series: EventSeries) -> EventWrite:
        is_repeated = series.tries > 0 or series.written > 0
        verb: Literal["create", "patch"] = "patch" if series.written else "create"
        return EventWrite(series, verb, series.name, series.count, series.last_time, is_repeated)

    def _over(self, series: EventSeries, now: float, tries: int = 0) -> bool:
        key = series.first.key
        series.tries = tries
        self._queue.done(key, now)
        self._uncreated.discard(key)
        if series.count > series.written:
            self._queue.add(key, now, due=self._due(series, now))
        was_counted, series.counted = series.counted, True
        return not was_counted

    def _due(self, series: EventSeries, now: float) -> float:
        """Return when a series is to be written; a flush skips pauses, but not those of writes that fail."""
        skips_pause = self.flushes and not series.tries and not series.given_up
        return now if skips_pause else series.not_before

    @staticmethod
    def _pause(series: EventSeries, now: float) -> None:
        series.not_before = now + series.pause
        series.pause = min(2 * series.pause, LONGEST_PAUSE)

    def _is_open(self, key: EventKey) -> bool:
        return key in self._queue.processing or self._queue.due(key) is not None

    def _make_room(self, now: float) -> bool:
        """Forget the series that was not seen for longest and has nothing to say; hurry those before it that have."""
        for key, series in islice(self._series.items(), _LOOKED_AT):
            if not self._is_open(key):
                del self._series[key]
                return True
            if not series.tries and key not in self._queue.processing:
                self._queue.add(key, now)
        return False
