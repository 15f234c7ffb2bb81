"""The rules of the election, on moments that the test names."""

from __future__ import annotations

from typing import Any

import pytest

from kubeinformer.leader_election.candidate import Candidate, Terms
from kubeinformer.leader_election.lease_record import LeaseRecord, micro_time, record_of

OTHER = {
    "holderIdentity": "other",
    "leaseDurationSeconds": 10,
    "acquireTime": "2026-01-01T00:00:00.000000Z",
    "renewTime": "2026-01-01T00:00:00.000000Z",
    "leaseTransitions": 4,
}


def candidate() -> Candidate:
    return Candidate(Terms("me"))


def test_a_lease_may_be_taken_where_nobody_has_it() -> None:
    """Invariant 269: where there is none, where it names nobody, even if that was just seen."""
    for spec in (None, {}, {**OTHER, "holderIdentity": ""}, {**OTHER, "holderIdentity": None}):
        me = candidate()
        me.saw(spec, 100.0)
        assert me.may_take(100.0)


def test_a_foreign_lease_is_taken_after_its_own_duration_without_a_change() -> None:
    """Invariants 269 and 270, case C49: counted from what was seen, on our own clock, not from what is written."""
    me = candidate()
    assert me.saw(OTHER, 100.0)
    assert not me.saw(OTHER, 105.0)
    assert not me.may_take(109.9)
    assert me.may_take(110.0)
    me.saw({**OTHER, "renewTime": "1999-01-01T00:00:00Z"}, 109.0)  # any change is a sign of life
    assert not me.may_take(118.9)
    assert me.may_take(119.0)


@pytest.mark.parametrize(
    "renewed",
    [
        "2026-01-01T01:00:00Z",
        "2025-12-31T23:00:00.123Z",
        "2026-01-01T00:00:00.123456Z",
        "2026-01-01T00:00:00.123456789Z",
        "yesterday",
        None,
        17,
    ],
)
@pytest.mark.parametrize("duration", [10, None, 0, -3, "long"])
def test_what_is_written_cannot_make_a_standby_rob_a_leader(renewed: Any, duration: Any) -> None:
    """Case C49: times an hour off, with any number of digits, null or unreadable; no sensible duration: ours counts."""
    me = candidate()
    me.saw({**OTHER, "renewTime": renewed, "leaseDurationSeconds": duration}, 50.0)
    assert not me.may_take(59.9)
    assert me.may_take(60.0 if duration == 10 else 65.0)


def test_taking_over_counts_one_transition_and_renewing_none() -> None:
    """Invariant 271: and the moment at which it was taken stays."""
    me = candidate()
    me.saw(OTHER, 0.0)
    taken = me.next_record(1_800_000_000.0)
    assert (taken.holder, taken.transitions, taken.duration) == ("me", 5, 15.0)
    me.won(taken.spec(), 20.0)
    renewed = me.next_record(1_800_000_002.0)
    assert (renewed.transitions, renewed.acquired) == (5, taken.acquired)
    assert renewed.renewed == micro_time(1_800_000_002.0) == "2027-01-15T08:00:02.000000Z"
    first = candidate()
    first.saw(None, 0.0)
    assert first.next_record(0.0).transitions == 0


def test_a_released_lease_names_nobody_and_keeps_its_transitions() -> None:
    """Invariant 274, case C49: with a duration of 1, since the server refuses 0."""
    me = candidate()
    me.saw({**OTHER, "holderIdentity": "me"}, 0.0)
    spec = me.released_record(0.0).spec()
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("", 1, 4)


def test_records_survive_the_way_to_the_lease_and_back() -> None:
    """Invariant 273."""
    record = LeaseRecord(holder="me", duration=15, acquired="a", renewed="b", transitions=3)
    assert record_of(record.spec()) == record
    assert record_of(None) == record_of("nonsense") == LeaseRecord()


def test_a_leader_counts_from_the_beginning_of_its_request() -> None:
    """It has ceased to lead five seconds before anybody else may, whenever the answer came."""
    me = candidate()
    me.saw(None, 0.0)
    me.won(me.next_record(0.0).spec(), 100.0)
    assert (me.ends_at(), me.expires_at()) == (110.0, 115.0)
    assert me.is_leading(109.9)
    assert not me.is_leading(110.0)
    me.resigned()
    assert not me.is_leading(101.0)


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        ({"identity": ""}, "needs an identity"),
        ({"lease_duration": 10}, "renew_deadline must be shorter"),
        ({"lease_duration": 15.5}, "whole seconds"),
        ({"lease_duration": 0, "renew_deadline": -1}, "whole seconds"),
        ({"retry_period": 9}, "retry_period must be positive"),
        ({"retry_period": 0}, "retry_period must be positive"),
    ],
)
def test_terms_that_do_not_fit_together_are_refused(terms: dict[str, Any], fault: str) -> None:
    """Invariant 278: 15, 10 and 2 s are accepted, and so are 15, 10 and 1."""
    with pytest.raises(ValueError, match=fault):
        Terms(**{"identity": "me", **terms})
    assert Terms("me", 15, 10, 1).retry_period == 1
