"""The rows of the reflector's table for servers that are away, behind, or only half there: what a list decides."""

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
    only,
    step,
    watching,
)

from kubeinformer.cache import reflector_effects as effects
from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.reflector_effects import Effect
from kubeinformer.cache.reflector_inputs import Input
from kubeinformer.cache.reflector_memory import State
from kubeinformer.cache.reflector_states import Machine
from kubeinformer.errors import BadRequest, Forbidden, InvalidResponse, KubeInformerError, StatusError

NOT_ALLOWED = StatusError(405, "MethodNotAllowed", "the server does not allow this method")
FRESH_LIST = effects.List({"limit": "500"}, first=True)


class Outage:
    """A machine whose requests are answered by kind, and its time."""

    def __init__(self, machine: Machine, now: float = 100.0) -> None:
        self.machine = machine
        self.now = now
        self.asked: list[Effect] = []

    def take(self, arrived: Input) -> Effect:
        """Take an input, sit out the wait that it may lead to, and return what is asked then."""
        todo = step(self.machine, arrived, self.now)
        while isinstance(todo[-1], effects.Wait):
            self.now += todo[-1].seconds
            todo = step(self.machine, inputs.Due(), self.now)
        self.asked.append(todo[-1])
        return todo[-1]

    def until_listed(self, answers: dict[type[Effect], Input], at_most: int = 40) -> int:
        """Answer what is asked until it is a list from its first page; return how many requests that took."""
        for count in range(1, at_most):
            if isinstance(self.take(answers[type(self.asked[-1])]), effects.List):
                return count
        raise AssertionError(f"no list after {at_most} requests: {self.asked}")


def opening(**changes: object) -> Outage:
    """Return a machine whose watch at version 5 was just asked for, long after its list."""
    outage = Outage(replace(watching(now=0.0, **changes), state=State.OPENING))
    outage.asked.append(effects.OpenWatch({}))
    return outage


# -- a watch that comes to nothing is decided by a list ---------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal", [BROKEN, CUT, MISSING, NOT_ALLOWED, Forbidden(403, "Forbidden", "no watch")]
)
def test_a_watch_that_is_never_accepted_is_decided_by_a_list(refusal: KubeInformerError) -> None:
    """Decision 13: whatever refuses it, and though the server answers everything else; not before 30 s."""
    outage = opening()
    answers: dict[type[Effect], Input] = {
        effects.OpenWatch: inputs.Failed(refusal),
        effects.Probe: inputs.Probed(),
        effects.Resolve: inputs.Resolved(can_watch=True, from_cache=True, changed=False),
    }
    outage.until_listed(answers)
    assert outage.asked[-1] == FRESH_LIST
    assert outage.now - 100.0 >= 30.0
    watches = [asked for asked in outage.asked if isinstance(asked, effects.OpenWatch)]
    assert 3 <= len(watches) <= 8


def test_a_watch_that_only_ever_brings_an_error_is_decided_by_a_list() -> None:
    """A change that the server cannot send ends each stream where the last one ended, however long that takes."""
    machine = watching(now=0.0)
    outage = Outage(machine)
    for _ in range(12):
        outage.now += 20.0
        if isinstance(outage.take(inputs.Failed(BROKEN)), effects.List):
            break
        outage.take(inputs.Opened())
    assert outage.asked[-1] == FRESH_LIST


def test_errors_between_changes_lead_to_no_list() -> None:
    """A stream that moves on before it breaks keeps its position, as often as that happens."""
    outage = Outage(watching(now=0.0))
    for version in range(10, 40):
        outage.now += 20.0
        outage.take(inputs.Received((), str(version)))
        asked = outage.take(inputs.Failed(BROKEN))
        assert isinstance(asked, effects.OpenWatch)
        assert asked.parameters["resourceVersion"] == str(version)
        outage.take(inputs.Opened())


@pytest.mark.parametrize("answer", [BROKEN, CUT, THROTTLED, Forbidden(403, "Forbidden", "not yet")])
def test_a_list_that_is_not_answered_decides_nothing(answer: KubeInformerError) -> None:
    """Decision 13: an outage of 5xx costs nobody its position, so that the server's return is no storm of lists."""
    outage = opening()
    outage.until_listed({effects.OpenWatch: inputs.Failed(BROKEN), effects.Probe: inputs.Failed(BROKEN)})
    asked = outage.take(inputs.Failed(answer))
    assert isinstance(asked, effects.OpenWatch)
    assert asked.parameters["resourceVersion"] == "5"


def test_most_requests_of_an_outage_are_watches() -> None:
    """Whoever answers again first is asked for a watch far more often than for a list."""
    outage = opening()
    for _ in range(40):
        outage.take(inputs.Failed(BROKEN))
    lists = [asked for asked in outage.asked[10:] if isinstance(asked, effects.List)]
    assert 0 < len(lists) <= len(outage.asked[10:]) / 3


def test_a_position_that_is_lost_stays_lost() -> None:
    """After a 410 only a list will do, also where the first one is not answered."""
    outage = Outage(watching(now=0.0))
    assert outage.take(inputs.Failed(EXPIRED)) == FRESH_LIST
    for answer in (BROKEN, CUT, THROTTLED):
        assert outage.take(inputs.Failed(answer)) == FRESH_LIST
    assert isinstance(outage.take(inputs.Failed(MISSING)), effects.Resolve)
    assert outage.take(inputs.Resolved(can_watch=True, from_cache=True, changed=False)) == FRESH_LIST


@pytest.mark.parametrize("ending", [inputs.TimedOut(), inputs.Ended(None)])
def test_a_line_that_is_lost_is_not_forgotten(ending: Input) -> None:
    """The version may have moved past it: only a list will do, also where the first one is not answered."""
    outage = Outage(watching(now=0.0))
    outage.take(inputs.Garbled(InvalidResponse("garbled")))
    outage.take(inputs.Received((), "9"))
    outage.now += 5.0
    assert outage.take(ending) == FRESH_LIST
    assert outage.take(inputs.Failed(BROKEN)) == FRESH_LIST


def test_another_version_is_only_ever_listed() -> None:
    """Case C50: what was watched before is no place to resume, also where the first list is not answered."""
    outage = resolving()
    assert outage.take(inputs.Resolved(can_watch=True, from_cache=True, changed=True)) == FRESH_LIST
    assert outage.take(inputs.Failed(BROKEN)) == FRESH_LIST


def test_a_malformed_version_is_given_up() -> None:
    """Decision 13: 500 on the watch, 400 on the list that asks; the next list is without it, whatever happens then."""
    outage = opening()
    outage.take(inputs.Failed(CUT))
    assert outage.take(inputs.Failed(BadRequest(400, "BadRequest", "invalid resource version"))) == FRESH_LIST
    assert outage.take(inputs.Failed(BROKEN)) == FRESH_LIST


# -- versions from the future -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.OPENING, State.WATCHING, State.PROBING])
def test_a_server_that_is_behind_is_listed(state: State) -> None:
    """Case C09, invariant 44: also where it says so to a watch, as old and foreign servers do."""
    outage = Outage(replace(watching(now=0.0), state=state))
    assert outage.take(inputs.Failed(TOO_LARGE)) == FRESH_LIST


@pytest.mark.parametrize("ending", [inputs.Ended(None), inputs.Ended(CUT), inputs.TimedOut()])
@pytest.mark.parametrize("signs_of_life", [False, True])
def test_two_silent_streams_are_followed_by_a_question(ending: Input, signs_of_life: bool) -> None:
    """Decision 13: also where the server never ends them, and where something on the way sends blank lines."""
    outage = Outage(watching(now=0.0))
    for _ in range(2):
        outage.now += 650.0
        if signs_of_life:
            outage.take(inputs.Heard())
        asked = outage.take(ending)
        if isinstance(asked, effects.OpenWatch):
            outage.take(inputs.Opened())
    assert isinstance(asked, effects.Probe)
    outage.take(inputs.Probed())
    outage.take(inputs.Opened())
    outage.now += 650.0
    assert isinstance(outage.take(ending), effects.OpenWatch)


@pytest.mark.parametrize(("silent_streams", "action"), [(1, "opening"), (2, "probing")])
def test_silence_is_reported_with_what_is_done_about_it(silent_streams: int, action: str) -> None:
    """The words say what comes next."""
    done = step(watching(now=0.0, silent_streams=silent_streams), inputs.TimedOut(), now=650.0)
    assert only(done, effects.Report).action == action


def test_a_list_is_proof_of_the_version_too() -> None:
    """Streams before it do not count."""
    outage = Outage(watching(now=0.0))
    outage.take(inputs.Failed(EXPIRED))
    outage.take(inputs.Listed("9"))
    outage.take(inputs.Opened())
    outage.now += 650.0
    assert isinstance(outage.take(inputs.Ended(None)), effects.OpenWatch)


def test_a_stream_that_speaks_is_not_silent() -> None:
    """A bookmark or a change is proof that the server has reached the version."""
    outage = Outage(watching(now=0.0))
    for said in (inputs.Bookmarked("5"), inputs.Received((), "6"), inputs.Bookmarked("6")):
        outage.take(said)
        outage.now += 650.0
        assert isinstance(outage.take(inputs.Ended(None)), effects.OpenWatch)
        outage.take(inputs.Opened())


def test_an_outage_does_not_count_as_a_watch_that_is_refused() -> None:
    """Ten minutes without a server, then two refusals while it starts: no list yet."""
    outage = opening()
    outage.take(inputs.Failed(CUT))
    for _ in range(30):
        assert isinstance(outage.take(inputs.Failed(CUT)), effects.Probe)
    assert outage.now > 600.0
    outage.take(inputs.Probed())
    for _ in range(2):
        assert isinstance(outage.take(inputs.Failed(BROKEN)), effects.OpenWatch)


def test_a_watch_that_held_begins_the_count_anew() -> None:
    """However little it brought: three refusals in a row are what a list decides."""
    outage = opening()
    for _ in range(4):
        for _ in range(2):
            assert isinstance(outage.take(inputs.Failed(BROKEN)), effects.OpenWatch)
        outage.take(inputs.Opened())
        outage.now += 300.0
        if isinstance(outage.take(inputs.Ended(None)), effects.Probe):
            outage.take(inputs.Probed())


# -- streams that end too soon ----------------------------------------------------------------------------------------


def test_silent_streams_of_two_seconds_are_braked() -> None:
    """Invariants 9 and 318: a proxy that cuts what is idle is not asked thirty times a minute, and never for a list."""
    outage = Outage(watching(now=100.0))
    while outage.now < 700.0:
        outage.now += 2.0
        if isinstance(outage.take(inputs.Ended(CUT)), effects.Probe):
            outage.take(inputs.Probed())
        outage.take(inputs.Opened())
    kinds = [type(asked) for asked in outage.asked]
    assert effects.List not in kinds
    assert kinds.count(effects.OpenWatch) <= 25
    assert kinds.count(effects.Probe) >= 5


# -- a resource that is not there -------------------------------------------------------------------------------------


def resolving(**changes: object) -> Outage:
    """Return a machine that asks discovery again, with a full store."""
    return Outage(replace(watching(now=0.0, **changes), state=State.RESOLVING))


def test_one_verdict_of_discovery_empties_nothing() -> None:
    """Decision 13: for a moment after its start, a real API server serves discovery without its CRDs."""
    machine = resolving().machine
    done = step(machine, inputs.Failed(GONE))
    assert effects.Clear() not in done
    step(machine, inputs.Due(), now=105.0)
    done = step(machine, inputs.Resolved(can_watch=True, from_cache=True, changed=False), now=105.0)
    assert only(done, effects.OpenWatch).parameters["resourceVersion"] == "5"


def test_a_second_verdict_in_a_row_empties_the_store_once() -> None:
    """Case C50: seconds later it is still gone; whatever else discovery says in between begins anew."""
    machine = resolving().machine
    step(machine, inputs.Failed(GONE))
    step(machine, inputs.Due())
    step(machine, inputs.Resolved(can_watch=False, from_cache=True, changed=False))
    step(machine, inputs.Due())
    said = [GONE, BROKEN, GONE, CUT, GONE, GONE, GONE, GONE]
    cleared = []
    for error in said:
        done = step(machine, inputs.Failed(error))
        cleared.append(effects.Clear() in done)
        assert only(done, effects.Wait).seconds >= 0.8
        step(machine, inputs.Due())
    assert cleared == [False, False, False, False, False, True, False, False]
    done = step(machine, inputs.Resolved(can_watch=True, from_cache=True, changed=False))
    assert done[-1] == FRESH_LIST
