"""The steps that several rows of the reflector's table share: back off, list, watch, ask, read on."""

from __future__ import annotations

from dataclasses import replace

from kubeinformer.cache.reflector_effects import (
    CloseStream,
    Effect,
    List,
    OpenWatch,
    Probe,
    Read,
    Report,
    Wait,
)
from kubeinformer.cache.reflector_memory import Memory, Moment, State, Stream
from kubeinformer.errors import (
    ConfigurationError,
    Expired,
    KubeInformerError,
    NetworkError,
    NotFound,
    StatusError,
    TooManyRequests,
)

PAGE_SIZE = 500
HEALTH = 120.0  # seconds without a failure after which the back-off starts again
SHORT_WATCH = 1.0  # seconds
SHORT_SILENCE = 5.0  # seconds: a watch that ends sooner, and where it began, is braked
OPEN_FAILURES, OPEN_FAILING_FOR = 3, 30.0  # refused so often over so many seconds: a list decides
RELIST_PAUSE = 30.0  # seconds after a list within which another one waits
SILENT_STREAMS = 2  # streams in a row that brought no change and no bookmark
PAGE_TRIES = 5  # times that one page is asked for again before the list begins anew
MISSING_RESOURCE_DELAY = 5.0  # seconds between looks for a resource that the server does not have
LONGEST_RETRY_AFTER = 600.0  # seconds


Step = tuple[State, Memory, tuple[Effect, ...]]


def back_off(
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


def load(memory: Memory, moment: Moment, *effects: Effect) -> Step:
    """Begin a list from its first page, at the latest version (never at an exact old one), or a load by a watch."""
    memory = replace(memory, listed_at=moment.now, list_proved=False, repair_at=None)
    memory = replace(memory, token="", page_tries=0, unpaged=False)
    if memory.by_watch and moment.now >= memory.by_watch_from:
        timeout = watch_timeout(moment)
        initial = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        memory = replace(memory, stream=Stream(timeout=timeout))
        return State.LOADING, memory, (*effects, OpenWatch(watch_parameters("", timeout) | initial))
    parameters = {"limit": str(PAGE_SIZE)}
    if not memory.from_cache and not memory.loaded:
        parameters["resourceVersion"] = "0"  # from the cache: on these servers the latest comes from etcd
    return State.LISTING, memory, (*effects, List(parameters, first=True))


def next_page(memory: Memory) -> Step:
    """Ask for the page that the token means."""
    # Token and limit only: a version beside a token is refused.
    parameters = {"limit": str(PAGE_SIZE), "continue": memory.token}
    return State.LISTING, memory, (List(parameters, first=False),)


def relist(memory: Memory, error: Exception, moment: Moment) -> Step:
    """Give the resume point up, and list: at once where the last list is long past, else after a back-off."""
    memory = replace(memory, version="")
    if memory.listed_at is not None and moment.now - memory.listed_at < RELIST_PAUSE:
        if not memory.list_proved:
            # No watch has come of that list: a list costs the server more than a watch, so brake twice as hard.
            memory = replace(memory, backoff=memory.backoff.step(moment.random)[1])
        return back_off(memory, State.LISTING, error, moment)
    return load(memory, moment, CloseStream(), Report(error, State.LISTING.value, 0.0))


def open_watch(memory: Memory, moment: Moment, *effects: Effect) -> Step:
    """Request a watch from the resume point."""
    timeout = watch_timeout(moment)
    memory = replace(memory, stream=Stream(timeout=timeout, start=memory.version))
    return State.OPENING, memory, (*effects, OpenWatch(watch_parameters(memory.version, timeout)))


def watch_timeout(moment: Moment) -> int:
    """Return how long a watch is to last, in seconds: spread out, so that not all of them end at once."""
    return 300 + int(moment.random * 300)


def watch_parameters(version: str, timeout: int) -> dict[str, str]:
    """Return the parameters of a watch; from version "" the server begins with what there is now."""
    parameters = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(timeout)}
    return parameters | ({"resourceVersion": version} if version else {})


def probe(memory: Memory, *effects: Effect) -> Step:
    """Ask for one object, not older than the resume point: a server that is behind it says so."""
    parameters = {
        "limit": "1",
        "resourceVersion": memory.version,
        "resourceVersionMatch": "NotOlderThan",
    }
    return State.PROBING, replace(memory, silent_streams=0), (*effects, Probe(parameters))


def resume(memory: Memory, moment: Moment, *effects: Effect) -> Step:
    """Open again after a stream that held; after silent ones ask first whether the server has reached our version."""
    memory = replace(memory, tries=0, list_proved=True)
    if memory.silent_streams >= SILENT_STREAMS:
        return probe(memory, *effects)
    return open_watch(memory, moment, *effects)


def read_on(memory: Memory, *effects: Effect) -> Step:
    """Go on reading until the stream's deadline, or until a repair is due."""
    deadline = memory.stream.deadline
    if memory.repair_at is not None:
        deadline = min(deadline, memory.repair_at)
    return State.WATCHING, memory, (*effects, Read(deadline))


def watch_failed(memory: Memory, error: KubeInformerError, moment: Moment) -> Step:
    """Decide after a watch was refused, by an HTTP status or by the first word of its stream."""
    if isinstance(error, Expired) or is_behind(error):
        return relist(memory, error, moment)
    if isinstance(error, TooManyRequests):
        return back_off(memory, State.OPENING, error, moment)
    then = State.OPENING
    if isinstance(error, NotFound):
        then = State.RESOLVING
    elif isinstance(error, NetworkError):
        then = State.PROBING  # after an outage the server may be another one, or an older state of itself
    return try_again(memory, then, error, moment)


def try_again(memory: Memory, then: State, error: KubeInformerError, moment: Moment) -> Step:
    """Back off and go to `then`; after enough failures over enough time, let a list decide."""
    first = moment.now if memory.tries == 0 else memory.failing_since
    memory = replace(memory, tries=memory.tries + 1, failing_since=first)
    if memory.tries >= OPEN_FAILURES and moment.now - first >= OPEN_FAILING_FOR:
        then = State.LISTING
    return back_off(memory, then, error, moment)


def is_behind(error: Exception) -> bool:
    """Return whether the server says that it has not reached the asked version."""
    return isinstance(error, StatusError) and error.is_too_large_resource_version


def is_passing(error: Exception) -> bool:
    """Return whether an error is about the moment, and not about what was asked."""
    unanswered = isinstance(error, NetworkError | TooManyRequests | ConfigurationError)
    return unanswered or getattr(error, "code", 0) >= 500
