"""The rows of the reflector's table for a load by a watch (WatchList, KEP-3157).

The server sends what there is as ADDED events and closes them with a marked bookmark; the same stream then goes on
with what changes. What comes before the bookmark is collected beside the store, and thrown away whole where it does
not come; its versions are never a place to resume from. Where a server does not do this, a list does, and for an
hour it is not tried again.
"""

from __future__ import annotations

from dataclasses import replace

from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.reflector_effects import CloseStream, Collect, Read, Replace, Report
from kubeinformer.cache.reflector_memory import Memory, Moment, State
from kubeinformer.cache.reflector_steps import Step, back_off, is_passing, load, read_on
from kubeinformer.errors import ConfigurationError, InvalidResponse, NetworkError, NotFound, TooManyRequests

LOAD_SILENCE = 10.0  # seconds without a byte after which a load is given up
LOAD_LIMIT = 300.0  # seconds that a load may take: a server that ignores the request goes on for ever
REMEMBERED = 3600.0  # seconds for which a server that does not do this is not asked again
BRIEFLY = 60.0  # seconds, where nobody said that it does not
LOAD_TRIES = 2


def load_opened(memory: Memory, arrived: inputs.Opened, moment: Moment) -> Step:
    """Read the stream of the load."""
    stream = replace(memory.stream, opened_at=moment.now, last_contact=moment.now)
    return _go_on(replace(memory, stream=stream), moment)


def load_received(memory: Memory, arrived: inputs.Received, moment: Moment) -> Step:
    """Collect what came; it says nothing yet."""
    return _go_on(memory, moment, Collect(arrived.deltas))


def load_heard(memory: Memory, arrived: inputs.Heard, moment: Moment) -> Step:
    """Read on: a sign of life."""
    return _go_on(memory, moment)


def load_bookmarked(memory: Memory, arrived: inputs.Bookmarked, moment: Moment) -> Step:
    """Store what was collected once the marked bookmark closes the load, and go on with the same stream."""
    if not arrived.ends_load:
        return _go_on(memory, moment)
    stream = replace(memory.stream, start=arrived.version, last_contact=moment.now)
    healthy_since = moment.now if memory.healthy_since is None else memory.healthy_since
    memory = replace(
        memory, version=arrived.version, stream=stream, healthy_since=healthy_since, loaded=True, tries=0
    )
    memory = replace(memory, silent_streams=0)
    return read_on(memory, Replace(arrived.version))


def load_garbled(memory: Memory, arrived: inputs.Garbled, moment: Moment) -> Step:
    """List instead: something in the load could not be understood."""
    return _list_instead(memory, arrived.error, moment)


def load_timed_out(memory: Memory, arrived: inputs.TimedOut, moment: Moment) -> Step:
    """List instead: the closing bookmark did not come in time."""
    seconds = moment.now - memory.stream.opened_at
    return _list_instead(memory, InvalidResponse(f"WatchList: not finished after {seconds:.0f} s"), moment)


def load_ended(memory: Memory, arrived: inputs.Ended, moment: Moment) -> Step:
    """Load once more after a cut before the closing bookmark; list after a second one, or a clean end."""
    if arrived.error is None or memory.tries + 1 >= LOAD_TRIES:
        return _list_instead(memory, arrived.error or InvalidResponse("WatchList: ended unfinished"), moment)
    return back_off(replace(memory, tries=memory.tries + 1), State.LISTING, arrived.error, moment)


def load_failed(memory: Memory, arrived: inputs.Failed, moment: Moment) -> Step:
    """Load later where the refusal is about the moment, by a list where it is about the load."""
    error = arrived.error
    if isinstance(error, NotFound):
        return back_off(memory, State.RESOLVING, error, moment)
    if isinstance(error, TooManyRequests):
        return back_off(memory, State.LISTING, error, moment)
    if isinstance(error, NetworkError | ConfigurationError) and memory.tries + 1 < LOAD_TRIES:
        return back_off(replace(memory, tries=memory.tries + 1), State.LISTING, error, moment)
    return _list_instead(memory, error, moment, remembered=BRIEFLY if is_passing(error) else REMEMBERED)


def _go_on(memory: Memory, moment: Moment, *effects: Collect) -> Step:
    memory = replace(memory, stream=replace(memory.stream, last_contact=moment.now))
    deadline = min(moment.now + LOAD_SILENCE, memory.stream.opened_at + LOAD_LIMIT)
    return State.LOADING, memory, (*effects, Read(deadline))


def _list_instead(
    memory: Memory, error: Exception, moment: Moment, *, remembered: float = REMEMBERED
) -> Step:
    memory = replace(memory, by_watch_from=moment.now + remembered)
    return load(memory, moment, CloseStream(), Report(error, State.LISTING.value, 0.0))
