"""What happens in a scenario: drawn from a seed, printed as a transcript, made smaller where it fails."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.model_server import REFUSALS

LISTENERS = ("quick", "slow", "raising", "coalescing", "leaving")
NAMESPACES = ("x", "y")
KEYS = tuple(f"{namespace}/{name}" for namespace in NAMESPACES for name in "abc")


@dataclass(frozen=True)
class Action:
    """Something that happens `after` so many seconds."""

    after: float
    name: str
    arguments: tuple[Any, ...] = ()

    def __str__(self) -> str:
        arguments = " ".join(map(str, self.arguments))
        return f"+{self.after:7.1f} s  {self.name} {arguments}".rstrip()


@dataclass(frozen=True)
class Plan:
    """A scenario.

    Attributes:
        seed: Decides what the model leaves to chance.
        namespaces: What is watched one by one; None for everything at once.
        load: How the first content is loaded.
        queue: Which queue stands before the store.
        watch_list: How the server answers a load by a watch.
        from_cache: Whether it answers lists at the latest version from its cache.
        bookmarks: Whether it sends any.
        spellings: How many informers ask for the same resource in other words.
        stops_early: Whether it ends in the middle, rather than healed.
        actions: What happens, in order.
    """

    seed: int
    namespaces: tuple[str, ...] | None = None
    load: str = "list"
    queue: str = "fifo"
    watch_list: str = "served"
    from_cache: bool = True
    bookmarks: bool = True
    spellings: int = 1
    stops_early: bool = False
    actions: tuple[Action, ...] = field(default=())

    def __str__(self) -> str:
        options = ", ".join(
            f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__ if name != "actions"
        )
        return "\n".join([options, *map(str, self.actions)])


def draw(seed: int) -> Plan:
    """Return the scenario of a seed."""
    rng = random.Random(seed)
    return Plan(
        seed=seed,
        namespaces=rng.choice([None, None, NAMESPACES, ("x",)]),
        load=rng.choice(["list", "list", "watch"]),
        queue=rng.choice(["fifo", "fifo", "delta"]),
        watch_list=rng.choice(["served", "served", "ignored", "refused", "unfinished"]),
        from_cache=rng.random() < 0.7,
        bookmarks=rng.random() < 0.8,
        spellings=rng.choice([1, 1, 2]),
        stops_early=rng.random() < 0.2,
        actions=tuple(_draw_action(rng) for _ in range(rng.randrange(4, 24))),
    )


def _draw_action(rng: random.Random) -> Action:
    after = rng.choice([0.0, 0.0, 0.05, 0.3, 2.0, 20.0, 130.0, 400.0])
    name, make = rng.choices(_ACTIONS, weights=[weight for *_, weight in _ACTIONS])[0][:2]
    return Action(after, name, make(rng))


_Drawn = Callable[[random.Random], tuple[Any, ...]]
_ACTIONS: Sequence[tuple[str, _Drawn, int]] = (
    ("put", lambda rng: (rng.choice(KEYS),), 30),
    ("delete", lambda rng: (rng.choice(KEYS),), 12),
    ("recreate", lambda rng: (rng.choice(KEYS),), 8),
    ("put_broken", lambda rng: (rng.choice(KEYS),), 2),
    ("cut", lambda _: (), 8),
    ("end", lambda _: (), 6),
    ("fall_silent", lambda _: (), 3),
    ("garble", lambda _: (), 3),
    ("expire", lambda _: (), 5),
    ("restart", lambda rng: (rng.choice([0.5, 3.0, 45.0]),), 4),
    ("restore", lambda rng: (rng.randrange(1, 6), rng.choice([0.5, 3.0])), 3),
    (
        "refuse",
        lambda rng: (
            rng.choice(["any", "list", "watch", "resolve"]),
            rng.choice([*REFUSALS]),
            rng.randrange(1, 5),
        ),
        8,
    ),
    ("drop_resource", lambda rng: (rng.choice([1.0, 30.0]),), 2),
    ("serve", lambda rng: (rng.choice(["v1", "v2"]),), 3),
    ("add_listener", lambda rng: (rng.choice(LISTENERS),), 5),
    ("remove_listener", lambda rng: (rng.randrange(4),), 3),
    ("add_indexer", lambda rng: (rng.randrange(3),), 1),
)


def shrink(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """Return a plan that fails still, with as few actions as taking them away in chunks, then one by one, leaves."""
    size = max(1, len(plan.actions) // 2)
    while True:
        smaller = _without_some(plan, size, fails)
        if smaller is not None:
            plan = smaller
        elif size == 1:
            break
        else:
            size //= 2
    defaults = Plan(plan.seed)
    for name in (
        "namespaces",
        "load",
        "queue",
        "watch_list",
        "from_cache",
        "bookmarks",
        "spellings",
        "stops_early",
    ):
        simpler = replace(plan, **{name: getattr(defaults, name)})
        if simpler != plan and fails(simpler):
            plan = simpler
    return plan


def _without_some(plan: Plan, size: int, fails: Callable[[Plan], bool]) -> Plan | None:
    for start in range(0, len(plan.actions), size):
        rest = plan.actions[:start] + plan.actions[start + size :]
        candidate = replace(plan, actions=rest)
        if fails(candidate):
            return candidate
    return None
