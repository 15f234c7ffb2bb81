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
    List,
    Push,
    Replace,
    Report,
    Resolve,
    Wait,
)
from kubeinformer.cache.reflector_memory import Memory, Moment, State
from kubeinformer.cache.reflector_steps import (
    MISSING_RESOURCE_DELAY,
    OPEN_FAILURES,
    PAGE_SIZE,
    SHORT_WATCH,
    SILENT_ENDS,
    Step,
    back_off,
    load,
    open_watch,
    probe,
    read_on,
    relist,
    try_again,
    watch_failed,
)
from kubeinformer.errors import (
    BadRequest,
    Expired,
    InvalidResponse,
    NetworkError,
    NotFound,
    StatusError,
    TooManyRequests,
)
from kubeinformer.resource_versions import later


def resolved(memory: Memory, arrived: inputs.Resolved, moment: Moment) -> Step:
    """Discovery knows the resource: watch on where that is possible, else list."""
    memory = replace(memory, from_cache=arrived.from_cache)
    if not arrived.can_watch:
        error = InvalidResponse("cannot be watched: the server offers no list and watch for it")
        return back_off(memory, State.RESOLVING, error, moment)
    if memory.version and not arrived.changed:
        return open_watch(memory, moment)
    return load(memory, moment)


def not_resolved(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """Discovery failed, or does not have the resource."""
    error = arrived.error
    if not (isinstance(error, NotFound) and error.reason == "ResourceNotFound"):
        return back_off(memory, State.RESOLVING, error, moment)
    # Fresh discovery, whole and healthy, does not have it: only this verdict empties a store.
    delay = MISSING_RESOURCE_DELAY * (1.0 + moment.random)
    state, after, effects = back_off(memory, State.RESOLVING, error, moment, delay=delay)
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
        return back_off(memory, State.LISTING, error, moment)
    memory = replace(memory, version=arrived.version, loaded=True, tries=0, silent_ends=0)
    return open_watch(memory, moment, Replace(arrived.version))


def not_listed(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """A list failed: without pages after an expired token, else after the back-off."""
    error = arrived.error
    if isinstance(error, Expired) and memory.paging and not memory.unpaged:
        memory = replace(memory, unpaged=True, paging=False)
        return State.LISTING, memory, (Report(error, "listing unpaged", 0.0), List({}, first=True))
    then = State.RESOLVING if isinstance(error, NotFound) else State.LISTING
    return back_off(memory, then, error, moment)


def probed(memory: Memory, arrived: inputs.Probed, moment: Moment) -> Step:
    """The server has reached our version: watch on."""
    return open_watch(replace(memory, tries=0), moment)


def not_probed(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """The question failed: a server behind us, or one that refuses it, is listed."""
    error = arrived.error
    if isinstance(error, StatusError) and error.is_too_large_resource_version:
        return relist(memory, error, moment)
    if isinstance(error, NotFound):
        return back_off(memory, State.RESOLVING, error, moment)
    if isinstance(error, NetworkError | TooManyRequests):
        return back_off(memory, State.PROBING, error, moment)
    decided = isinstance(error, Expired | BadRequest) or memory.tries + 1 >= OPEN_FAILURES
    return try_again(memory, State.LISTING if decided else State.PROBING, error, moment)


def opened(memory: Memory, arrived: inputs.Opened, moment: Moment) -> Step:
    """The stream is open: read it."""
    stream = replace(memory.stream, opened_at=moment.now, last_contact=moment.now)
    healthy_since = moment.now if memory.healthy_since is None else memory.healthy_since
    return read_on(replace(memory, stream=stream, healthy_since=healthy_since))


def not_opened(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """The watch was refused."""
    return watch_failed(memory, arrived.error, moment)


def received(memory: Memory, arrived: inputs.Received, moment: Moment) -> Step:
    """Hand changes on."""
    stream = replace(memory.stream, last_contact=moment.now)
    version = later(memory.version, arrived.version)
    memory = replace(memory, version=version, stream=stream, tries=0, silent_ends=0)
    return read_on(memory, Push(arrived.deltas, version))


def bookmarked(memory: Memory, arrived: inputs.Bookmarked, moment: Moment) -> Step:
    """Move on without a change; from here on silence means something."""
    stream = replace(memory.stream, last_contact=moment.now, has_bookmarks=True)
    version = later(memory.version, arrived.version)
    memory = replace(memory, version=version, stream=stream, tries=0, silent_ends=0)
    return read_on(memory, Push((), version))


def heard(memory: Memory, arrived: inputs.Heard, moment: Moment) -> Step:
    """A sign of life."""
    return read_on(replace(memory, stream=replace(memory.stream, last_contact=moment.now)))


def garbled(memory: Memory, arrived: inputs.Garbled, moment: Moment) -> Step:
    """Something was said that nobody understood."""
    # The lines after it get through at once; what it said is made up for by a list, after the back-off.
    stream = replace(memory.stream, last_contact=moment.now)
    memory = replace(memory, stream=stream)
    if memory.repair_at is None:
        delay, backoff = memory.backoff.step(moment.random)
        memory = replace(memory, repair_at=moment.now + delay, backoff=backoff, healthy_since=None)
    seconds = max(0.0, (memory.repair_at or moment.now) - moment.now)
    return read_on(memory, Report(arrived.error, State.LISTING.value, seconds))


def error_event(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """The server ended the stream with an error."""
    if isinstance(arrived.error, StatusError) and arrived.error.reason == "StoreReadError":
        return relist(memory, arrived.error, moment)
    if moment.now - memory.stream.opened_at >= SHORT_WATCH:
        memory = replace(memory, tries=0, list_proved=True)
    return watch_failed(memory, arrived.error, moment)


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
            return try_again(memory, State.OPENING, error, moment)
        delay, _ = Backoff().step(moment.random)  # it moves on: no growing delay, but a pause
        return State.WAITING, replace(memory, then=State.OPENING), (CloseStream(), Wait(delay))
    memory = replace(memory, tries=0, list_proved=True)
    if memory.silent_ends >= SILENT_ENDS:
        return probe(memory, CloseStream())
    return open_watch(memory, moment, CloseStream())


def timed_out(memory: Memory, arrived: inputs.TimedOut, moment: Moment) -> Step:
    """Nothing came until the deadline: repair what is due, or open again."""
    if memory.repair_at is not None and moment.now >= memory.repair_at:
        return load(memory, moment, CloseStream())
    error = NetworkError(f"the watch was silent for {moment.now - memory.stream.last_contact:.0f} s")
    return open_watch(memory, moment, CloseStream(), Report(error, State.OPENING.value, 0.0))


def due(memory: Memory, arrived: inputs.Due, moment: Moment) -> Step:
    """The wait is over: do what it was for."""
    if memory.then is State.LISTING:
        return load(memory, moment)
    if memory.then is State.OPENING:
        return open_watch(memory, moment)
    if memory.then is State.PROBING:
        return probe(memory)
    return State.RESOLVING, memory, (Resolve(fresh=True),)


def crashed(memory: Memory, arrived: inputs.Crashed, moment: Moment) -> Step:
    """Start over after an exception that nobody expected: the store may have missed something."""
    return back_off(replace(memory, version=""), State.RESOLVING, arrived.error, moment)
