"""The queue's decisions, on moments that the test names."""

from __future__ import annotations

import pytest

from kubeinformer.workqueue.queue_core import LOW_PRIORITY, QueueCore


def taken(core: QueueCore[str], now: float) -> list[str]:
    """Take, and give back, everything that is ready."""
    keys = []
    while (entry := core.get(now)) is not None:
        keys.append(entry.key)
        core.done(entry.key, now)
    return keys


def test_equal_priorities_come_in_the_order_of_their_first_add() -> None:
    """Invariants 233 and 235: a key that waits already keeps its place, and counts once."""
    core: QueueCore[str] = QueueCore()
    assert [core.add(key, 0.0) for key in ("a", "b", "a", "c", "b")] == [True, True, False, True, False]
    assert (len(core), core.adds, core.depth) == (3, 3, 3)
    assert core.has_ready
    assert taken(core, 0.0) == ["a", "b", "c"]
    assert not core.has_ready


def test_a_key_in_work_comes_again_once_and_not_before_it_is_done() -> None:
    """Invariants 234 and 236: however often it is added meanwhile."""
    core: QueueCore[str] = QueueCore()
    core.add("a", 0.0)
    assert core.get(0.0) is not None
    assert not any(core.add("a", 1.0) for _ in range(5))
    assert (core.get(1.0), len(core), core.depth, core.adds) == (None, 0, 1, 2)
    assert core.done("a", 2.0)
    assert taken(core, 2.0) == ["a"]
    assert taken(core, 9.0) == []


def test_done_of_a_key_that_nobody_has_does_nothing() -> None:
    """Case C46: a stray `done` neither loses nor doubles anything."""
    core: QueueCore[str] = QueueCore()
    core.add("a", 0.0)
    assert not core.done("a", 0.0)
    assert not core.done("unknown", 0.0)
    assert taken(core, 0.0) == ["a"]


def test_of_several_moments_the_earliest_counts() -> None:
    """Invariants 242 and 243, case C46: in either order, and it is due once."""
    for moments in ((10.0, 1.0, 5.0), (1.0, 5.0, 10.0), (5.0, 10.0, 1.0)):
        core: QueueCore[str] = QueueCore()
        for moment in moments:
            assert not core.add("k", 0.0, due=moment)
        assert core.next_due == 1.0
        assert (taken(core, 0.9), taken(core, 1.0), taken(core, 20.0)) == ([], ["k"], [])


def test_what_falls_due_comes_in_the_order_of_its_moments() -> None:
    """Invariants 244 and 245: not in the order of the adds."""
    core: QueueCore[str] = QueueCore()
    for key, due in (("c", 3.0), ("a", 1.0), ("d", 4.0), ("b", 2.0), ("b too", 2.0)):
        core.add(key, 0.0, due=due)
    core.add("now", 2.0)
    assert taken(core, 3.5) == ["a", "b", "b too", "now", "c"]


def test_now_beats_any_delay() -> None:
    """A key that waits for its moment is ready as soon as it is added without one, and its moment is forgotten."""
    core: QueueCore[str] = QueueCore()
    core.add("a", 0.0, due=60.0)
    assert core.add("a", 1.0)
    assert taken(core, 1.0) == ["a"]
    assert taken(core, 100.0) == []
    assert core.next_due is None


def test_a_delay_that_is_asked_for_in_work_begins_then() -> None:
    """A key that is added for later by its own run waits from there, and comes at once where it fell due meanwhile."""
    core: QueueCore[str] = QueueCore()
    core.add("a", 0.0)
    core.get(0.0)
    assert core.due("a") is None
    core.add("a", 1.0, due=11.0)
    assert core.due("a") == 11.0
    assert not core.done("a", 2.0)
    assert core.due("a") == 11.0
    assert taken(core, 11.0) == ["a"]
    core.add("a", 20.0)
    core.get(20.0)
    core.add("a", 21.0, due=22.0)
    assert core.done("a", 30.0)
    assert (taken(core, 30.0), core.adds) == (["a"], 4)


def test_a_delay_of_nothing_is_none() -> None:
    """A key that is due now, or was already, is ready at once: a worker is woken for it, no timer begun."""
    core: QueueCore[str] = QueueCore()
    assert core.add("now", 5.0, due=5.0)
    assert core.add("late", 5.0, due=4.0)
    assert (len(core), core.adds, core.next_due) == (2, 2, None)
    core.add("waits", 5.0, due=9.0)
    assert core.add("waits", 6.0, due=6.0)
    core.add("in work", 6.0, 100)
    core.get(6.0)
    core.add("in work", 6.0, due=8.0)
    assert core.done("in work", 8.0)
    tie: QueueCore[str] = QueueCore()
    tie.add("falls due", 0.0, due=2.0)
    tie.add("comes", 2.0)
    assert taken(tie, 2.0) == ["falls due", "comes"]


def test_what_falls_due_in_work_waits_from_that_moment_on() -> None:
    """Invariant 252: its time in the queue is counted from there, and it is due from then on, not a moment later."""
    for looks in (False, True):
        core: QueueCore[str] = QueueCore()
        core.add("a", 0.0)
        core.get(0.0)
        core.add("a", 1.0, due=4.0)
        core.look(3.9)
        assert (core.depth, core.adds) == (0, 1)
        if looks:
            core.look(4.0)
            assert (core.depth, core.adds) == (1, 2)
        assert core.done("a", 9.0)
        entry = core.get(9.0)
        assert entry is not None
        assert (entry.added, core.adds) == (4.0, 2)


def test_higher_priorities_come_first_and_raise_what_waits() -> None:
    """Of two priorities for one key the higher one counts."""
    core: QueueCore[str] = QueueCore()
    core.add("low", 0.0, LOW_PRIORITY)
    core.add("raised", 0.0, LOW_PRIORITY)
    core.add("normal", 0.0)
    core.add("urgent", 0.0, 7)
    core.add("raised", 0.0, 3)
    core.add("raised", 0.0, LOW_PRIORITY)
    assert len(core) == 4
    assert taken(core, 0.0) == ["urgent", "raised", "normal", "low"]


def test_a_low_priority_waits_for_what_came_less_than_ten_seconds_later() -> None:
    """Regression 16: under load without end the bound is (difference of priorities) times 0.1 s."""
    core: QueueCore[int] = QueueCore()
    core.add(-1, 0.0, LOW_PRIORITY)
    served: list[int] = []
    for tick in range(200):  # two keys come, one can be served, every tenth of a second
        core.add(2 * tick, tick / 10)
        core.add(2 * tick + 1, tick / 10)
        entry = core.get(tick / 10)
        assert entry is not None
        served.append(entry.key)
        core.done(entry.key, tick / 10)
    core_bound = 2 * 100  # what became ready in the ten seconds after it
    while (entry := core.get(20.0)) is not None:
        served.append(entry.key)
        core.done(entry.key, 20.0)
    assert served.index(-1) == core_bound


def test_age_is_not_lost_when_a_priority_is_raised_late() -> None:
    """A key that has waited long is not put behind by a small raise."""
    core: QueueCore[str] = QueueCore()
    core.add("old", 0.0, -10)
    core.add("young", 5.0)
    core.add("old", 6.0, -9)
    assert taken(core, 6.0) == ["old", "young"]
    for moment, order in ((10.3, ["raised", "first", "last"]), (10.7, ["first", "raised", "last"])):
        core.add("first", 10.0)
        core.add("raised", 10.1)
        core.add("last", 10.15)
        core.add("raised", moment, 5)
        assert taken(core, 11.0) == order


def test_delays_that_are_overtaken_leave_nothing_behind() -> None:
    """Case C46, regression 29: far-future moments do not pile up where their keys come earlier."""
    core: QueueCore[str] = QueueCore()
    for second in range(2000):
        core.add("a", second, due=second + 3600)
        core.add("a", second)
        assert taken(core, second) == ["a"]
    assert len(core._delayed) < 200
    assert core.waiting == 0


def test_moments_that_were_brought_forward_are_not_kept_until_they_come() -> None:
    """Regression 29: a thousand keys that were due in an hour, then at once, are forgotten when they are done."""
    core: QueueCore[str] = QueueCore()
    core.add("stays", 0.0, due=9999.0)
    for second in range(1000):
        core.add("nearer", 0.0, due=9998.0 - second)
    assert len(core._delayed) < 100
    core.add("nearer", 0.0)
    assert taken(core, 0.0) == ["nearer"]
    for due in (3600.0, 1.0):
        for number in range(1000):
            core.add(f"key-{number}", 0.0, due=due)
    assert len(taken(core, 1.0)) == 1000
    assert core.waiting == 1
    assert len(core._delayed) < 100


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_a_weight_of_priorities_that_gives_no_order_is_refused(seconds: float) -> None:
    """`seconds_per_priority` is a finite number of seconds; 0 is none, and then only age counts."""
    with pytest.raises(ValueError, match="no weight"):
        QueueCore(seconds)
    core: QueueCore[int] = QueueCore(0.0)
    for number in range(5):
        core.add(number, float(number), number)
    assert [entry.key for _ in range(5) if (entry := core.get(9.0))] == [0, 1, 2, 3, 4]


def test_what_is_done_leaves_nothing_behind() -> None:
    """Invariant 241: a key that was processed is kept by nobody, nor is a priority that was used once."""
    core: QueueCore[str] = QueueCore()
    for number in range(1000):
        core.add(f"key-{number}", 0.0, number)
    assert len(taken(core, 0.0)) == 1000
    assert not core._entries
    assert not core.processing
    assert len(core._levels) < 100


def test_a_million_keys_that_fall_due_at_once_hold_up_nobody() -> None:
    """Each call makes some of them ready; none is lost, and their order is that of their moments."""
    core: QueueCore[int] = QueueCore()
    for number in range(2000):
        core.add(number, 0.0, due=1.0 + number / 1e6)
    core.add(-1, 5.0)
    assert len(core) == 256 + 1
    assert core.depth == 256 + 1
    few: QueueCore[int] = QueueCore()
    for number in range(257):
        few.add(number, 0.0, due=1.0)
    assert [few.look(1.0), few.look(1.0)] == [True, False]
    assert len(few) == 257
    assert core.next_due is not None
    served = []
    while (entry := core.get(5.0)) is not None:
        served.append(entry.key)
        core.done(entry.key, 5.0)
    assert sorted(served) == list(range(-1, 2000))
    served.remove(-1)
    assert served == list(range(2000))


def test_later_keys_can_be_dropped_or_hurried() -> None:
    """The two ends that a queue may make with what is due later."""
    for end, expected in (("drop", ["a"]), ("run", ["a", "c", "b"])):
        core: QueueCore[str] = QueueCore()
        core.add("b", 0.0, due=9.0)
        core.add("c", 0.0, due=8.0)
        core.add("a", 0.0)
        core.add("w", 0.0, 1)
        entry = core.get(0.0)
        assert entry is not None
        assert entry.key == "w"
        core.add("w", 0.0, due=5.0)
        assert (core.drop_delayed(1.0) if end == "drop" else core.hurry_delayed(1.0)) == 3
        core.done("w", 1.0)
        assert taken(core, 1.0) == expected + ["w"] * (end == "run")
        assert core.next_due is None


def test_the_end_touches_nothing_but_what_is_due_later() -> None:
    """What is in work comes again only where it was added again; what is due at that very moment is not late."""
    for end in (QueueCore[str].drop_delayed, QueueCore[str].hurry_delayed):
        core: QueueCore[str] = QueueCore()
        for key in ("alone", "again", "due", "later"):
            core.add(key, 0.0)
            core.get(0.0)
        core.add("again", 1.0)
        core.add("due", 1.0, due=2.0)
        core.add("waits", 0.0, due=2.0)
        core.look(2.0)
        core.add("later", 2.0, due=3.0)
        core.add("waits longer", 2.0, due=4.0)
        assert end(core, 2.0) == 2
        assert end(core, 2.0) == 0
        is_hurried = end is not QueueCore[str].drop_delayed
        assert (core.waiting, core.next_due, core.depth) == (0, None, 5 if is_hurried else 3)
        assert core.due("later") == core.due("waits longer") == (2.0 if is_hurried else None)
        returned = [key for key in ("alone", "again", "due", "later") if core.done(key, 2.0)]
        assert returned == ["again", "due", "later"][: 3 if is_hurried else 2]


def test_what_falls_due_as_it_ends_is_not_dropped() -> None:
    """Case C46: at that very moment, though nobody has looked: it is due, whether it waited or was added in work."""
    core: QueueCore[str] = QueueCore()
    core.add("in work", 0.0)
    core.get(0.0)
    for key in ("in work", "waits"):
        core.add(key, 0.0, due=2.0)
    assert core.drop_delayed(2.0) == 0
    assert core.done("in work", 2.0)
    assert taken(core, 2.0) == ["waits", "in work"]


def test_what_is_due_is_not_dropped_though_nobody_has_noticed() -> None:
    """Case C46: what fell due before the end is run, whether it waited or was added again in work."""
    core: QueueCore[int] = QueueCore()
    for number in range(1000):
        core.add(number, 0.0, due=1.0)
    core.add(-1, 0.0)
    core.get(0.0)
    core.add(-1, 0.0, due=1.5)
    core.add(-2, 0.0, due=9.0)
    assert core.drop_delayed(2.0) == 1
    core.done(-1, 2.0)
    served = []
    while (entry := core.get(2.0)) is not None:
        served.append(entry.key)
        core.done(entry.key, 2.0)
    assert sorted(served) == [-1, *range(1000)]
