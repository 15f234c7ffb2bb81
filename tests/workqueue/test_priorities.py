"""Priorities, on moments that the test names: whose turn it is, and what becomes of a priority on a key's way."""

from __future__ import annotations

from kubeinformer.workqueue.queue_core import LOW_PRIORITY, QueueCore


def test_priorities_are_raised_wherever_a_key_is() -> None:
    """Of two priorities the higher one counts: of a key that waits, or is in work; for later ones they wait as well."""
    core: QueueCore[str] = QueueCore()
    core.add("in work", 0.0)
    core.get(0.0)
    for key in ("waits", "in work"):
        for priority in (3, 7, 5):
            core.add(key, 0.0, priority, due=1.0)
    core.done("in work", 0.5)
    for moment in (0.5, 1.0):
        core.add("first", moment)
        core.add("second", moment)
        core.add("second", moment, 9, due=3.0)  # it is ready before: this is nothing new
        order = [(entry.key, entry.priority) for _ in range(4) if (entry := core.get(moment))]
        assert order == [("waits", 7), ("in work", 7)] * (moment == 1.0) + [("first", 0), ("second", 0)]
        for key in ("first", "second"):
            core.done(key, moment)


def test_all_keys_of_a_priority_keep_their_rank() -> None:
    """Not the first of them alone: urgent ones come before others, and low ones before what came 10 s later."""
    core: QueueCore[str] = QueueCore()
    for key in ("low-1", "low-2", "low-3"):
        core.add(key, 0.0, LOW_PRIORITY)
    core.add("normal", 11.0)
    for key in ("urgent-1", "urgent-2", "urgent-3"):
        core.add(key, 11.0, 20)
    order = [entry.key for _ in range(7) if (entry := core.get(11.0))]
    assert order == ["urgent-1", "urgent-2", "urgent-3", "low-1", "low-2", "low-3", "normal"]


def test_what_was_taken_lends_its_age_to_nobody() -> None:
    """A key behind one that waited for long has no more weight than its own age gives it."""
    core: QueueCore[str] = QueueCore()
    core.add("old", 0.0)
    core.add("young", 5.0)
    assert core.get(5.0) is not None
    core.add("urgent", 6.0, 20)
    assert [entry.key for _ in range(2) if (entry := core.get(6.0))] == ["urgent", "young"]
