"""The reflector's table itself: every pair of state and input, and that no sequence of them storms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cache.reflector_examples import (
    EXAMPLES,
    MEMORIES,
    only,
    step,
)

from kubeinformer.cache import reflector_effects as effects
from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.reflector_effects import WAITING_EFFECTS, Effect
from kubeinformer.cache.reflector_inputs import INPUTS, Input
from kubeinformer.cache.reflector_memory import Memory, State
from kubeinformer.cache.reflector_states import TRANSITIONS, Machine, UnexpectedInput


def test_every_kind_of_input_has_examples() -> None:
    """The tests below cover every input there is."""
    assert set(EXAMPLES) == set(INPUTS)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("memory", MEMORIES)
def test_every_pair_of_state_and_input_is_decided(state: State, kind: type[Any], memory: Memory) -> None:
    """A pair leads to one of the states its row declares and waits for one thing; one without a row changes nothing."""
    for arrived in EXAMPLES[kind]:
        machine = Machine(state, memory)
        row = TRANSITIONS.get((state, kind))
        if row is None:
            with pytest.raises(UnexpectedInput):
                step(machine, arrived, 1000.0)
            assert (machine.state, machine.memory) == (state, memory)
            continue
        done = step(machine, arrived, 1000.0)
        assert machine.state in row.leads_to
        assert [isinstance(effect, WAITING_EFFECTS) for effect in done] == [False] * (len(done) - 1) + [True]


def test_every_state_a_row_declares_is_reached() -> None:
    """The table promises no transition that cannot happen: the drawing of it would lie."""
    for (state, kind), row in TRANSITIONS.items():
        reached = set()
        for memory in MEMORIES:
            for then in State:
                for arrived in EXAMPLES[kind]:
                    machine = Machine(state, replace(memory, then=then))
                    step(machine, arrived, 1000.0)
                    reached.add(machine.state)
        assert reached == row.leads_to, (state, kind)


def test_every_state_can_be_left_by_a_crash() -> None:
    """Whatever breaks, wherever: back off, then start over; nothing dies silently."""
    for state in State:
        machine = Machine(state, MEMORIES[1])
        done = step(machine, inputs.Crashed(RuntimeError("bug")))
        assert machine.state is State.WAITING
        assert isinstance(only(done, effects.Report).error, RuntimeError)
        assert isinstance(step(machine, inputs.Due())[-1], effects.Resolve)


@given(st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 50), st.floats(0, 0.999)), max_size=60))
def test_no_sequence_of_faults_storms(choices: list[tuple[int, float, float]]) -> None:
    """At most two attempts in the first second of any fault, and never a step without a wait for the server."""
    machine = Machine()
    machine.start()
    now = 0.0
    attempts: list[float] = []
    done: tuple[Effect, ...] = (effects.Resolve(fresh=False),)
    for choice, delay, random in choices:
        kinds = [kind for (state, kind) in TRANSITIONS if state is machine.state]
        examples = [example for kind in kinds for example in EXAMPLES[kind] if _is_fault(example)]
        if isinstance(done[-1], effects.Wait):
            now += done[-1].seconds
            arrived: Input = inputs.Due()
        elif examples:
            arrived = examples[choice % len(examples)]
        else:
            arrived = EXAMPLES[kinds[choice % len(kinds)]][0]
            now += delay
        done = step(machine, arrived, now, random)
        if isinstance(done[-1], effects.List | effects.OpenWatch | effects.Probe) and _begins(done[-1]):
            attempts.append(now)
    for first, _second, third in zip(attempts, attempts[1:], attempts[2:], strict=False):
        assert third - first >= 0.79


_CHOICES = st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.floats(0, 50))


@given(st.lists(_CHOICES, min_size=30, max_size=80), st.booleans())
def test_no_sequence_of_inputs_forgets_where_it_stands(
    choices: list[tuple[int, int, float]], by_watch: bool
) -> None:
    """Regression 5: no second list from a cache that may lag; no token after its list; no watch without a version."""
    machine, now = Machine(memory=Memory(by_watch=by_watch)), 0.0
    for first, second, delay in choices:
        kinds = [kind for kind in INPUTS if (machine.state, kind) in TRANSITIONS]
        examples = EXAMPLES[kinds[first % len(kinds)]]
        now += delay
        was_loaded = machine.memory.loaded
        asked = step(machine, examples[second % len(examples)], now)[-1]
        if isinstance(asked, effects.List) and was_loaded:
            assert "resourceVersion" not in asked.parameters
        memory = machine.memory
        at = memory.then if machine.state is State.WAITING else machine.state
        assert not memory.token or at is State.LISTING
        assert memory.version or at not in (State.OPENING, State.PROBING, State.WATCHING)


def _is_fault(example: Input) -> bool:
    return isinstance(example, inputs.Failed | inputs.Ended | inputs.Crashed)


def _begins(effect: Effect) -> bool:
    return not isinstance(effect, effects.List) or effect.first
