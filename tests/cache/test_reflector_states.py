"""The rules of the wire that the reflector's table carries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.cache.reflector_examples import (
    BROKEN,
    CUT,
    EXPIRED,
    GONE,
    MISSING,
    THROTTLED,
    TOO_LARGE,
    UNSAFE,
    only,
    step,
    watching,
)

from kubeinformer.cache import reflector_effects as effects
from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.reflector_inputs import Input
from kubeinformer.cache.reflector_memory import Memory, State
from kubeinformer.cache.reflector_states import Machine
from kubeinformer.errors import (
    BadRequest,
    InvalidResponse,
    KubeInformerError,
    StatusError,
    TooManyRequests,
)

# -- watches that end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [inputs.Ended(None), inputs.Ended(CUT)])
def test_an_ended_watch_is_opened_again_at_once_from_the_last_version(ending: Input) -> None:
    """Invariant 50: no list for a close, a cut or a time-out."""
    machine = watching()
    step(machine, inputs.Received((), "8"), now=50.0)
    done = step(machine, ending, now=60.0)
    assert only(done, effects.OpenWatch).parameters["resourceVersion"] == "8"


def test_watches_that_end_at_once_are_braked() -> None:
    """Invariants 8 and 9, case C16: a watch that ends at once without a byte backs off, and the delays grow."""
    machine = watching(now=0.0)
    delays, now = [], 0.0
    for _ in range(6):
        done = step(machine, inputs.Ended(None), now=now + 0.1)
        delays.append(only(done, effects.Wait).seconds)
        now += 0.1 + delays[-1]
        step(machine, inputs.Due(), now=now)
        step(machine, inputs.Opened(), now=now)
    assert delays == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6]


def test_short_watches_that_move_on_pause_without_growing_delays() -> None:
    """A proxy that cuts every half second must not leave the cache a minute behind."""
    machine = watching(now=0.0)
    now, version = 0.0, 5
    for _ in range(4):
        version += 1
        step(machine, inputs.Received((), str(version)), now=now + 0.1)
        done = step(machine, inputs.Ended(CUT), now=now + 0.2)
        assert only(done, effects.Wait).seconds == 0.8
        now += 1.0
        step(machine, inputs.Due(), now=now)
        step(machine, inputs.Opened(), now=now)


def test_two_silent_ends_at_one_version_are_followed_by_a_question() -> None:
    """Decision 13: a watch at a version from the future is silent, so ask whether the server has reached it."""
    machine = watching(now=0.0)
    done = step(machine, inputs.Ended(None), now=400.0)
    assert isinstance(done[-1], effects.OpenWatch)
    step(machine, inputs.Opened(), now=400.0)
    done = step(machine, inputs.Ended(None), now=800.0)
    assert only(done, effects.Probe).parameters == {
        "limit": "1",
        "resourceVersion": "5",
        "resourceVersionMatch": "NotOlderThan",
    }
    done = step(machine, inputs.Failed(TOO_LARGE), now=803.0)
    assert done[-1] == effects.List({"limit": "500"}, first=True)


def test_silence_counts_only_after_a_bookmark() -> None:
    """Decision 13, case C19: 70 s of silence are death where bookmarks come, else `timeoutSeconds` decides."""
    machine = watching(now=0.0)
    done = step(machine, inputs.Heard(), now=10.0)
    assert only(done, effects.Read).deadline == 330.0
    done = step(machine, inputs.Bookmarked("6"), now=20.0)
    assert only(done, effects.Read).deadline == 90.0
    done = step(machine, inputs.TimedOut(), now=90.0)
    assert only(done, effects.OpenWatch).parameters["resourceVersion"] == "6"
    assert "silent for 70 s" in str(only(done, effects.Report).error)


def test_a_busy_watch_is_never_dropped_for_its_age() -> None:
    """Case C19: an event every 10 s keeps one connection."""
    machine = watching(now=0.0)
    for now in range(10, 3000, 10):
        done = step(machine, inputs.Received((), str(now)), now=float(now))
        assert only(done, effects.Read).deadline >= now + 30.0


# -- errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.OPENING, State.WATCHING])
def test_an_expired_version_leads_to_one_list_at_once(state: State) -> None:
    """Case C10: 410 as an HTTP status and inside the stream; list again, and never at the version from the text."""
    machine = replace(watching(now=0.0), state=state)
    done = step(machine, inputs.Failed(EXPIRED))
    assert done[-1] == effects.List({"limit": "500"}, first=True)
    assert isinstance(done[0], effects.CloseStream)


def test_lists_that_are_gone_at_once_are_braked() -> None:
    """Case C16: 410 right after every fresh list; the delays grow twice as fast."""
    machine = Machine(State.LISTING, Memory(listed_at=0.0))
    delays, now = [], 0.0
    for _ in range(3):
        step(machine, inputs.Listed("616"), now=now)
        done = step(machine, inputs.Failed(EXPIRED), now=now)
        delays.append(only(done, effects.Wait).seconds)
        now += delays[-1]
        step(machine, inputs.Due(), now=now)
        assert machine.state is State.LISTING
    assert delays == [1.6, 6.4, 25.6]


@pytest.mark.parametrize(("lasted", "delay"), [(0.5, 3.2), (2.0, 1.6), (5.0, 0.8)])
def test_a_restart_soon_after_a_list_costs_one_plain_back_off(lasted: float, delay: float) -> None:
    """Decision 13: one list a restart is right; where the last list led to a watch that held, no harder brake."""
    machine = Machine(State.LISTING, Memory(listed_at=0.0))
    step(machine, inputs.Listed("616"), now=0.0)
    step(machine, inputs.Opened(), now=0.0)
    if isinstance(step(machine, inputs.Ended(CUT), now=lasted)[-1], effects.Wait):
        step(machine, inputs.Due(), now=lasted)
    done = step(machine, inputs.Failed(EXPIRED), now=lasted)
    assert only(done, effects.Wait).seconds == delay
    assert machine.memory.then is State.LISTING


@pytest.mark.parametrize("state", [State.OPENING, State.WATCHING, State.PROBING])
def test_throttling_keeps_the_position(state: State) -> None:
    """Invariants 32 and 33, case C15: wait as long as asked, then go on from the same version, without a list."""
    machine = replace(watching(now=0.0), state=state)
    for _ in range(8):
        done = step(machine, inputs.Failed(THROTTLED))
        assert only(done, effects.Wait).seconds >= 7.0
        done = step(machine, inputs.Due())
        assert isinstance(done[-1], effects.OpenWatch | effects.Probe)
        assert done[-1].parameters["resourceVersion"] == "5"


def test_a_server_that_asks_for_an_age_is_asked_again_within_ten_minutes() -> None:
    """An absurd Retry-After must not freeze a cache for ever."""
    machine = watching()
    endless = TooManyRequests(429, "TooManyRequests", "later", retry_after=1e9)
    assert only(step(machine, inputs.Failed(endless)), effects.Wait).seconds == 600.0


def test_a_refused_watch_is_tried_again_without_a_list_until_it_fails_for_long() -> None:
    """Decision 13: three failures over 30 s, then one list decides."""
    machine = replace(watching(now=0.0), state=State.OPENING)
    now, states = 100.0, []
    for _ in range(6):
        done = step(machine, inputs.Failed(BROKEN), now=now)
        now += only(done, effects.Wait).seconds
        step(machine, inputs.Due(), now=now)
        states.append(machine.state)
    # The delays are 0.8, 1.6, 3.2, 6.4, 12.8 and 25.6 s: the sixth failure comes after 24.8 s, the seventh after 50.4 s.
    assert states == [State.OPENING] * 6
    step(machine, inputs.Failed(BROKEN), now=now)
    step(machine, inputs.Due(), now=now + 60.0)
    assert machine.state is State.LISTING


def test_after_an_outage_the_server_is_asked_before_it_is_watched() -> None:
    """Invariant 30 and decision 13: refused connections back off; what answers then may be behind us."""
    machine = replace(watching(now=0.0), state=State.OPENING)
    done = step(machine, inputs.Failed(CUT))
    assert only(done, effects.Wait).seconds == 0.8
    assert isinstance(step(machine, inputs.Due())[-1], effects.Probe)
    step(machine, inputs.Failed(CUT))
    assert isinstance(step(machine, inputs.Due())[-1], effects.Probe)
    assert isinstance(step(machine, inputs.Probed())[-1], effects.OpenWatch)


@pytest.mark.parametrize(
    ("error", "failures"),
    [(BROKEN, 3), (BadRequest(400, "BadRequest", "invalid version"), 1), (EXPIRED, 1)],
)
def test_a_question_that_fails_is_answered_by_a_list(error: KubeInformerError, failures: int) -> None:
    """Case C09: at most three tries with the remembered version, then a list without one."""
    machine = replace(watching(now=0.0), state=State.PROBING)
    for _ in range(failures):
        assert machine.state is State.PROBING
        if isinstance(step(machine, inputs.Failed(error))[-1], effects.Wait):
            step(machine, inputs.Due())
    assert machine.state is State.LISTING


def test_an_error_event_of_the_store_leads_to_a_list() -> None:
    """Invariant 17: InternalError with reason StoreReadError."""
    machine = watching(now=0.0)
    assert isinstance(step(machine, inputs.Failed(UNSAFE))[-1], effects.List)


def test_a_missing_object_path_is_looked_up_and_empties_nothing() -> None:
    """Decision 13: 404 can be transient; a store is emptied only when fresh discovery has no such resource."""
    machine = replace(watching(now=0.0), state=State.OPENING)
    done = step(machine, inputs.Failed(MISSING))
    done += step(machine, inputs.Due())
    assert done[-1] == effects.Resolve(fresh=True)
    assert not [effect for effect in done if isinstance(effect, effects.Clear)]
    done = step(machine, inputs.Resolved(can_watch=True, from_cache=True, changed=False))
    assert only(done, effects.OpenWatch).parameters["resourceVersion"] == "5"


def test_a_resource_that_is_gone_empties_the_store_once_and_is_looked_for() -> None:
    """Case C50: deleted with its definition; looked for every 5 to 10 s, and listed when it is back."""
    machine = replace(watching(now=0.0, missing=True), state=State.RESOLVING)
    done = step(machine, inputs.Failed(GONE), random=0.5)
    assert [type(effect) for effect in done].count(effects.Clear) == 1
    for _ in range(5):
        assert only(done, effects.Wait).seconds == 7.5
        step(machine, inputs.Due())
        done = step(machine, inputs.Failed(GONE), random=0.5)
        assert effects.Clear() not in done
    step(machine, inputs.Due())
    done = step(machine, inputs.Resolved(can_watch=True, from_cache=True, changed=False))
    assert isinstance(done[-1], effects.List)


def test_a_broken_discovery_empties_nothing() -> None:
    """Case C18: one group that answers 503 is no verdict on its resources."""
    machine = replace(watching(now=0.0), state=State.RESOLVING)
    done = step(machine, inputs.Failed(StatusError(503, "ServiceUnavailable", "stale group")))
    assert effects.Clear() not in done


def test_another_version_of_the_resource_is_listed() -> None:
    """Case C50: what was watched before says nothing about it."""
    machine = replace(watching(now=0.0), state=State.RESOLVING)
    done = step(machine, inputs.Resolved(can_watch=True, from_cache=True, changed=True))
    assert isinstance(done[-1], effects.List)


def test_a_resource_without_watch_backs_off() -> None:
    """Case C14: an error that says so, and no storm."""
    machine = Machine()
    done = step(machine, inputs.Resolved(can_watch=False, from_cache=True, changed=False))
    assert "cannot be watched" in str(only(done, effects.Report).error)
    assert isinstance(done[-1], effects.Wait)


def test_the_delays_start_again_only_after_two_minutes_of_health() -> None:
    """Decision 14; invariant 318: upstream's delays saw-tooth instead."""
    machine = replace(watching(now=0.0), state=State.OPENING)
    now = 0.0
    for expected, health in ((0.8, 119.0), (1.6, 119.0), (0.8, 121.0), (1.6, 2.0), (3.2, 2.0)):
        step(machine, inputs.Opened(), now=now)
        step(machine, inputs.Bookmarked("6"), now=now)
        now += health
        done = step(machine, inputs.Failed(BROKEN), now=now)
        assert only(done, effects.Wait).seconds == expected
        now += expected
        step(machine, inputs.Due(), now=now)
        assert machine.state is State.OPENING


# -- versions ---------------------------------------------------------------------------------------------------


def test_the_resume_point_never_falls_within_a_stream() -> None:
    """Invariant 316, case C14: comparable versions never go back; opaque ones pass in order of arrival."""
    machine = watching()
    for arrived, expected in (("8", "8"), ("7", "8"), ("10", "10"), ("a1b2", "a1b2"), ("3", "3"), ("", "3")):
        step(machine, inputs.Received((), arrived))
        assert machine.memory.version == expected


def test_a_bookmark_moves_the_resume_point_without_a_change() -> None:
    """Invariant 151, case C12."""
    machine = watching()
    done = step(machine, inputs.Bookmarked("900"))
    assert done[0] == effects.Push((), "900")
    done = step(machine, inputs.Ended(None), now=200.0)
    assert only(done, effects.OpenWatch).parameters["resourceVersion"] == "900"


def test_a_garbled_line_is_made_up_for_by_a_list() -> None:
    """Case C08: the lines after it get through, a list after the back-off brings what it should have said."""
    machine = watching(now=0.0)
    done = step(machine, inputs.Garbled(InvalidResponse("garbled")), now=200.0)
    assert only(done, effects.Read).deadline == 200.8
    step(machine, inputs.Garbled(InvalidResponse("garbled")), now=200.1)
    step(machine, inputs.Received((), "6"), now=200.2)
    done = step(machine, inputs.TimedOut(), now=200.8)
    assert done == (effects.CloseStream(), effects.List({"limit": "500"}, first=True))


def test_a_garbled_line_at_the_end_of_a_stream_is_made_up_for_too() -> None:
    """Case C08: when the stream ends first, the list still waits for its moment."""
    machine = watching(now=0.0)
    step(machine, inputs.Garbled(InvalidResponse("garbled")), now=200.0)
    done = step(machine, inputs.Ended(None), now=200.3)
    assert only(done, effects.Wait).seconds == pytest.approx(0.5)
    assert isinstance(step(machine, inputs.Due(), now=200.8)[-1], effects.List)
