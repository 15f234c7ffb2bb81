"""CoalescedNotifications: bounded, and still a history that makes sense."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.cache.store_builders import pod

from kubeinformer.cache.coalesced_notifications import CoalescedNotifications
from kubeinformer.cache.notifications import Added, Deleted, Notification, Updated
from kubeinformer.objects import KubernetesObject

A1, A2, A3 = (pod("a", version) for version in "123")
OTHER = pod("a", "9", uid="another life")


@pytest.mark.parametrize(
    ("put", "taken"),
    [
        ([Added(A1), Updated(A1, A2)], [Added(A2)]),
        ([Added(A1, initial=True), Updated(A1, A2)], [Added(A2, initial=True)]),
        ([Updated(A1, A2), Updated(A2, A3)], [Updated(A1, A3)]),
        ([Updated(A1, A2), Deleted(A3)], [Deleted(A3)]),
        ([Added(A1), Updated(A1, A2), Deleted(A3)], []),
        ([Deleted(A1), Added(A2)], [Deleted(A1), Added(A2)]),
        ([Deleted(A1), Added(A2), Updated(A2, A3)], [Deleted(A1), Added(A3)]),
        ([Deleted(A1), Added(A2), Deleted(A3)], [Deleted(A1)]),
        ([Updated(A1, A2), Deleted(A2), Added(OTHER)], [Deleted(A2), Added(OTHER)]),
        ([Updated(A1, A1), Updated(A1, A2)], [Updated(A1, A2)]),
    ],
)
def test_what_waits_is_merged(put: list[Notification], taken: list[Notification]) -> None:
    """`old` is what was told last, an add and a delete cancel out, and another life is another object.

    Regression 12: who was told of an object hears of its end, however late.
    """
    waiting = CoalescedNotifications()
    waiting.put(put)
    waiting.check_invariants()
    assert [waiting.take() for _ in taken] == taken
    assert waiting.take() is None
    assert waiting.merged >= len(put) - len(taken) - 1


def test_an_initial_add_that_nobody_will_hear_of_counts_as_worked_through() -> None:
    """Else the handler would never be synced (Invariant 322)."""
    synced: list[bool] = []
    waiting = CoalescedNotifications(lambda: synced.append(True))
    waiting.put([Added(A1, initial=True)])
    waiting.cache_synced()
    assert (waiting.has_synced, synced) == (False, [])
    waiting.put([Deleted(A2)])
    assert (waiting.has_synced, synced, len(waiting)) == (True, [True], 0)


def test_what_is_dropped_counts_too() -> None:
    """When the handler is taken off."""
    waiting = CoalescedNotifications()
    waiting.put([Added(A1, initial=True)])
    waiting.cache_synced()
    waiting.clear()
    assert waiting.has_synced


class Coalescing(RuleBasedStateMachine):
    """A cache that changes, and a handler that is slower."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = CoalescedNotifications()
        self.cache: dict[str, KubernetesObject] = {}
        self.told: dict[str, KubernetesObject] = {}
        self.version = 0

    @rule(name=st.sampled_from("abc"), anew=st.booleans())
    def write(self, name: str, anew: bool) -> None:
        """Create, change, or make anew."""
        self.version += 1
        key, old = f"default/{name}", self.cache.get(f"default/{name}")
        uid = f"uid-{self.version}" if anew or old is None else old.uid
        new = self.cache[key] = pod(name, str(self.version), uid=uid)
        if old is None:
            self.waiting.put([Added(new)])
        elif old.uid == new.uid:
            self.waiting.put([Updated(old, new)])
        else:
            self.waiting.put([Deleted(old), Added(new)])

    @rule(name=st.sampled_from("abc"), returns=st.booleans())
    def leave(self, name: str, returns: bool) -> None:
        """Delete, or lose the labels and get them again."""
        old = self.cache.pop(f"default/{name}", None)
        if old is not None:
            self.waiting.put([Deleted(old)])
            if returns:
                self.version += 1
                new = self.cache[old.key] = pod(name, str(self.version), uid=old.uid)
                self.waiting.put([Added(new)])

    @rule()
    def resync(self) -> None:
        """Replay the cache."""
        self.waiting.put([Updated(present, present) for present in self.cache.values()])

    @rule(count=st.integers(1, 4))
    def hear(self, count: int) -> None:
        """The handler takes some: each follows from what it was told."""
        for _ in range(count):
            self._take()

    @rule()
    def catch_up(self) -> None:
        """The handler takes all: it knows the cache."""
        while len(self.waiting):
            self._take()
        assert {key: held.resource_version for key, held in self.told.items()} == {
            key: held.resource_version for key, held in self.cache.items()
        }

    @invariant()
    def is_bounded(self) -> None:
        """By lives, not by changes: each object that is there, was told of, or left and came back."""
        self.waiting.check_invariants()
        assert len(self.waiting) <= 2 * len(self.cache.keys() | self.told.keys())

    def _take(self) -> None:
        match self.waiting.take():
            case Added(new, _):
                assert new.key not in self.told
                self.told[new.key] = new
            case Updated(old, new):
                assert self.told[new.key].resource_version == old.resource_version
                assert old.uid == new.uid
                self.told[new.key] = new
            case Deleted(last):
                assert self.told.pop(last.key).uid == last.uid


TestCoalescing = Coalescing.TestCase
TestCoalescing.settings = settings(stateful_step_count=40)


def test_taking_many_is_no_dearer_than_taking_one() -> None:
    """The first of 50,000 is found at once, each time: it is an OrderedDict, and this would take minutes else."""
    waiting = CoalescedNotifications()
    waiting.put(Added(pod(f"p{number}")) for number in range(50_000))
    taken = 0
    while waiting.take() is not None:
        taken += 1
    assert taken == 50_000
