"""Thousands of scenarios on virtual time: whatever happens, caches and handlers end as the server.

`KUBEINFORMER_SIMULATION_SEEDS` says how many are played, `KUBEINFORMER_SIMULATION_FIRST` with which one to begin.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from tests.simulation.plans import Plan, draw, shrink
from tests.simulation.world import play

from kubeinformer.cache import indexed_store, informer, reflector_steps
from kubeinformer.cache.deltas import ReplacedAll
from kubeinformer.cache.reflector_effects import OpenWatch
from kubeinformer.cache.registration import Registration

SEEDS = int(os.environ.get("KUBEINFORMER_SIMULATION_SEEDS", "3000"))
FIRST = int(os.environ.get("KUBEINFORMER_SIMULATION_FIRST", "0"))
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_every_scenario_ends_as_the_server(part: int) -> None:
    """Invariants 311 to 325, after every step of every scenario; one that fails is printed as small as it gets."""
    for seed in range(FIRST + part, FIRST + SEEDS, PARTS):
        fault = play(draw(seed))
        assert not fault, _transcript(shrink(draw(seed), lambda plan: bool(play(plan))))


def _transcript(plan: Plan) -> str:
    return f"\n{plan}\n-> {play(plan)}"


def test_a_scenario_is_the_same_every_time() -> None:
    """What a seed shows, it shows again: no thread, no real time, no chance but its own."""
    from tests.simulation.virtual_time import run_virtually
    from tests.simulation.world import World

    def requests(seed: int) -> list[tuple[float, str]]:
        worlds: list[World] = []

        async def main(loop: Any) -> None:
            worlds.append(World(draw(seed), loop))
            await worlds[0].run()

        run_virtually(main)
        return worlds[0].server.requests

    for seed in range(5):
        assert requests(seed) == requests(seed)
        assert len(requests(seed)) > 2


def _loses_deletes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list says what is there, and nobody asks what is gone."""
    monkeypatch.setattr(indexed_store, "_survives", lambda *_: True)


def _skips_what_a_watch_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a 410 the watch goes on at the present, without a list (Case C10)."""

    def jump_ahead(memory: Any, error: Exception, moment: Any) -> Any:
        state, memory, _ = reflector_steps.open_watch(memory, moment)
        return state, memory, (OpenWatch(reflector_steps.watch_parameters("", memory.stream.timeout)),)

    monkeypatch.setattr(reflector_steps, "relist", jump_ahead)


def _storms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing brakes."""
    monkeypatch.setattr("kubeinformer.cache.backoff.Backoff.step", lambda self, random: (0.01, self))


def _claims_a_version_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue drops what a list brings for a scope after its first time."""
    push = informer.SharedIndexInformer.push

    def drop_every_second_list(self: Any, item: Any) -> None:
        seen = getattr(self, "_lists_seen", 0) + isinstance(item, ReplacedAll)
        self._lists_seen = seen
        if not (isinstance(item, ReplacedAll) and seen % 2 == 0):
            push(self, item)

    monkeypatch.setattr(informer.SharedIndexInformer, "push", drop_every_second_list)


def _calls_after_remove(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that was taken off is still called."""
    monkeypatch.setattr(Registration, "detach", lambda self: self._discard(self))


@pytest.mark.parametrize(
    "plant",
    [_loses_deletes, _skips_what_a_watch_missed, _storms, _claims_a_version_too_early, _calls_after_remove],
)
def test_a_planted_fault_is_found_and_shrinks_to_a_transcript(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulation can fail, and says why in a few lines."""
    plant(monkeypatch)
    failing = next(seed for seed in range(400) if play(draw(seed)))
    smallest = shrink(draw(failing), lambda plan: bool(play(plan)))
    assert len(smallest.actions) <= 6, _transcript(smallest)
    assert play(smallest)
