"""The reflector's decisions, one function a row of the table: (memory, input, moment) -> (state, memory, effects).

The rules are those of the Kubernetes API concepts ("Efficient detection of changes"), KEP-2340 and KEP-3157.
"""

from __future__ import annotations

from dataclasses import replace

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
    memory = replace(memory, version="", listed_at=moment.now, list_proved=False, repair_at=None)
    memory = replace(memory, paging=False, unpaged=False)
    parameters = {"limit": str(PAGE_SIZE)}
    if not memory.from_cache and not memory.loaded:
        parameters["resourceVersion"] = "0"  # from the cache: on these servers the latest comes from etcd
    return State.LISTING, memory, (*effects, List(parameters, first=True))


def _relist(memory: Memory, error: Exception, moment: Moment) -> Step:
    """List at once where the last list is long past, else back off first."""
    if memory.listed_at is not None and moment.now - memory.listed_at < RELIST_PAUSE:
        if not memory.list_proved:
            # No watch has come of that list: a list costs the server more than a watch, so brake twice as hard.
            memory = replace(memory, backoff=memory.backoff.step(moment.random)[1])
        return _failed(memory, State.LISTING, error, moment)
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


def resolved(memory: Memory, arrived: inputs.Resolved, moment: Moment) -> Step:
    """Discovery knows the resource: watch on where that is possible, else list."""
    memory = replace(memory, from_cache=arrived.from_cache)
    if not arrived.can_watch:
        error = InvalidResponse("cannot be watched: the server offers no list and watch for it")
        return _failed(memory, State.RESOLVING, error, moment)
    if memory.version and not arrived.changed:
        return _open(memory, moment)
    return _load(memory, moment)


def not_resolved(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """Discovery failed, or does not have the resource."""
    error = arrived.error
    if not (isinstance(error, NotFound) and error.reason == "ResourceNotFound"):
        return _failed(memory, State.RESOLVING, error, moment)
    # Fresh discovery, whole and healthy, does not have it: only this verdict empties a store.
    delay = MISSING_RESOURCE_DELAY * (1.0 + moment.random)
    state, after, effects = _failed(memory, State.RESOLVING, error, moment, delay=delay)
    if memory.loaded:
        effects = (Clear(), *effects)
    return state, replace(after, version="", loaded=False, backoff=memory.backoff), effects


def page(memory: Memory, arrived: inputs.Page, moment: Moment) -> Step:
    """Ask for the next page."""
    # Later pages carry the token and the limit only: a version beside a token is refused.
    parameters = {"limit": str(PAGE_SIZE), "continue": arrived.token}
    return State.LISTING, replace(memory, paging=True), (List(parameters, first=False),)


def listed(memory: Memory, arrived: inputs.Listed, moment: Moment) -> Step:
    """Store the list, then watch from its version."""
    if not arrived.version:
        error = InvalidResponse("cannot be watched: the list has no resourceVersion", verb="list")
        return _failed(memory, State.LISTING, error, moment)
    memory = replace(memory, version=arrived.version, loaded=True, tries=0, silent_ends=0)
    return _open(memory, moment, Replace(arrived.version))


def not_listed(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """A list failed: without pages after an expired token, else after the back-off."""
    error = arrived.error
    if isinstance(error, Expired) and memory.paging and not memory.unpaged:
        memory = replace(memory, unpaged=True, paging=False)
        return State.LISTING, memory, (Report(error, "listing unpaged", 0.0), List({}, first=True))
    then = State.RESOLVING if isinstance(error, NotFound) else State.LISTING
    return _failed(memory, then, error, moment)


def probed(memory: Memory, arrived: inputs.Probed, moment: Moment) -> Step:
    """The server has reached our version: watch on."""
    return _open(replace(memory, tries=0), moment)


def not_probed(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """The question failed: a server behind us, or one that refuses it, is listed."""
    error = arrived.error
    if isinstance(error, StatusError) and error.is_too_large_resource_version:
        return _relist(memory, error, moment)
    if isinstance(error, NotFound):
        return _failed(memory, State.RESOLVING, error, moment)
    if isinstance(error, NetworkError | TooManyRequests):
        return _failed(memory, State.PROBING, error, moment)
    decided = isinstance(error, Expired | BadRequest) or memory.tries + 1 >= OPEN_FAILURES
    return _try_again(memory, State.LISTING if decided else State.PROBING, error, moment)


def opened(memory: Memory, arrived: inputs.Opened, moment: Moment) -> Step:
    """The stream is open: read it."""
    stream = replace(memory.stream, opened_at=moment.now, last_contact=moment.now)
    healthy_since = moment.now if memory.healthy_since is None else memory.healthy_since
    return _read(replace(memory, stream=stream, healthy_since=healthy_since))


def not_opened(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """The watch was refused."""
    return _watch_failed(memory, arrived.error, moment)


def received(memory: Memory, arrived: inputs.Received, moment: Moment) -> Step:
    """Hand changes on."""
    stream = replace(memory.stream, last_contact=moment.now)
    version = later(memory.version, arrived.version)
    memory = replace(memory, version=version, stream=stream, tries=0, silent_ends=0)
    return _read(memory, Push(arrived.deltas, version))


def bookmarked(memory: Memory, arrived: inputs.Bookmarked, moment: Moment) -> Step:
    """Move on without a change; from here on silence means something."""
    stream = replace(memory.stream, last_contact=moment.now, has_bookmarks=True)
    version = later(memory.version, arrived.version)
    memory = replace(memory, version=version, stream=stream, tries=0, silent_ends=0)
    return _read(memory, Push((), version))


def heard(memory: Memory, arrived: inputs.Heard, moment: Moment) -> Step:
    """A sign of life."""
    return _read(replace(memory, stream=replace(memory.stream, last_contact=moment.now)))


def garbled(memory: Memory, arrived: inputs.Garbled, moment: Moment) -> Step:
    """Something was said that nobody understood."""
    # The lines after it get through at once; what it said is made up for by a list, after the back-off.
    stream = replace(memory.stream, last_contact=moment.now)
    memory = replace(memory, stream=stream)
    if memory.repair_at is None:
        delay, backoff = memory.backoff.step(moment.random)
        memory = replace(memory, repair_at=moment.now + delay, backoff=backoff, healthy_since=None)
    seconds = max(0.0, (memory.repair_at or moment.now) - moment.now)
    return _read(memory, Report(arrived.error, State.LISTING.value, seconds))


def error_event(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """The server ended the stream with an error."""
    if isinstance(arrived.error, StatusError) and arrived.error.reason == "StoreReadError":
        return _relist(memory, arrived.error, moment)
    if moment.now - memory.stream.opened_at >= SHORT_WATCH:
        memory = replace(memory, tries=0, list_proved=True)
    return _watch_failed(memory, arrived.error, moment)


def ended(memory: Memory, arrived: inputs.Ended, moment: Moment) -> Step:
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
    memory = replace(memory, tries=0, list_proved=True)
    if memory.silent_ends >= SILENT_ENDS:
        return _probe(memory, CloseStream())
    return _open(memory, moment, CloseStream())


def timed_out(memory: Memory, arrived: inputs.TimedOut, moment: Moment) -> Step:
    """Nothing came until the deadline: repair what is due, or open again."""
    if memory.repair_at is not None and moment.now >= memory.repair_at:
        return _load(memory, moment, CloseStream())
    error = NetworkError(f"the watch was silent for {moment.now - memory.stream.last_contact:.0f} s")
    return _open(memory, moment, CloseStream(), Report(error, State.OPENING.value, 0.0))


def due(memory: Memory, arrived: inputs.Due, moment: Moment) -> Step:
    """The wait is over: do what it was for."""
    if memory.then is State.LISTING:
        return _load(memory, moment)
    if memory.then is State.OPENING:
        return _open(memory, moment)
    if memory.then is State.PROBING:
        return _probe(memory)
    return State.RESOLVING, memory, (Resolve(fresh=True),)


def crashed(memory: Memory, arrived: inputs.Crashed, moment: Moment) -> Step:
    """Start over after an exception that nobody expected: the store may have missed something."""
    return _failed(replace(memory, version=""), State.RESOLVING, arrived.error, moment)
