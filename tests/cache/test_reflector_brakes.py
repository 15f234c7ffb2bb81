"""What a reflector never does: storm, and leave something behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from tests.cache.reflector_stage import Stage
from tests.cache.scripted_server import Recorder, ScriptedServer, ScriptedStream, event, listed, pod, status

from kubeinformer.cache.load_gate import LoadGate
from kubeinformer.cache.reflector import Reflector
from kubeinformer.errors import Expired, Forbidden, NetworkError, StatusError
from kubeinformer.resources import Resource
from kubeinformer.testing.fake_clock import FakeClock

SECONDS = 20
MOST_REQUESTS = 12  # of Case C16, in these 20 s


class Hostile(ScriptedServer):
    """Every watch fares as `fate` says."""

    def __init__(self, fate: str) -> None:
        forbidden = Forbidden(403, "Forbidden", "no")
        super().__init__(forbidden if fate == "forbidden" else listed("616", pod("a", "3")))
        self.fate = fate

    async def watch(self, parameters: Mapping[str, str]) -> ScriptedStream:
        if self.fate == "expired":
            self.refusals.append(Expired(410, "Expired", "too old"))
        if self.fate == "refused":
            self.refusals.append(NetworkError("refused"))
        stream = await super().watch(parameters)
        if self.fate == "ends":
            stream.end()
        if self.fate == "errors":
            stream.send(event("ERROR", status(500, "InternalError")))
        if self.fate == "garbles":
            stream.send(b"null\n")
        if self.fate == "moves":
            stream.send(event("MODIFIED", pod("a", str(1000 + len(self.streams)))))
            stream.cut(NetworkError("cut"))
        return stream


@pytest.mark.parametrize("fate", ["forbidden", "ends", "expired", "errors", "refused", "garbles"])
@pytest.mark.parametrize("seed", range(5))
def test_no_fault_storms(fate: str, seed: int) -> None:
    """Case C16, regression 22: at most twelve requests in twenty seconds, and ever fewer after that."""
    asked = [count_requests(fate, seed, seconds) for seconds in (SECONDS, 100, 200, 300)]
    # The first three of an undisturbed start come on top: discovery, a list, a watch.
    assert asked[0] <= MOST_REQUESTS
    assert asked[3] - asked[2] <= 8


@pytest.mark.parametrize("seed", range(5))
def test_streams_that_move_on_but_never_last_are_paced(seed: int) -> None:
    """Each brings something, so nothing grows; but there is a pause before each."""
    assert count_requests("moves", seed, SECONDS) <= 3 + SECONDS / 0.8


def count_requests(fate: str, seed: int, seconds: float) -> int:
    """Return how many requests such a server gets."""

    async def run() -> int:
        server, clock = Hostile(fate), FakeClock(seed=seed)
        task = asyncio.create_task(Reflector(server, Recorder(), clock, scope=None, name="pods").run())
        await clock.advance_async(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return len(server.requests)

    return asyncio.run(run())


# -- nothing is left ----------------------------------------------------------------------------------------------------


class Slow(ScriptedServer):
    """Takes a few turns of the loop for each answer, and has faults in store."""

    def __init__(self) -> None:
        super().__init__(
            listed("5", pod("a", "3"), token="t"), StatusError(503, "ServiceUnavailable", "no"), listed("5")
        )
        self.refusals.append(NetworkError("reset"))

    async def _think(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    async def resolve(self, *, fresh: bool) -> Resource:
        await self._think()
        return await super().resolve(fresh=fresh)

    async def list(self, parameters: Mapping[str, str]) -> bytes:
        await self._think()
        return await super().list(parameters)

    async def watch(self, parameters: Mapping[str, str]) -> ScriptedStream:
        await self._think()
        stream = await super().watch(parameters)
        stream.send(event("ADDED", pod("b", "6")), event("MODIFIED", pod("b", "7")))
        if len(self.streams) < 3:
            stream.end()
        return stream


@pytest.mark.parametrize("by_watch", [False, True])
def test_it_ends_at_whatever_turn_it_is_cancelled(by_watch: bool) -> None:
    """Invariants 2, 4 and 319, regression 9: no stream, no timer, no task and no place at the gate is left, at once."""
    turns = 0
    while asyncio.run(cancel_after(turns, by_watch=by_watch)) < 3:
        turns += 1
    assert turns > 20


async def cancel_after(turns: int, *, by_watch: bool) -> int:
    """Cancel a reflector after so many turns of the loop, and return how many watches it had opened."""
    stage = Stage(Slow())
    gate = LoadGate(stage.clock, size=1)
    reflector = Reflector(
        stage.server, stage.recorder, stage.clock, scope=None, name="pods", by_watch=by_watch, gate=gate
    )
    task = asyncio.create_task(reflector.run())
    for _ in range(turns):
        await asyncio.sleep(0)
        if stage.clock.next_due is not None and reflector.status.state == "waiting":
            stage.clock.advance(stage.clock.next_due - stage.clock.now())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(stream.closed for stream in stage.server.streams)
    assert stage.clock.pending == 0
    (await asyncio.wait_for(gate.enter(), 1))()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return len(stage.server.streams)
