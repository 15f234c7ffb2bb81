"""The queue's decisions: what waits, what is handed out next, what comes again. No lock, no loop, no clock.

Each key is in at most one place at a time:

    add ────────────────> ready ──get──> processing ──done──> gone
    add, due later ─> waiting ─(due)─> ready                └─added meanwhile─> ready, or waiting

"Delayed" and "rate-limited" are only ways to compute when a key is due.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from enum import IntEnum
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final, Generic, TypeVar

import msgspec

SECONDS_PER_PRIORITY: Final = 0.1
"""A key is overtaken only by keys that became ready less than this, times the difference of priorities, after it."""

LOW_PRIORITY: Final = -100
"""What controllers give to the first load and to resyncs, as controller-runtime does: at most 10 s behind the rest."""

_AT_ONCE = 256  # keys that fall due in one call, which holds up whoever wants to add something
_MANY_LEVELS = 16
_MANY_LEFT_BEHIND = 64

K = TypeVar("K", bound=Hashable)


class Place(IntEnum):
    """Where a key is."""

    WAITING = 0
    READY = 1
    PROCESSING = 2
    LEFT = 3  # what remains of an entry in a place that its key has left


WAITING, READY, PROCESSING, LEFT = Place  # members of an Enum are slow to look up


class Entry(msgspec.Struct, Generic[K], gc=False):
    """One key on its way.

    Attributes:
        key: The key.
        priority: Higher ones come first.
        due: When it is to be ready, in seconds on the clock of the queue.
        place: Where it is.
        added: When it was added (or fell due), in seconds.
        started: When it was last handed out.
        ranked: From when on its waiting counts against the priorities of others.
        again: Whether it was added while it was processed: then `due` and `priority` are those of its next run.
        counted: Whether that next run is among the adds already.
    """

    key: K
    priority: int
    due: float
    place: Place
    added: float
    ranked: float = 0.0
    started: float = 0.0
    again: bool = False
    counted: bool = False


class QueueCore(Generic[K]):
    """Keys in the order of their priorities and their coming; each once, and never handed out twice at a time.

    Every method that takes `now` wants the seconds of one monotonic clock.

    Args:
        seconds_per_priority: How many seconds of waiting weigh as much as one point of priority.

    Attributes:
        adds: How many keys were added so far; one that waits or was added again already does not count.
        processing: What is handed out, by key.
    """

    def __init__(self, seconds_per_priority: float = SECONDS_PER_PRIORITY) -> None:
        if not 0 <= seconds_per_priority < float("inf"):
            raise ValueError(f"no weight for priorities: {seconds_per_priority} seconds")
        self.adds = 0
        self.processing: dict[K, Entry[K]] = {}
        self._weight = seconds_per_priority
        self._entries: dict[K, Entry[K]] = {}  # ready or waiting
        self._levels: dict[int, deque[Entry[K]]] = {}  # what is ready, by priority, in the order of coming
        self._heads: list[tuple[float, int]] = []  # a heap: rank of the first of each level, and its priority
        self._ready = 0
        self._delayed: list[tuple[float, int, Entry[K]]] = []  # a heap by due time
        self._waiting = 0
        self._number = 0

    def add(self, key: K, now: float, priority: int = 0, due: float | None = None) -> bool:
        """Add a key, due now or at a later moment; return whether it is ready for a worker for the first time.

        Of two moments the earlier one counts, of two priorities the higher one.
        """
        if self._delayed and self._delayed[0][0] <= now:
            self._fall_due(now)
        later = due is not None and due > now
        entry = self._entries.get(key)
        if entry is None:
            if self.processing and (working := self.processing.get(key)) is not None:
                self._add_again(working, now, priority, due if later else None)
                return False
            entry = self._entries[key] = Entry(key, priority, now, READY, now)
            if later:
                assert due is not None
                self._wait(entry, due)
                return False
            self.adds += 1
            self._line_up(entry, now)
            return True
        if entry.place is WAITING:
            entry.priority = max(entry.priority, priority)
            if later:
                assert due is not None
                if due < entry.due:
                    self._waiting -= 1
                    self._wait(entry, due)
                return False
            self._become_ready(entry, now)
            return True
        if priority > entry.priority and not later:
            self._raise(entry, now, priority)
        return False

    def get(self, now: float) -> Entry[K] | None:
        """Hand out the next key, None where none is ready; `done` gives it back."""
        if self._delayed and self._delayed[0][0] <= now:
            self._fall_due(now)
        heads = self._heads
        while heads:
            priority = heads[0][1]
            level = self._levels[priority]
            entry = level.popleft()
            if level:
                if len(heads) > 1:
                    heapreplace(heads, (level[0].ranked - priority * self._weight, priority))
            else:
                heappop(heads)
                if len(self._levels) > _MANY_LEVELS:
                    del self._levels[priority]
            if entry.place is READY:
                key = entry.key
                entry.place = PROCESSING
                entry.started = now
                self._ready -= 1
                del self._entries[key]
                self.processing[key] = entry
                return entry
        return None

    def done(self, key: K, now: float) -> bool:
        """Take a key back from a worker; return whether it is ready again at once.

        A key that was not handed out is none of its business: nothing happens.
        """
        working = self.processing.pop(key, None)
        if working is None or not working.again:
            return False
        entry = self._entries[key] = Entry(key, working.priority, working.due, READY, working.added)
        if entry.due > now:
            self._wait(entry, entry.due)
            return False
        if not working.counted:  # it fell due meanwhile
            entry.added = entry.due
            self.adds += 1
        self._line_up(entry, now)
        return True

    def look(self, now: float) -> bool:
        """Make ready, and count, what has fallen due while nobody added or took anything; return whether there is more."""
        self._fall_due(now)
        for entry in self.processing.values():
            if entry.again and not entry.counted and entry.due <= now:
                entry.counted, entry.added = True, entry.due
                self.adds += 1
        return bool(self._delayed) and self._delayed[0][0] <= now

    def drop_delayed(self, now: float) -> int:
        """Forget what is due later, and return how much that was."""
        while self._delayed and self._delayed[0][0] <= now:
            self._fall_due(now)
        waiting = [key for key, entry in self._entries.items() if entry.place is WAITING]
        for key in waiting:
            del self._entries[key]
        self._delayed.clear()
        self._waiting = 0
        dropped = len(waiting)
        for entry in self.processing.values():
            if entry.again and entry.due > now:
                entry.again = False
                dropped += 1
        return dropped

    def hurry_delayed(self, now: float) -> int:
        """Make everything that is due later due now, and return how much that is."""
        waiting = sorted((entry for entry in self._entries.values() if entry.place is WAITING), key=_due)
        for entry in waiting:
            self._become_ready(entry, now)
        again = [entry for entry in self.processing.values() if entry.again and not entry.counted]
        for entry in again:
            self._add_again(entry, now, entry.priority, None)
        return len(waiting) + len(again)

    @property
    def next_due(self) -> float | None:
        """When the next key falls due, None where none waits for that."""
        while self._delayed and not self._is_current(self._delayed[0]):
            heappop(self._delayed)
        return self._delayed[0][0] if self._delayed else None

    @property
    def has_ready(self) -> bool:
        """Whether a key is ready to be handed out (one may have fallen due unnoticed since the last call)."""
        return self._ready > 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ready and nothing handed out."""
        return not self._ready and not self.processing

    @property
    def waiting(self) -> int:
        """How many keys are due later."""
        return self._waiting

    @property
    def depth(self) -> int:
        """How many runs are due: what is ready, and what was added again while it is processed."""
        return self._ready + sum(entry.counted for entry in self.processing.values())

    def due(self, key: K) -> float | None:
        """Return when the next run of a key is due (the past for one that is ready), None where there is none."""
        entry = self._entries.get(key)
        if entry is not None:
            return entry.due
        working = self.processing.get(key)
        return working.due if working is not None and working.again else None

    def __len__(self) -> int:
        return self._ready

    # -- from place to place --------------------------------------------------------------------------------------

    def _line_up(self, entry: Entry[K], now: float) -> None:
        entry.place = READY
        entry.ranked = now
        priority = entry.priority
        self._ready += 1
        level = self._levels.get(priority)
        if level is None:
            level = self._levels[priority] = deque()
        if not level:
            heads = self._heads
            if len(heads) == 1:  # alone, a level does not keep its rank up to date
                alone = heads[0][1]
                heads[0] = (self._levels[alone][0].ranked - alone * self._weight, alone)
            heappush(heads, (now - priority * self._weight, priority))
        level.append(entry)

    def _raise(self, entry: Entry[K], now: float, priority: int) -> None:
        """Give an entry that is ready a higher priority, unless its age weighs more by now."""
        if now - priority * self._weight >= entry.ranked - entry.priority * self._weight:
            return
        self._ready -= 1
        entry.place = LEFT
        moved = self._entries[entry.key] = Entry(entry.key, priority, entry.due, READY, entry.added)
        self._line_up(moved, now)

    def _add_again(self, entry: Entry[K], now: float, priority: int, due: float | None) -> None:
        moment = now if due is None else due
        if entry.again:
            moment, priority = min(moment, entry.due), max(priority, entry.priority)
        entry.again, entry.due, entry.priority = True, moment, priority
        if moment <= now and not entry.counted:
            entry.counted, entry.added = True, now
            self.adds += 1

    def _wait(self, entry: Entry[K], due: float) -> None:
        entry.place = WAITING
        entry.due = due
        self._waiting += 1
        self._number += 1
        heappush(self._delayed, (due, self._number, entry))
        self._tidy()

    def _tidy(self) -> None:
        """Throw out the moments that nobody waits for, once they are the greater part."""
        if len(self._delayed) > 2 * self._waiting + _MANY_LEFT_BEHIND:
            self._delayed = [item for item in self._delayed if self._is_current(item)]
            heapify(self._delayed)

    def _fall_due(self, now: float) -> None:
        """Make ready what is due, the earliest first; not all of a million keys in one go, while others wait."""
        ready_before = self._ready
        while self._delayed and self._delayed[0][0] <= now and self._ready - ready_before < _AT_ONCE:
            item = heappop(self._delayed)
            if self._is_current(item):
                self._become_ready(item[2], now)

    def _become_ready(self, entry: Entry[K], now: float) -> None:
        self._waiting -= 1
        self.adds += 1
        entry.due = entry.added = min(entry.due, now)
        self._line_up(entry, now)
        self._tidy()

    @staticmethod
    def _is_current(item: tuple[float, int, Entry[K]]) -> bool:
        due, _, entry = item
        return entry.place is WAITING and entry.due == due


def _due(entry: Entry[K]) -> float:
    return entry.due
