"""How many new events an object may have, on explicit times."""

from __future__ import annotations

from kubeinformer.events.event_spam_filter import EventSpamFilter


def allowed(spam_filter: EventSpamFilter, key: str, times: int, now: float) -> int:
    """Return how many of so many events pass."""
    return sum(spam_filter.allows(key, now) for _ in range(times))


def test_a_burst_and_then_one_in_five_minutes() -> None:
    """Invariant 296: 25 pass at once, the others do not; each 300 s earn one more, up to 25 again."""
    spam_filter = EventSpamFilter()
    assert allowed(spam_filter, "a", 100, 0.0) == 25
    assert allowed(spam_filter, "a", 100, 299.0) == 0
    assert allowed(spam_filter, "a", 100, 300.0) == 1
    assert allowed(spam_filter, "a", 100, 900.0) == 2
    assert allowed(spam_filter, "a", 100, 1e6) == 25


def test_each_object_has_its_own() -> None:
    """Invariant 296: what one object does takes nothing from another."""
    spam_filter = EventSpamFilter()
    assert allowed(spam_filter, "a", 100, 0.0) == 25
    assert allowed(spam_filter, "b", 1, 0.0) == 1


def test_a_clock_that_goes_back_does_no_harm() -> None:
    """Nothing is earned, nothing lost."""
    spam_filter = EventSpamFilter(burst=2)
    assert allowed(spam_filter, "a", 5, 1000.0) == 2
    assert allowed(spam_filter, "a", 5, 0.0) == 0
    assert allowed(spam_filter, "a", 5, 300.0) == 1


def test_it_does_not_grow() -> None:
    """4,096 objects are remembered; the one that was quiet for longest is forgotten first."""
    spam_filter = EventSpamFilter(burst=1, remembered=3)
    for key in "abcabd":
        spam_filter.allows(key, 0.0)
    assert len(spam_filter) == 3
    assert not spam_filter.allows("a", 0.0)
    assert spam_filter.allows("c", 0.0)  # forgotten for d
    default = EventSpamFilter()
    for number in range(5000):
        default.allows(number, 0.0)
    assert len(default) == 4096
