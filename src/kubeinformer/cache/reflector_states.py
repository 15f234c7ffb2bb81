"""The reflector's decisions, as a table: (state, input) -> (state, effects).

Nothing here waits, sends or reads a clock. An input says what happened, an effect what is to be done; the last
effect of a step is the one that waits, and what comes of it is the next input (reflector.py does that part).
The rules are those of the Kubernetes API concepts ("Efficient detection of changes"), KEP-2340 and KEP-3157.

How a WatchList load (KEP-3157) fits in: a state LOADING beside LISTING, entered from `_load`, left by the closing
bookmark (to WATCHING, with the stream kept) or by any fault (to LISTING).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.backoff import Backoff
from kubeinformer.cache.reflector_effects import (
    Clear,
    CloseStream,
    Effect,
    List,
    OpenWatch,
    Probe,
    Push,
    Read,
    Replace,
    Report,
    Resolve,
    Wait,
)
from kubeinformer.cache.reflector_inputs import Input
from kubeinformer.cache.reflector_memory import Memory, Moment, State, Stream
from kubeinformer.errors import (
    BadRequest,
    Expired,
    InvalidResponse,
    KubeInformerError,
    NetworkError,
    NotFound,
    StatusError,
    TooManyRequests,
)
from kubeinformer.resource_versions import later

PAGE_SIZE = 500
HEALTH = 120.0  # seconds without a failure after which the back-off starts again
SHORT_WATCH = 1.0  # seconds
OPEN_FAILURES, OPEN_FAILING_FOR = 3, 30.0  # refused so often over so many seconds: a list decides
RELIST_PAUSE = 30.0  # seconds after a list within which another one waits
SILENT_ENDS = 2  # streams in a row that ended without a byte
MISSING_RESOURCE_DELAY = 5.0  # seconds between looks for a resource that the server does not have
LONGEST_RETRY_AFTER = 600.0  # seconds


Step = tuple[State, Memory, tuple[Effect, ...]]


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


# -- what several rows share ------------------------------------------------------------------------------------


def _failed(
    memory: Memory, then: State, error: Exception, moment: Moment, *, delay: float | None = None
) -> Step:
    """Back off, then go to `then`; the delay grows from failure to failure until health has lasted."""
    backoff = memory.backoff
    if memory.healthy_since is not None and moment.now - memory.healthy_since >= HEALTH:
        backoff = backoff.reset()
    drawn, backoff = backoff.step(moment.random)
    asked = getattr(error, "retry_after", None) or 0.0
    seconds = max(drawn if delay is None else delay, min(asked, LONGEST_RETRY_AFTER))
    memory = replace(memory, then=then, backoff=backoff, healthy_since=None)
    return State.WAITING, memory, (CloseStream(), Report(error, then.value, seconds), Wait(seconds))


def _load(memory: Memory, moment: Moment, *effects: Effect) -> Step:
    """Begin a list from its first page, at the latest version: never at an exact old one."""
    memory = replace(memory, version="", listed_at=moment.now, paging=False, unpaged=False, repair_at=None)
    parameters = {"limit": str(PAGE_SIZE)}
    if not memory.from_cache and not memory.loaded:
        parameters["resourceVersion"] = "0"  # from the cache: on these servers the latest comes from etcd
    return State.LISTING, memory, (*effects, List(parameters, first=True))


def _relist(memory: Memory, error: Exception, moment: Moment) -> Step:
    """List at once where the last list is long past, else back off first."""
    if memory.listed_at is not None and moment.now - memory.listed_at < RELIST_PAUSE:
        # Gone again so soon: a list costs the server more than a watch, so brake twice as hard.
        _, backoff = memory.backoff.step(moment.random)
        return _failed(replace(memory, backoff=backoff), State.LISTING, error, moment)
    return _load(memory, moment, CloseStream(), Report(error, State.LISTING.value, 0.0))


def _open(memory: Memory, moment: Moment, *effects: Effect) -> Step:
    """Request a watch from the resume point."""
    timeout = 300 + int(moment.random * 300)
    memory = replace(memory, stream=Stream(timeout=timeout, start=memory.version))
    parameters = {
        "watch": "true",
        "resourceVersion": memory.version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(timeout),
    }
    return State.OPENING, memory, (*effects, OpenWatch(parameters))


def _probe(memory: Memory, *effects: Effect) -> Step:
    """Ask for one object, not older than the resume point: a server that is behind it says so."""
    parameters = {
        "limit": "1",
        "resourceVersion": memory.version,
        "resourceVersionMatch": "NotOlderThan",
    }
    return State.PROBING, replace(memory, silent_ends=0), (*effects, Probe(parameters))


def _read(memory: Memory, *effects: Effect) -> Step:
    """Go on reading until the stream's deadline, or until a repair is due."""
    deadline = memory.stream.deadline
    if memory.repair_at is not None:
        deadline = min(deadline, memory.repair_at)
    return State.WATCHING, memory, (*effects, Read(deadline))


def _watch_failed(memory: Memory, error: KubeInformerError, moment: Moment) -> Step:
    """Decide after a watch was refused, by an HTTP status or by the first word of its stream."""
    if isinstance(error, Expired):
        return _relist(memory, error, moment)
    if isinstance(error, TooManyRequests):
        return _failed(memory, State.OPENING, error, moment)
    if isinstance(error, NotFound):
        return _failed(memory, State.RESOLVING, error, moment)
    # After an outage the server may be another one, or an older state of itself.
    return _try_again(
        memory, State.PROBING if isinstance(error, NetworkError) else State.OPENING, error, moment
    )


def _try_again(memory: Memory, then: State, error: KubeInformerError, moment: Moment) -> Step:
    """Back off and go to `then`; after enough failures over enough time, let a list decide."""
    first = moment.now if memory.tries == 0 else memory.failing_since
    memory = replace(memory, tries=memory.tries + 1, failing_since=first)
    if memory.tries >= OPEN_FAILURES and moment.now - first >= OPEN_FAILING_FOR:
        then = State.LISTING
    return _failed(memory, then, error, moment)


# -- the rows ---------------------------------------------------------------------------------------------------


def _resolved(memory: Memory, arrived: inputs.Resolved, moment: Moment) -> Step:
    memory = replace(memory, from_cache=arrived.from_cache)
    if not arrived.can_watch:
        error = InvalidResponse("cannot be watched: the server offers no list and watch for it")
        return _failed(memory, State.RESOLVING, error, moment)
    if memory.version and not arrived.changed:
        return _open(memory, moment)
    return _load(memory, moment)


def _not_resolved(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    error = arrived.error
    if not (isinstance(error, NotFound) and error.reason == "ResourceNotFound"):
        return _failed(memory, State.RESOLVING, error, moment)
    # Fresh discovery, whole and healthy, does not have it: only this verdict empties a store.
    delay = MISSING_RESOURCE_DELAY * (1.0 + moment.random)
    state, after, effects = _failed(memory, State.RESOLVING, error, moment, delay=delay)
    if memory.loaded:
        effects = (Clear(), *effects)
    return state, replace(after, version="", loaded=False, backoff=memory.backoff), effects


def _page(memory: Memory, arrived: inputs.Page, moment: Moment) -> Step:
    # Later pages carry the token and the limit only: a version beside a token is refused.
    parameters = {"limit": str(PAGE_SIZE), "continue": arrived.token}
    return State.LISTING, replace(memory, paging=True), (List(parameters, first=False),)


def _listed(memory: Memory, arrived: inputs.Listed, moment: Moment) -> Step:
    if not arrived.version:
        error = InvalidResponse("cannot be watched: the list has no resourceVersion", verb="list")
        return _failed(memory, State.LISTING, error, moment)
    memory = replace(memory, version=arrived.version, loaded=True, tries=0, silent_ends=0)
    return _open(memory, moment, Replace(arrived.version))


def _not_listed(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    error = arrived.error
    if isinstance(error, Expired) and memory.paging and not memory.unpaged:
        memory = replace(memory, unpaged=True, paging=False)
        return State.LISTING, memory, (Report(error, "listing unpaged", 0.0), List({}, first=True))
    then = State.RESOLVING if isinstance(error, NotFound) else State.LISTING
    return _failed(memory, then, error, moment)


def _probed(memory: Memory, arrived: inputs.Probed, moment: Moment) -> Step:
    return _open(replace(memory, tries=0), moment)


def _not_probed(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    error = arrived.error
    if isinstance(error, StatusError) and error.is_too_large_resource_version:
        return _relist(memory, error, moment)
    if isinstance(error, NotFound):
        return _failed(memory, State.RESOLVING, error, moment)
    if isinstance(error, NetworkError | TooManyRequests):
        return _failed(memory, State.PROBING, error, moment)
    decided = isinstance(error, Expired | BadRequest) or memory.tries + 1 >= OPEN_FAILURES
    return _try_again(memory, State.LISTING if decided else State.PROBING, error, moment)


def _opened(memory: Memory, arrived: inputs.Opened, moment: Moment) -> Step:
    stream = replace(memory.stream, opened_at=moment.now, last_contact=moment.now)
    healthy_since = moment.now if memory.healthy_since is None else memory.healthy_since
    return _read(replace(memory, stream=stream, healthy_since=healthy_since))


def _not_opened(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    return _watch_failed(memory, arrived.error, moment)


def _received(memory: Memory, arrived: inputs.Received, moment: Moment) -> Step:
    stream = replace(memory.stream, last_contact=moment.now)
    version = later(memory.version, arrived.version)
    memory = replace(memory, version=version, stream=stream, tries=0, silent_ends=0)
    return _read(memory, Push(arrived.deltas, version))


def _bookmarked(memory: Memory, arrived: inputs.Bookmarked, moment: Moment) -> Step:
    stream = replace(memory.stream, last_contact=moment.now, has_bookmarks=True)
    version = later(memory.version, arrived.version)
    memory = replace(memory, version=version, stream=stream, tries=0, silent_ends=0)
    return _read(memory, Push((), version))


def _heard(memory: Memory, arrived: inputs.Heard, moment: Moment) -> Step:
    return _read(replace(memory, stream=replace(memory.stream, last_contact=moment.now)))


def _garbled(memory: Memory, arrived: inputs.Garbled, moment: Moment) -> Step:
    # The lines after it get through at once; what it said is made up for by a list, after the back-off.
    stream = replace(memory.stream, last_contact=moment.now)
    memory = replace(memory, stream=stream)
    if memory.repair_at is None:
        delay, backoff = memory.backoff.step(moment.random)
        memory = replace(memory, repair_at=moment.now + delay, backoff=backoff, healthy_since=None)
    seconds = max(0.0, (memory.repair_at or moment.now) - moment.now)
    return _read(memory, Report(arrived.error, State.LISTING.value, seconds))


def _error_event(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    if isinstance(arrived.error, StatusError) and arrived.error.reason == "StoreReadError":
        return _relist(memory, arrived.error, moment)
    if moment.now - memory.stream.opened_at >= SHORT_WATCH:
        memory = replace(memory, tries=0)  # it could be opened
    return _watch_failed(memory, arrived.error, moment)


def _ended(memory: Memory, arrived: inputs.Ended, moment: Moment) -> Step:
    """Open again from the resume point: no list for a cut, a load balancer's close or a time-out."""
    stream = memory.stream
    if memory.repair_at is not None:
        seconds = max(0.0, memory.repair_at - moment.now)
        return State.WAITING, replace(memory, then=State.LISTING), (CloseStream(), Wait(seconds))
    progress = memory.version != stream.start
    silent = stream.last_contact == stream.opened_at
    memory = replace(memory, silent_ends=memory.silent_ends + 1 if silent else 0)
    if moment.now - stream.opened_at < SHORT_WATCH:
        error = arrived.error or NetworkError("the watch ended at once")
        if not progress:
            return _try_again(memory, State.OPENING, error, moment)
        delay, _ = Backoff().step(moment.random)  # it moves on: no growing delay, but a pause
        return State.WAITING, replace(memory, then=State.OPENING), (CloseStream(), Wait(delay))
    memory = replace(memory, tries=0)
    if memory.silent_ends >= SILENT_ENDS:
        return _probe(memory, CloseStream())
    return _open(memory, moment, CloseStream())


def _timed_out(memory: Memory, arrived: inputs.TimedOut, moment: Moment) -> Step:
    if memory.repair_at is not None and moment.now >= memory.repair_at:
        return _load(memory, moment, CloseStream())
    error = NetworkError(f"the watch was silent for {moment.now - memory.stream.last_contact:.0f} s")
    return _open(memory, moment, CloseStream(), Report(error, State.OPENING.value, 0.0))


def _due(memory: Memory, arrived: inputs.Due, moment: Moment) -> Step:
    if memory.then is State.LISTING:
        return _load(memory, moment)
    if memory.then is State.OPENING:
        return _open(memory, moment)
    if memory.then is State.PROBING:
        return _probe(memory)
    return State.RESOLVING, memory, (Resolve(fresh=True),)


def _crashed(memory: Memory, arrived: inputs.Crashed, moment: Moment) -> Step:
    """Start over after an exception that nobody expected: the store may have missed something."""
    return _failed(replace(memory, version=""), State.RESOLVING, arrived.error, moment)


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: the function that decides, and the states it can lead to."""

    decide: Callable[..., Step]
    leads_to: frozenset[State]


def _row(decide: Callable[..., Step], *leads_to: State) -> Transition:
    return Transition(decide, frozenset(leads_to))


TRANSITIONS: Mapping[tuple[State, type[Input]], Transition] = {
    (State.RESOLVING, inputs.Resolved): _row(_resolved, State.LISTING, State.OPENING, State.WAITING),
    (State.RESOLVING, inputs.Failed): _row(_not_resolved, State.WAITING),
    (State.LISTING, inputs.Page): _row(_page, State.LISTING),
    (State.LISTING, inputs.Listed): _row(_listed, State.OPENING, State.WAITING),
    (State.LISTING, inputs.Failed): _row(_not_listed, State.LISTING, State.WAITING),
    (State.PROBING, inputs.Probed): _row(_probed, State.OPENING),
    (State.PROBING, inputs.Failed): _row(_not_probed, State.LISTING, State.WAITING),
    (State.OPENING, inputs.Opened): _row(_opened, State.WATCHING),
    (State.OPENING, inputs.Failed): _row(_not_opened, State.LISTING, State.WAITING),
    (State.WATCHING, inputs.Received): _row(_received, State.WATCHING),
    (State.WATCHING, inputs.Bookmarked): _row(_bookmarked, State.WATCHING),
    (State.WATCHING, inputs.Heard): _row(_heard, State.WATCHING),
    (State.WATCHING, inputs.Garbled): _row(_garbled, State.WATCHING),
    (State.WATCHING, inputs.Failed): _row(_error_event, State.LISTING, State.WAITING),
    (State.WATCHING, inputs.Ended): _row(_ended, State.OPENING, State.PROBING, State.WAITING),
    (State.WATCHING, inputs.TimedOut): _row(_timed_out, State.LISTING, State.OPENING),
    (State.WAITING, inputs.Due): _row(_due, State.LISTING, State.OPENING, State.PROBING, State.RESOLVING),
    **{(state, inputs.Crashed): _row(_crashed, State.WAITING) for state in State},
}
