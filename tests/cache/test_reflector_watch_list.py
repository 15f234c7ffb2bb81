"""Loading by a watch (WatchList, KEP-3157), and every way in which a server may not do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from tests.cache.reflector_examples import only, step
from tests.cache.reflector_stage import Stage, play
from tests.cache.scripted_server import ScriptedServer, bookmark, event, listed, pod

from kubeinformer.cache import reflector_effects as effects
from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.backoff import Backoff
from kubeinformer.cache.reflector import Reflector
from kubeinformer.cache.reflector_memory import Memory, State, Stream
from kubeinformer.cache.reflector_states import Machine
from kubeinformer.errors import Invalid, NetworkError, TooManyRequests, status_error

END = event(
    "BOOKMARK",
    {"metadata": {"resourceVersion": "9", "annotations": {"k8s.io/initial-events-end": "true"}}},
)
EXPIRED = event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})
INITIAL = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}


def stage_with(*lists: bytes | Exception) -> Stage:
    """Return a stage whose reflector loads by a watch."""
    stage = Stage(ScriptedServer(*lists))
    stage.reflector = Reflector(
        stage.server, stage.recorder, stage.clock, scope=None, name="pods", by_watch=True
    )
    return stage


def test_one_stream_brings_content_and_changes() -> None:
    """Invariants 27, 54, 55, 59, 60, 63: no list; stored at the closing bookmark, changes before it honoured."""
    stage = stage_with(listed("1"))

    async def scene(stage: Stage) -> None:
        stage.server.stream.send(event("ADDED", pod("b", "7")), event("ADDED", pod("a", "3")))
        stage.server.stream.send(event("MODIFIED", pod("b", "8")), event("ADDED", pod("c", "4")))
        stage.server.stream.send(event("DELETED", pod("c", "8")), bookmark("8"))
        await stage.pass_time()
        assert stage.recorder.told == []
        stage.server.stream.send(END + event("ADDED", pod("d", "10")))
        await stage.pass_time(20.0)
        assert stage.reflector.status.stale_since is None
        stage.server.stream.end()
        await stage.pass_time()

    play(stage, scene)
    assert sorted(stage.recorder.told[0].split()[2:]) == ["default/a", "default/b"]
    assert stage.recorder.told[1] == "ADDED default/d"
    first, second = stage.server.asked("watch")
    assert first.items() >= INITIAL.items()
    assert "resourceVersion" not in first
    assert second["resourceVersion"] == "10"
    assert "sendInitialEvents" not in second
    assert stage.server.asked("list") == []


async def _silence(stage: Stage) -> None:
    await stage.pass_time(11.0)


async def _changes_without_end(stage: Stage) -> None:
    for number in range(38):
        stage.server.stream.send(event("MODIFIED", pod("half", str(10 + number))))
        await stage.pass_time(8.0)


async def _end(stage: Stage) -> None:
    stage.server.stream.end()


async def _two_cuts(stage: Stage) -> None:
    for _ in range(2):
        stage.server.stream.cut(NetworkError("reset"))
        await stage.pass_time(2.0)


async def _garbled_line(stage: Stage) -> None:
    stage.server.stream.send(b"null\n")


async def _end_without_version(stage: Stage) -> None:
    stage.server.stream.send(END.replace(b'"resourceVersion":"9",', b""))


async def _end_that_cannot_be_read(stage: Stage) -> None:
    stage.server.stream.send(b'{"type":"BOOKMARK","object":null}\n')


def lists(stage: Stage) -> int:
    """Return how often the server was asked for a list (a question for a version is none)."""
    return stage.server.asked("list").count({"limit": "500"})


def loads(stage: Stage) -> int:
    """Return how often the server was asked for a load by a watch."""
    return len([asked for asked in stage.server.asked("watch") if "sendInitialEvents" in asked])


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        (_silence, 1),
        (_changes_without_end, 1),
        (_end, 1),
        (_two_cuts, 2),
        (_garbled_line, 1),
        (_end_without_version, 1),
        (_end_that_cannot_be_read, 1),
    ],
)
def test_a_load_that_does_not_end_well_is_thrown_away(
    fault: Callable[[Stage], Awaitable[None]], tries: int
) -> None:
    """Invariants 56, 62 and 324: found out in bounded time, half a load is thrown away whole, and a list follows."""
    stage = stage_with(listed("5", pod("a", "3")))

    async def scene(stage: Stage) -> None:
        stage.server.stream.send(event("ADDED", pod("half", "9")))
        await stage.pass_time()
        await fault(stage)
        await stage.pass_time()
        assert stage.recorder.told == ["REPLACED 5: default/a"]
        assert len(stage.server.asked("list")) == 1
        assert loads(stage) == tries

    play(stage, scene)


def test_a_server_that_refuses_is_not_asked_again_for_an_hour() -> None:
    """Invariants 58 and 325: any refusal leads to a list in the same turn, and is remembered."""
    stage = stage_with(listed("5", pod("a", "3")))
    stage.server.refusals.append(Invalid(422, "Invalid", "sendInitialEvents is forbidden"))

    async def scene(stage: Stage) -> None:
        assert stage.recorder.told == ["REPLACED 5: default/a"]
        await stage.pass_time(60.0)
        stage.server.stream.send(EXPIRED)
        await stage.pass_time(3.0)
        assert (lists(stage), loads(stage)) == (2, 1)
        await stage.pass_time(3600.0)
        stage.server.stream.send(EXPIRED)
        await stage.pass_time(3.0)
        assert (lists(stage), loads(stage)) == (2, 2)

    play(stage, scene)


def test_a_server_that_drops_the_request_for_a_load_is_listed() -> None:
    """A proxy that cannot stand it answers nothing, and everything else: twice is enough, and a minute is remembered."""
    stage = stage_with(listed("5", pod("a", "3")))
    stage.server.refusals.extend([NetworkError("closed before an answer came")] * 2)

    async def scene(stage: Stage) -> None:
        await stage.pass_time(1.0)
        assert stage.recorder.told == ["REPLACED 5: default/a"]
        assert (lists(stage), loads(stage)) == (1, 2)
        assert stage.reflector.status.stale_since is None
        await stage.pass_time(61.0)
        stage.server.stream.send(EXPIRED)
        await stage.pass_time(1.0)
        assert (lists(stage), loads(stage)) == (1, 3)

    play(stage, scene)


@pytest.mark.parametrize(("code", "tried_again"), [(422, 1), (400, 1), (405, 1), (503, 2), (500, 2)])
def test_a_failure_of_the_moment_is_soon_forgotten(code: int, tried_again: int) -> None:
    """A list takes the place of every load that is refused; only a word about the load itself counts for an hour."""
    stage = stage_with(listed("5", pod("a", "3")))
    stage.server.refusals.append(status_error(code, "Refused", "not now"))

    async def scene(stage: Stage) -> None:
        assert (lists(stage), loads(stage)) == (1, 1)
        await stage.pass_time(61.0)
        stage.server.stream.send(EXPIRED)
        await stage.pass_time(1.0)
        assert loads(stage) == tried_again

    play(stage, scene)


def test_a_server_that_is_away_for_long_is_still_asked_for_a_load() -> None:
    """An outage says nothing about WatchList: when the server is back it is used."""
    stage = stage_with(NetworkError("refused"))
    stage.server.refusals.extend([NetworkError("refused")] * 20)

    async def scene(stage: Stage) -> None:
        await stage.pass_time(600.0)
        stage.server.refusals.clear()
        began = stage.clock.now()
        while not stage.server.streams:
            await stage.pass_time(1.0)
        assert stage.clock.now() - began < 120.0
        stage.server.stream.send(END)
        await stage.pass_time()
        assert stage.recorder.told == ["REPLACED 9:"]

    play(stage, scene)


def test_a_throttled_load_is_asked_for_again() -> None:
    """Invariant 61: 429 says nothing about the load itself; the same request follows, no sooner than asked."""
    stage = stage_with(listed("5"))
    stage.server.refusals.append(TooManyRequests(429, "TooManyRequests", "later", retry_after=5.0))

    async def scene(stage: Stage) -> None:
        await stage.pass_time(4.9)
        assert len(stage.server.asked("watch")) == 1
        await stage.pass_time(0.2)
        stage.server.stream.send(END)
        await stage.pass_time()

    play(stage, scene)
    assert stage.server.asked("list") == []
    assert stage.recorder.told == ["REPLACED 9:"]


def test_an_object_of_a_load_that_cannot_be_read_is_not_gone() -> None:
    """Set aside in the initial events: its key counts as present."""
    stage = stage_with(listed("5"))

    async def scene(stage: Stage) -> None:
        stage.server.stream.send(event("ADDED", pod("bad", "4", metadata={"labels": {"a": 1}})), END)
        await stage.pass_time()

    play(stage, scene)
    assert stage.recorder.items[0].set_aside == frozenset({"default/bad"})  # type: ignore[union-attr]  # a load


# -- after a load -------------------------------------------------------------------------------------------------------


def loaded(*, tries: int = 0, silent_streams: int = 0) -> Machine:
    """Return a machine whose load was just closed at version 9."""
    stream = Stream(opened_at=100.0, timeout=300, last_contact=100.0)
    memory = Memory(by_watch=True, tries=tries, silent_streams=silent_streams, stream=stream, listed_at=100.0)
    machine = Machine(State.LOADING, memory)
    assert step(machine, inputs.Bookmarked("9", ends_load=True))[0] == effects.Replace("9")
    return machine


def test_a_load_counts_like_a_list() -> None:
    """Its resource can go, and what failed before it is forgotten."""
    machine = loaded(tries=2, silent_streams=1)
    assert (machine.memory.version, machine.memory.loaded, machine.memory.tries) == ("9", True, 0)
    done = step(machine, inputs.Ended(None), now=500.0)
    assert only(done, effects.OpenWatch).parameters["resourceVersion"] == "9"
    step(machine, inputs.Opened(), now=500.0)
    assert isinstance(step(machine, inputs.Ended(None), now=900.0)[-1], effects.OpenWatch)


def test_a_stream_that_ends_with_its_load_is_braked() -> None:
    """Invariant 324: it moved nothing on."""
    done = step(loaded(), inputs.Ended(None), now=100.5)
    assert only(done, effects.Report).action == "opening"


def test_a_load_begins_a_stretch_of_health() -> None:
    """Decision 14: the delays start again after two minutes of it."""
    machine = loaded()
    machine.memory = replace(machine.memory, backoff=Backoff(failures=5))
    done = step(machine, inputs.Failed(TooManyRequests(429)), now=221.0)
    assert only(done, effects.Wait).seconds == 0.8
