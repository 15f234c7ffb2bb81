"""PendingNotifications: order, and the truth about "the handler has worked through the first load"."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.cache.store_builders import pod

from kubeinformer.cache.notifications import Added, Deleted, Notification, Updated
from kubeinformer.cache.pending_notifications import PendingNotifications

POD = pod("a")
INITIAL = Added(POD, initial=True)
LATER = Added(POD)


@pytest.mark.parametrize("cache_synced", [False, True])
@pytest.mark.parametrize("initial", [0, 1, 3])
@pytest.mark.parametrize("finished", [0, 1, 2, 3])
def test_truth_table(cache_synced: bool, initial: int, finished: int) -> None:
    """Synced if and only if the cache is and all initial adds are finished (Invariants 204, 206 and 317)."""
    pending = PendingNotifications()
    pending.put([INITIAL] * initial)
    if cache_synced:
        pending.cache_synced()
    finished = min(initial, finished)
    for _ in range(finished):
        taken = pending.take()
        assert taken is not None
        pending.finished(taken)
    assert pending.has_synced is (cache_synced and finished == initial)


@pytest.mark.parametrize("cache_first", [True, False])
def test_it_does_not_matter_which_happens_last(cache_first: bool) -> None:
    """The cache's word before the last initial add or after it: it is told once, at the last of both."""
    told: list[bool] = []
    pending = PendingNotifications(lambda: told.append(True))
    pending.put([INITIAL, LATER])
    taken = pending.take()
    assert taken is not None
    steps: list[Callable[[], object]] = [pending.cache_synced, lambda: pending.finished(taken)]
    for step in steps if cache_first else steps[::-1]:
        assert not pending.has_synced
        assert not told
        step()
    assert pending.has_synced
    pending.cache_synced()
    assert told == [True]


def test_being_taken_is_not_being_finished() -> None:
    """While the handler is inside its last initial add, it has not synced (Case C44)."""
    pending = PendingNotifications()
    pending.put([INITIAL])
    pending.cache_synced()
    pending.take()
    assert len(pending) == 0
    assert not pending.has_synced


def test_later_notifications_do_not_matter() -> None:
    """What is no initial add neither holds up the sync nor brings it."""
    pending = PendingNotifications()
    pending.cache_synced()
    later: list[Notification] = [LATER, Updated(POD, POD), Deleted(POD)]
    pending.put(later)
    assert pending.has_synced
    for notification in later:
        pending.finished(notification)
    assert pending.has_synced
    pending.check_invariants()


def test_takes_any_iterable() -> None:
    """Its initial adds are counted even where it can be walked through only once."""
    pending = PendingNotifications()
    pending.cache_synced()
    pending.put(each for each in (LATER, INITIAL))
    assert len(pending) == 2
    assert not pending.has_synced


def test_one_large_load_is_put_without_looking_anything_up_by_position() -> None:
    """A queue is slow in its middle: looking there once an object would take seconds for a million."""

    class Counting(deque[Notification]):
        lookups = 0

        def __getitem__(self, position: Any) -> Any:
            Counting.lookups += 1
            return super().__getitem__(position)

    pending = PendingNotifications()
    pending._waiting = Counting()
    pending.put([INITIAL] * 1000)
    assert Counting.lookups == 0
    assert len(pending) == 1000


class PendingMachine(RuleBasedStateMachine):
    """Any order of calls, against two lists."""

    def __init__(self) -> None:
        super().__init__()
        self.told = 0
        self.pending = PendingNotifications(self._count)
        self.waiting: list[Notification] = []
        self.in_flight: list[Notification] = []
        self.cache_is_synced = False
        self.was_synced = False

    def _count(self) -> None:
        self.told += 1

    @property
    def expected(self) -> bool:
        """Whether it should say that it has synced."""
        open_ones = [each for each in self.waiting + self.in_flight if each == INITIAL]
        return self.cache_is_synced and not open_ones

    @rule(
        notifications=st.lists(st.sampled_from([INITIAL, LATER, Updated(POD, POD), Deleted(POD)]), max_size=4)
    )
    def put(self, notifications: list[Notification]) -> None:
        """Put some in."""
        self.pending.put(notifications)
        self.waiting += notifications

    @precondition(lambda self: not self.in_flight)
    @rule()
    def take(self) -> None:
        """Take the oldest out, or nothing where there is none."""
        taken = self.pending.take()
        assert taken is (self.waiting[0] if self.waiting else None)
        self.in_flight, self.waiting = self.waiting[:1], self.waiting[1:]

    @precondition(lambda self: self.in_flight)
    @rule()
    def finish(self) -> None:
        """Return from the handler."""
        self.pending.finished(self.in_flight.pop())

    @rule()
    def sync_the_cache(self) -> None:
        """Say that the first load was put in, once or again."""
        self.cache_is_synced = True
        self.pending.cache_synced()

    @rule()
    def clear(self) -> None:
        """Drop what waits; a call in flight still counts."""
        self.pending.clear()
        self.waiting.clear()

    @invariant()
    def agrees(self) -> None:
        """Length, sync and the one call of `on_synced`."""
        self.pending.check_invariants()
        self.was_synced = self.was_synced or self.expected
        assert len(self.pending) == len(self.waiting)
        assert self.pending.has_synced is self.expected
        assert self.told == self.was_synced


TestPendingMachine = PendingMachine.TestCase
TestPendingMachine.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
