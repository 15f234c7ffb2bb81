"""The reflector as a table: (state, input) -> (state, effects).

Nothing here waits, sends or reads a clock. An input says what happened, an effect what is to be done; the last
effect of a step is the one that waits, and what comes of it is the next input (reflector.py does that part). What
each row decides stands in reflector_rules.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache import reflector_rules as rules
from kubeinformer.cache import watch_list_rules as loading
from kubeinformer.cache.reflector_effects import (
    Effect,
    Resolve,
)
from kubeinformer.cache.reflector_inputs import Input
from kubeinformer.cache.reflector_memory import Memory, Moment, State
from kubeinformer.cache.reflector_steps import Step


class UnexpectedInput(Exception):
    """The table has no row for this input in this state; nothing was changed."""


@dataclass(slots=True)
class Machine:
    """A state, a memory, and the table that moves them."""

    state: State = State.RESOLVING
    memory: Memory = field(default_factory=Memory)

    def start(self) -> tuple[Effect, ...]:
        """Return the first effects."""
        return (Resolve(fresh=False),)

    def step(self, arrived: Input, moment: Moment) -> tuple[Effect, ...]:
        """Take one input and return what is to be done.

        Raises:
            UnexpectedInput: The table has no such row; state and memory are as before.
        """
        transition = TRANSITIONS.get((self.state, type(arrived)))
        if transition is None:
            raise UnexpectedInput(f"{type(arrived).__name__} in state {self.state.name}")
        self.state, self.memory, effects = transition.decide(self.memory, arrived, moment)
        return effects


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: the function that decides, and the states it can lead to."""

    decide: Callable[..., Step]
    leads_to: frozenset[State]


def _row(decide: Callable[..., Step], *leads_to: State) -> Transition:
    return Transition(decide, frozenset(leads_to))


TRANSITIONS: Mapping[tuple[State, type[Input]], Transition] = {
    (State.RESOLVING, inputs.Resolved): _row(
        rules.resolved, State.LISTING, State.LOADING, State.OPENING, State.WAITING
    ),
    (State.RESOLVING, inputs.Failed): _row(rules.not_resolved, State.WAITING),
    (State.LISTING, inputs.Page): _row(rules.page, State.LISTING, State.WAITING),
    (State.LISTING, inputs.Listed): _row(rules.listed, State.OPENING, State.WAITING),
    (State.LISTING, inputs.Failed): _row(rules.not_listed, State.LISTING, State.WAITING),
    (State.LOADING, inputs.Opened): _row(loading.load_opened, State.LOADING),
    (State.LOADING, inputs.Received): _row(loading.load_received, State.LOADING),
    (State.LOADING, inputs.Heard): _row(loading.load_heard, State.LOADING),
    (State.LOADING, inputs.Bookmarked): _row(loading.load_bookmarked, State.LOADING, State.WATCHING),
    (State.LOADING, inputs.Garbled): _row(loading.load_garbled, State.LISTING),
    (State.LOADING, inputs.TimedOut): _row(loading.load_timed_out, State.LISTING),
    (State.LOADING, inputs.Ended): _row(loading.load_ended, State.LISTING, State.WAITING),
    (State.LOADING, inputs.Failed): _row(loading.load_failed, State.LISTING, State.WAITING),
    (State.PROBING, inputs.Probed): _row(rules.probed, State.OPENING),
    (State.PROBING, inputs.Failed): _row(rules.not_probed, State.LISTING, State.LOADING, State.WAITING),
    (State.OPENING, inputs.Opened): _row(rules.opened, State.WATCHING),
    (State.OPENING, inputs.Failed): _row(rules.not_opened, State.LISTING, State.LOADING, State.WAITING),
    (State.WATCHING, inputs.Received): _row(rules.received, State.WATCHING),
    (State.WATCHING, inputs.Bookmarked): _row(rules.bookmarked, State.WATCHING),
    (State.WATCHING, inputs.Heard): _row(rules.heard, State.WATCHING),
    (State.WATCHING, inputs.Garbled): _row(rules.garbled, State.WATCHING),
    (State.WATCHING, inputs.Failed): _row(rules.error_event, State.LISTING, State.LOADING, State.WAITING),
    (State.WATCHING, inputs.Ended): _row(rules.ended, State.OPENING, State.PROBING, State.WAITING),
    (State.WATCHING, inputs.TimedOut): _row(
        rules.timed_out, State.LISTING, State.LOADING, State.OPENING, State.PROBING
    ),
    (State.WAITING, inputs.Due): _row(
        rules.due, State.LISTING, State.LOADING, State.OPENING, State.PROBING, State.RESOLVING
    ),
    **{(state, inputs.Crashed): _row(rules.crashed, State.WAITING) for state in State},
}
