"""The reflector: keeps what it feeds equal to one resource of the server, by one list and one watch.

What it decides stands in reflector_states.py. Here is what waits: each effect of the table has its method, and
what comes of it is the next input. It ends only by cancellation.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from operator import attrgetter
from typing import Any, Protocol

from kubeinformer.cache import reflector_effects as effects
from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.background_errors import BackgroundError
from kubeinformer.cache.deltas import Changes, Item, ReplacedAll
from kubeinformer.cache.framing import LineSplitter
from kubeinformer.cache.list_pages import read_page
from kubeinformer.cache.list_watch import ListWatch, WatchStream
from kubeinformer.cache.load import Load
from kubeinformer.cache.load_gate import LoadGate
from kubeinformer.cache.object_reader import ObjectReader
from kubeinformer.cache.reflector_counts import ReflectorCounts, list_reason, watch_end
from kubeinformer.cache.reflector_effects import Effect
from kubeinformer.cache.reflector_inputs import Input
from kubeinformer.cache.reflector_memory import Memory, Moment, State
from kubeinformer.cache.reflector_states import Machine
from kubeinformer.cache.reflector_status import ReflectorStatus
from kubeinformer.cache.watch_events import EventReader
from kubeinformer.clock import Clock, deadline, sleep
from kubeinformer.errors import (
    ConfigurationError,
    InvalidObject,
    InvalidResponse,
    NetworkError,
    StatusError,
)
from kubeinformer.resources import Resource

_ANSWERS = (StatusError, InvalidResponse, NetworkError, ConfigurationError)
_TYPE_NAME = attrgetter("type._name_")  # Enum.name is ten times as slow
_LOADING = (State.LISTING, State.LOADING)


class Sink(Protocol):
    """Where a reflector's findings go; called on the loop's thread, and it does not wait."""

    def resolved(self, resource: Resource) -> ObjectReader:
        """Learn what the resource is, and return what reads its objects."""

    def push(self, item: Item) -> None:
        """Take in what changed."""

    def report(self, error: BackgroundError) -> None:
        """Hear of something that went wrong."""


class Reflector:
    """Lists and watches one resource in one scope, for ever.

    Args:
        list_watch: The connection.
        sink: Where the findings go.
        clock: Time and chance.
        scope: The namespace that `list_watch` is for, None for all of them.
        name: The resource as the program named it, for messages.
        by_watch: Whether to load by a watch (WatchList, KEP-3157) where the server does that.
        gate: Lets a few loads in at a time; None for no bound.
        counts: Where it counts what it does.
    """

    def __init__(
        self,
        list_watch: ListWatch,
        sink: Sink,
        clock: Clock,
        *,
        scope: str | None,
        name: str,
        by_watch: bool = False,
        gate: LoadGate | None = None,
        counts: ReflectorCounts | None = None,
    ) -> None:
        self._list_watch = list_watch
        self._sink = sink
        self._clock = clock
        self.scope = scope
        self._name = name
        self._gate = gate
        self._counts = counts or ReflectorCounts()
        self._reason = "start"  # why the next list is asked for
        self._end = "stopped"  # how the open watch ends
        self._leave_gate: Callable[[], None] | None = None  # where a load of ours is let in
        self.status = ReflectorStatus(stale_since=clock.time())
        self._machine = Machine(memory=Memory(by_watch=by_watch))
        self._resource: Resource | None = None
        self._load = Load()  # what a load that is not finished has brought
        self._stream: WatchStream | None = None
        self._lines = LineSplitter()
        self._heard: deque[Input] = deque()  # inputs of the open stream that were read and not yet taken
        self._reader: ObjectReader
        self._events: EventReader
        self._version = ""  # of the list at work
        self._verb = "discover"
        self._work: dict[type[Any], Callable[[Any], Awaitable[Input]]] = {
            effects.Resolve: self._resolve,
            effects.List: self._list,
            effects.Probe: self._probe,
            effects.OpenWatch: self._open_watch,
            effects.Read: self._read,
            effects.Wait: self._wait,
        }

    async def run(self) -> None:
        """Keep the sink current until cancelled."""
        try:
            todo = self._machine.start()
            while True:
                todo = self._step(await self._carry_out(todo))
        finally:
            self._close_stream()
            self._leave()

    def _step(self, arrived: Input) -> tuple[Effect, ...]:
        moment = Moment(self._clock.now(), self._clock.random())
        self._end = watch_end(arrived) or "stopped"
        try:
            todo = self._machine.step(arrived, moment)
        except Exception as error:  # noqa: BLE001  # a fault of ours: start over rather than die
            todo = self._machine.step(inputs.Crashed(error), moment)
        self._note(state=self._machine.state.value)
        if self._machine.state not in _LOADING:
            self._leave()
        if self._machine.state is State.WATCHING and self.status.stale_since is not None:
            self._note(stale_since=None)
        return todo

    async def _carry_out(self, todo: tuple[Effect, ...]) -> Input:
        """Do what can be done at once, then wait for the last effect to bring the next input."""
        try:
            for effect in todo[:-1]:
                self._do(effect)
            return await self._work[type(todo[-1])](todo[-1])
        except _ANSWERS as error:
            return inputs.Failed(error)
        except Exception as error:  # noqa: BLE001  # whatever it is, the cache must not die of it
            return inputs.Crashed(error)

    # -- what is done at once -----------------------------------------------------------------------------------

    def _do(self, effect: Effect) -> None:
        match effect:
            case effects.Push(deltas, version):
                self._counts.events.update(map(_TYPE_NAME, deltas) if deltas else ("BOOKMARK",))
                self._sink.push(Changes(deltas, version, self.scope))
            case effects.Collect(deltas):
                self._load.collect(deltas)
            case effects.Replace(version):
                self._replace(version)
            case effects.Clear():
                self._sink.push(ReplacedAll([], "", self.scope))
            case effects.CloseStream():
                self._close_stream()
            case effects.Report(error, action, retry_in):
                self._reason = list_reason(error)
                self._report(error, action, retry_in)

    def _replace(self, version: str) -> None:
        load, self._load = self._load, Load()
        self._sink.push(load.replacement(version, self.scope))
        self._note(synced=True)
        for error in load.errors:
            self._set_aside(error)

    def _report(self, error: Exception, action: str, retry_in: float | None) -> None:
        code = getattr(error, "code", None) or None
        name = self._resource.group_resource if self._resource else self._name
        report = BackgroundError(name, self.scope, self._verb, code, error, action, retry_in)
        self._note(last_error=report, errors=self.status.errors + 1)
        self._sink.report(report)

    def _set_aside(self, error: InvalidObject) -> None:
        self._note(set_aside=self.status.set_aside + 1)
        self._counts.decode_errors += 1
        self._report(error, "set aside", None)

    # -- what waits ---------------------------------------------------------------------------------------------

    async def _resolve(self, effect: effects.Resolve) -> Input:
        self._verb = "discover"
        resource = await self._list_watch.resolve(fresh=effect.fresh)
        from_cache = await self._list_watch.serves_consistent_lists()
        changed = self._resource is not None and self._resource != resource
        self._resource = resource
        self._reader = self._sink.resolved(resource)
        await asyncio.sleep(0)  # where another reflector watches the same already, this one is cancelled here
        return inputs.Resolved({"list", "watch"} <= set(resource.verbs), from_cache, changed)

    async def _list(self, effect: effects.List) -> Input:
        self._verb = "list"
        await self._enter()
        if effect.first:
            self._counts.lists[self._reason] += 1
            self._load = Load()
            self._version = ""
            self._note(lists=self.status.lists + 1)
        body = await self._list_watch.list(effect.parameters)
        page = read_page(body, self._reader)
        self._contact()
        self._load.add(page)
        self._version = self._version or page.version
        return inputs.Page(page.token) if page.token else inputs.Listed(self._version)

    async def _probe(self, effect: effects.Probe) -> Input:
        self._verb = "list"
        await self._list_watch.list(effect.parameters)
        return inputs.Probed()

    async def _open_watch(self, effect: effects.OpenWatch) -> Input:
        self._verb = "watch"
        if self._machine.state in _LOADING:
            await self._enter()
        self._note(watches=self.status.watches + 1)
        self._load = Load()
        self._stream = await self._list_watch.watch(effect.parameters)
        self._events = EventReader(self._reader)
        self._contact()
        return inputs.Opened()

    async def _read(self, effect: effects.Read) -> Input:
        assert self._stream is not None
        if self._heard:
            return self._heard.popleft()
        try:
            async with deadline(self._clock, effect.deadline - self._clock.now()):
                chunk = await self._stream.read()
        except TimeoutError:
            return inputs.TimedOut()
        except NetworkError as error:
            return inputs.Ended(error)
        if chunk:
            self._contact()
            self._take(self._lines.feed(chunk))
            return self._heard.popleft() if self._heard else inputs.Heard()
        # A clean end: a last line without its LF counts when it is whole.
        self._take([rest] if (rest := self._lines.rest()) else [], last=True)
        self._heard.append(inputs.Ended(None))
        return self._heard.popleft()

    def _take(self, lines: list[bytes], *, last: bool = False) -> None:
        heard = [said for said in self._events.read(lines) if not (last and isinstance(said, inputs.Garbled))]
        self._heard.extend(heard)
        self._counts.decode_errors += sum(isinstance(said, inputs.Garbled) for said in heard)
        for error in self._events.asides:
            self._load.set_aside(error.key)
            self._set_aside(error)
        self._events.asides.clear()

    async def _enter(self) -> None:
        if self._gate is not None and self._leave_gate is None:
            self._note(state="queued")
            self._leave_gate = await self._gate.enter()
            self._note(state=self._machine.state.value)

    def _leave(self) -> None:
        if self._leave_gate is not None:
            self._leave_gate()
            self._leave_gate = None

    async def _wait(self, effect: effects.Wait) -> Input:
        await sleep(self._clock, effect.seconds)
        return inputs.Due()

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._counts.watches[self._end] += 1
            self._stream.close()
            self._note(stale_since=self.status.stale_since or self._clock.time())
        self._stream = None
        self._lines = LineSplitter()
        self._heard.clear()

    def _contact(self) -> None:
        self._note(last_contact=self._clock.time())

    def _note(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)
