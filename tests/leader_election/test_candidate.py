"""The rules of the election, on moments that the test names."""

from __future__ import annotations

import time
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
@pytest.mark.parametrize("duration", [10, None, 0, -3, "long", True])
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
    assert taken.acquired == taken.renewed == "2027-01-15T08:00:00.000000Z"
    me.won(taken.spec(), 20.0, 20.0)
    renewed = me.next_record(1_800_000_002.0)
    assert (renewed.transitions, renewed.acquired) == (5, taken.acquired)
    assert me.won(renewed.spec(), 22.0, 22.0)
    assert me.leads_since == 20.0
    assert renewed.renewed == micro_time(1_800_000_002.0) == "2027-01-15T08:00:02.000000Z"
    first = candidate()
    first.saw(None, 0.0)
    assert first.next_record(0.0).transitions == 0


def test_who_finds_its_own_name_in_the_lease_leads_on() -> None:
    """Invariant 271: a replica that restarts under a fixed identity keeps the token and the moment of the lease."""
    me = candidate()
    me.saw({**OTHER, "holderIdentity": "me"}, 0.0)
    assert me.may_take(0.0)
    record = me.next_record(1_800_000_000.0)
    assert (record.transitions, record.acquired) == (4, OTHER["acquireTime"])
    assert record.renewed == "2027-01-15T08:00:00.000000Z"


def test_moments_are_written_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 273: whatever the time zone of the machine: other electors read them, and so do people."""
    with monkeypatch.context() as context:
        context.setenv("TZ", "XYZ-9")
        time.tzset()
        written = micro_time(0.25)
    time.tzset()
    assert written == "1970-01-01T00:00:00.250000Z"


def test_a_released_lease_names_nobody_and_keeps_its_transitions() -> None:
    """Invariant 274, case C49: with a duration of 1, since the server refuses 0."""
    me = candidate()
    me.saw({**OTHER, "holderIdentity": "me"}, 0.0)
    moment = "1970-01-01T00:00:00.000000Z"
    assert me.released_record(0.0).spec() == {
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "acquireTime": moment,
        "renewTime": moment,
        "leaseTransitions": 4,
    }


def test_records_survive_the_way_to_the_lease_and_back() -> None:
    """Invariant 273: and what is of another kind than it should be counts as not said."""
    record = LeaseRecord(holder="me", duration=15, acquired="a", renewed="b", transitions=3)
    assert record_of(record.spec()) == record
    assert record_of(None) == record_of("nonsense") == LeaseRecord()
    odd = dict.fromkeys(("holderIdentity", "acquireTime", "renewTime"), 17)
    assert record_of({**odd, "leaseDurationSeconds": "15", "leaseTransitions": True}) == LeaseRecord()


def test_a_leader_counts_from_the_beginning_of_its_request() -> None:
    """It has ceased to lead five seconds before anybody else may, whenever the answer came."""
    me = candidate()
    me.saw(None, 0.0)
    me.won(me.next_record(0.0).spec(), 100.0, 101.0)
    assert (me.ends_at(), me.expires_at()) == (110.0, 115.0)
    assert me.is_leading(109.9)
    assert not me.is_leading(110.0)
    me.resigned()
    assert not me.is_leading(101.0)


def test_an_answer_that_comes_after_the_deadline_makes_no_leader() -> None:
    """Case C47: a leadership that was over once is never taken up again, and none begins that is over already."""
    me = candidate()
    spec = me.next_record(0.0).spec()
    assert not me.won(spec, 100.0, 110.0)
    assert me.leads_since is None
    assert me.won(spec, 120.0, 121.0)
    assert not me.won(spec, 125.0, 130.0)
    assert not me.is_leading(130.0)
    assert me.expires_at() == 135.0


def test_an_answer_that_names_another_makes_no_leader() -> None:
    """Case C47: what a broken proxy or a webhook makes of the request is not taken for a success."""
    for answer in (OTHER, {}, {**OTHER, "holderIdentity": None}):
        me = candidate()
        assert not me.won(answer, 100.0, 100.1)
        assert not me.is_leading(100.1)


def test_a_lease_that_was_deleted_is_its_holders_for_its_whole_duration() -> None:
    """Case C47: `kubectl delete lease` ends nobody's work, so that the standby waits, and the leader goes on."""
    me = candidate()
    me.saw(OTHER, 100.0)
    for moment in (130.0, 133.0, 139.9):  # it may have been renewed until a moment ago
        me.saw(None, moment)
        assert not me.may_take(moment)
    assert me.may_take(140.0)
    me.saw({**OTHER, "holderIdentity": ""}, 107.0)
    assert me.may_take(107.0)
    me.saw(None, 108.0)  # it was released before
    assert me.may_take(108.0)
    leader = candidate()
    leader.won(leader.next_record(0.0).spec(), 100.0, 100.1)
    leader.saw(None, 102.0)
    assert leader.may_take(102.0)


def test_a_lease_that_was_deleted_displaces_nobody() -> None:
    """Case C47: its leader goes on, also where it cannot make it anew at once; it does not where the lease names nobody."""
    me = candidate()
    me.won(me.next_record(0.0).spec(), 100.0, 100.1)
    assert not me.is_displaced
    me.saw(None, 102.0)
    assert not me.is_displaced
    me.saw({**OTHER, "holderIdentity": ""}, 103.0)
    assert me.is_displaced


def test_fencing_tokens_grow_though_the_lease_was_deleted() -> None:
    """Invariant 271: who takes over has a greater one than the leader before; who leads on keeps its own."""
    me = candidate()
    me.saw(OTHER, 100.0)
    me.saw(None, 103.0)
    taken = me.next_record(0.0)
    assert taken.transitions == 5
    me.won(taken.spec(), 110.0, 110.1)
    me.saw(None, 112.0)
    assert me.next_record(0.0).transitions == 5
    me.resigned()
    me.saw({**OTHER, "leaseTransitions": 0}, 113.0)  # made anew by somebody who knows nothing
    assert me.next_record(0.0).transitions == 6


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        ({"identity": ""}, "needs an identity"),
        ({"lease_duration": 10}, "renew_deadline must be shorter"),
        ({"lease_duration": 15.5}, "whole seconds"),
        ({"lease_duration": 0, "renew_deadline": -1}, "whole seconds"),
        ({"retry_period": 9}, "retry_period must be positive"),
        ({"retry_period": 5, "renew_deadline": 6}, "retry_period must be positive"),
        ({"retry_period": 0}, "retry_period must be positive"),
    ],
)
def test_terms_that_do_not_fit_together_are_refused(terms: dict[str, Any], fault: str) -> None:
    """Invariant 278: 15, 10 and 2 s are accepted, and so are 15, 10 and 1, and the shortest: 1 s, and parts of it."""
    with pytest.raises(ValueError, match=fault):
        Terms(**{"identity": "me", **terms})
    assert Terms("me", 15, 10, 1).retry_period == 1
    assert Terms("me", 1, 0.75, 0.5).retry_period == 0.5
