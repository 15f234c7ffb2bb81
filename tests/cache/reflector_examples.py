"""Examples of every input of the reflector's table, and machines to try them on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.reflector_effects import Effect
from kubeinformer.cache.reflector_inputs import Input
from kubeinformer.cache.reflector_memory import Memory, Moment, State, Stream
from kubeinformer.cache.reflector_states import Machine
from kubeinformer.errors import (
    BadRequest,
    ConfigurationError,
    Expired,
    Forbidden,
    InvalidResponse,
    KubeInformerError,
    NetworkError,
    NotFound,
    StatusError,
    TooManyRequests,
)

EXPIRED = Expired(410, "Expired", "too old")
GONE = NotFound(404, "ResourceNotFound", "no such resource")
MISSING = NotFound(404, "NotFound", "not there")
THROTTLED = TooManyRequests(429, "TooManyRequests", "slow down", retry_after=7.0)
TOO_LARGE = StatusError(504, "Timeout", "Too large resource version: 9", causes=("ResourceVersionTooLarge",))
BROKEN = StatusError(500, "InternalError", "boom")
UNSAFE = StatusError(500, "StoreReadError", "corrupt")
CUT = NetworkError("connection reset")
ERRORS: list[KubeInformerError] = [
    EXPIRED,
    GONE,
    MISSING,
    THROTTLED,
    TOO_LARGE,
    BROKEN,
    UNSAFE,
    CUT,
    Forbidden(403, "Forbidden", "no"),
    BadRequest(400, "BadRequest", "what"),
    InvalidResponse("<html>", code=502),
    ConfigurationError("no token"),
]

EXAMPLES: dict[type[Any], list[Input]] = {
    inputs.Resolved: [
        inputs.Resolved(can_watch, from_cache, changed)
        for can_watch in (True, False)
        for from_cache in (True, False)
        for changed in (True, False)
    ],
    inputs.Failed: [inputs.Failed(error) for error in ERRORS],
    inputs.Page: [inputs.Page("token")],
    inputs.Listed: [inputs.Listed("7"), inputs.Listed("")],
    inputs.Probed: [inputs.Probed()],
    inputs.Opened: [inputs.Opened()],
    inputs.Received: [inputs.Received((), "8"), inputs.Received((), "")],
    inputs.Bookmarked: [inputs.Bookmarked("9"), inputs.Bookmarked("9", ends_load=True)],
    inputs.Heard: [inputs.Heard()],
    inputs.Garbled: [inputs.Garbled(InvalidResponse("garbled"))],
    inputs.Ended: [inputs.Ended(None), inputs.Ended(CUT)],
    inputs.TimedOut: [inputs.TimedOut()],
    inputs.Due: [inputs.Due()],
    inputs.Crashed: [inputs.Crashed(RuntimeError("bug"))],
}

MEMORIES = [
    Memory(),
    Memory(version="5", loaded=True, healthy_since=0.0, listed_at=0.0, stream=Stream(0.0, 300, "5", 0.0)),
    Memory(
        version="5",
        loaded=True,
        then=State.LISTING,
        tries=2,
        token="token",
        silent_streams=2,
        from_cache=False,
        missing=True,
    ),
    Memory(version="5", loaded=True, then=State.OPENING, repair_at=3.0, token="token", unpaged=True),
    Memory(version="5", loaded=True, by_watch=True, then=State.LISTING, repair_at=3.0, tries=1),
    Memory(version="5", then=State.PROBING, stream=Stream(999.5, 300, "4", 999.5, has_bookmarks=True)),
]


def watching(now: float = 0.0, **changes: Any) -> Machine:
    """Return a machine whose watch at version 5 was opened at `now`, long after its list."""
    stream = Stream(now, 300, "5", now)
    memory = Memory(version="5", loaded=True, healthy_since=now, listed_at=now - 1000, stream=stream)
    return Machine(State.WATCHING, replace(memory, **{"silent_streams": 1, **changes}))


def step(machine: Machine, arrived: Input, now: float = 100.0, random: float = 0.0) -> tuple[Effect, ...]:
    return machine.step(arrived, Moment(now, random))


def only(done: tuple[Effect, ...], kind: type[Any]) -> Any:
    """Return the one effect of a kind."""
    (found,) = [effect for effect in done if isinstance(effect, kind)]
    return found
