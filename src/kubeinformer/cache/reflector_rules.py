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
    PAGE_TRIES,
    SHORT_SILENCE,
    SHORT_WATCH,
    SILENT_STREAMS,
    Step,
    back_off,
    is_behind,
    is_passing,
    load,
    next_page,
    open_watch,
    probe,
    read_on,
    relist,
    resume,
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
    """Watch on where there is a resume point, else load."""
    memory = replace(memory, from_cache=arrived.from_cache, missing=False)
    if not arrived.can_watch:
        error = InvalidResponse("cannot be watched: the server offers no list and watch for it")
        return back_off(memory, State.RESOLVING, error, moment)
    if memory.version and not arrived.changed:
        return open_watch(memory, moment)
    return load(replace(memory, version=""), moment)


def not_resolved(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """Back off; empty the store where discovery says for the second time that the resource is gone."""
    error = arrived.error
    if not (isinstance(error, NotFound) and error.reason == "ResourceNotFound"):
        return back_off(replace(memory, missing=False), State.RESOLVING, error, moment)
    delay = MISSING_RESOURCE_DELAY * (1.0 + moment.random)
    state, after, effects = back_off(memory, State.RESOLVING, error, moment, delay=delay)
    after = replace(after, missing=True, backoff=memory.backoff)
    if memory.loaded and memory.missing:
        # Only this empties a store: fresh discovery, whole and healthy, twice in a row. Once is not enough, since
        # for a moment after its start a real API server answers without its custom resources.
        return state, replace(after, version="", loaded=False), (Clear(), *effects)
    return state, after, effects


def page(memory: Memory, arrived: inputs.Page, moment: Moment) -> Step:
    """Ask for the next page; for everything at once where a page asks for itself."""
    if arrived.token == memory.token:
        error = InvalidResponse("the list does not end: a page asks for itself", verb="list")
        return _without_pages(memory, error, moment)
    return next_page(replace(memory, token=arrived.token, page_tries=0))


def listed(memory: Memory, arrived: inputs.Listed, moment: Moment) -> Step:
    """Store the list, then watch from its version."""
    if not arrived.version:
        error = InvalidResponse("cannot be watched: the list has no resourceVersion", verb="list")
        return _undecided(memory, error, moment)
    memory = replace(memory, version=arrived.version, loaded=True, tries=0, silent_streams=0, token="")
    return open_watch(memory, moment, Replace(arrived.version))


def not_listed(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """Ask for the same page again where that may help, for everything at once where its token has expired."""
    error = arrived.error
    if isinstance(error, NotFound):
        return back_off(replace(memory, token=""), State.RESOLVING, error, moment)
    if isinstance(error, Expired) and memory.token:
        return _without_pages(memory, error, moment)
    if is_passing(error) and memory.token and memory.page_tries < PAGE_TRIES:
        return back_off(replace(memory, page_tries=memory.page_tries + 1), State.LISTING, error, moment)
    return _undecided(memory, error, moment)


def _without_pages(memory: Memory, error: Exception, moment: Moment) -> Step:
    if memory.unpaged:
        return _undecided(memory, error, moment)
    memory = replace(memory, unpaged=True, token="", page_tries=0)
    return State.LISTING, memory, (Report(error, "listing unpaged", 0.0), List({}, first=True))


def _undecided(memory: Memory, error: Exception, moment: Moment) -> Step:
    """Back off, and list from the first page; where there still is a resume point, the watch has its turn first."""
    memory = replace(memory, token="", tries=0)
    return back_off(memory, State.OPENING if memory.version else State.LISTING, error, moment)


def probed(memory: Memory, arrived: inputs.Probed, moment: Moment) -> Step:
    """Watch on: the server has reached our version."""
    return open_watch(memory, moment)


def not_probed(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """List where the server is behind us, or refuses to say; ask again where nobody is there."""
    error = arrived.error
    if isinstance(error, Expired | BadRequest) or is_behind(error):
        return relist(memory, error, moment)
    if isinstance(error, NotFound):
        return back_off(memory, State.RESOLVING, error, moment)
    if isinstance(error, NetworkError):  # nobody is there: that says nothing against the watch
        return back_off(replace(memory, tries=0), State.PROBING, error, moment)
    if isinstance(error, TooManyRequests):
        return back_off(memory, State.PROBING, error, moment)
    decided = memory.tries + 1 >= OPEN_FAILURES
    return try_again(memory, State.LISTING if decided else State.PROBING, error, moment)


def opened(memory: Memory, arrived: inputs.Opened, moment: Moment) -> Step:
    """Read the stream."""
    stream = replace(memory.stream, opened_at=moment.now, last_contact=moment.now)
    healthy_since = moment.now if memory.healthy_since is None else memory.healthy_since
    memory = replace(memory, silent_streams=memory.silent_streams + 1)
    return read_on(replace(memory, stream=stream, healthy_since=healthy_since))


def not_opened(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """Try again from the same version; list where it is gone, or where nothing has helped for 30 s."""
    return watch_failed(memory, arrived.error, moment)


def received(memory: Memory, arrived: inputs.Received, moment: Moment) -> Step:
    """Hand the changes on, and move the resume point."""
    stream = replace(memory.stream, last_contact=moment.now)
    version = later(memory.version, arrived.version)
    memory = replace(memory, version=version, stream=stream, tries=0, silent_streams=0)
    return read_on(memory, Push(arrived.deltas, version))


def bookmarked(memory: Memory, arrived: inputs.Bookmarked, moment: Moment) -> Step:
    """Move the resume point without a change; from here on silence means something."""
    stream = replace(memory.stream, last_contact=moment.now, has_bookmarks=True)
    version = later(memory.version, arrived.version)
    memory = replace(memory, version=version, stream=stream, tries=0, silent_streams=0)
    return read_on(memory, Push((), version))


def heard(memory: Memory, arrived: inputs.Heard, moment: Moment) -> Step:
    """Read on: a sign of life."""
    return read_on(replace(memory, stream=replace(memory.stream, last_contact=moment.now)))


def garbled(memory: Memory, arrived: inputs.Garbled, moment: Moment) -> Step:
    """Read on, and make up for a line that nobody understood by a list after the back-off."""
    # The lines after it get through at once; what it said is made up for by a list, after the back-off.
    stream = replace(memory.stream, last_contact=moment.now)
    memory = replace(memory, stream=stream)
    if memory.repair_at is None:
        delay, backoff = memory.backoff.step(moment.random)
        memory = replace(memory, repair_at=moment.now + delay, backoff=backoff, healthy_since=None)
    seconds = max(0.0, (memory.repair_at or moment.now) - moment.now)
    return read_on(memory, Report(arrived.error, State.LISTING.value, seconds))


def error_event(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """Decide as if the watch had been refused; the server ended the stream with an error."""
    if isinstance(arrived.error, StatusError) and arrived.error.reason == "StoreReadError":
        return relist(memory, arrived.error, moment)
    if moment.now - memory.stream.opened_at >= SHORT_WATCH:
        memory = replace(memory, list_proved=True)
    return watch_failed(memory, arrived.error, moment)


def ended(memory: Memory, arrived: inputs.Ended, moment: Moment) -> Step:
    """Open again from the resume point: no list for a cut, a load balancer's close or a time-out."""
    if memory.repair_at is not None:
        seconds = max(0.0, memory.repair_at - moment.now)
        memory = replace(memory, version="", then=State.LISTING)
        return State.WAITING, memory, (CloseStream(), Wait(seconds))
    lasted = moment.now - memory.stream.opened_at
    if lasted < SHORT_SILENCE and memory.version == memory.stream.start:
        error = arrived.error or NetworkError(f"the watch ended after {lasted:.1f} s")
        if lasted < SHORT_WATCH:
            return try_again(memory, State.OPENING, error, moment)
        # Something on the way cuts what is idle: brake, but a list would change nothing.
        then = State.PROBING if memory.silent_streams >= SILENT_STREAMS else State.OPENING
        return back_off(replace(memory, list_proved=True), then, error, moment)
    if lasted < SHORT_WATCH:
        delay, _ = Backoff().step(moment.random)  # it moves on: no growing delay, but a pause
        return State.WAITING, replace(memory, then=State.OPENING), (CloseStream(), Wait(delay))
    return resume(memory, moment, CloseStream())


def timed_out(memory: Memory, arrived: inputs.TimedOut, moment: Moment) -> Step:
    """Open again after silence, or list to make up for a line that nobody understood."""
    if memory.repair_at is not None and moment.now >= memory.repair_at:
        return load(replace(memory, version=""), moment, CloseStream())
    error = NetworkError(f"the watch was silent for {moment.now - memory.stream.last_contact:.0f} s")
    state, memory, effects = resume(memory, moment)
    return state, memory, (CloseStream(), Report(error, state.value, 0.0), *effects)


def due(memory: Memory, arrived: inputs.Due, moment: Moment) -> Step:
    """Do what the wait was for."""
    if memory.then is State.LISTING:
        return next_page(memory) if memory.token else load(memory, moment)
    if memory.then is State.OPENING:
        return open_watch(memory, moment)
    if memory.then is State.PROBING:
        return probe(memory)
    return State.RESOLVING, memory, (Resolve(fresh=True),)


def crashed(memory: Memory, arrived: inputs.Crashed, moment: Moment) -> Step:
    """Start over after an exception that nobody expected: the store may have missed something."""
    return back_off(replace(memory, version="", token=""), State.RESOLVING, arrived.error, moment)
