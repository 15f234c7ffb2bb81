"""The reflectors of one resource, one for each namespace that is watched, and the informers that they feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, Protocol

from kubeinformer.cache.background_errors import BackgroundError, ErrorReporter
from kubeinformer.cache.deltas import Item
from kubeinformer.cache.indexes import LONGEST_CALL
from kubeinformer.cache.informer_options import InformerOptions
from kubeinformer.cache.list_watch import ListWatch
from kubeinformer.cache.load_gate import LoadGate
from kubeinformer.cache.object_reader import ObjectReader, Transform
from kubeinformer.cache.reflector import Reflector
from kubeinformer.cache.reflector_counts import ReflectorCounts
from kubeinformer.clock import Clock
from kubeinformer.errors import UsageError
from kubeinformer.object_bytes import RAW_BYTES
from kubeinformer.resources import Resource

Scopes = frozenset[str | None]


class Fed(Protocol):
    """An informer, as its watch sees it; called on the loop's thread."""

    options: InformerOptions

    def fed_by(self, watch: ResourceWatch) -> AbstractContextManager[None]:
        """Return the time that the informer is fed, as a context."""

    def resolved(self, resource: Resource, scopes: Scopes) -> None:
        """Learn what the resource is, and what is to be loaded."""

    def push(self, item: Item) -> None:
        """Take in what changed."""

    def content(self) -> list[Item]:
        """Return what brings another informer to the same state."""


class ResourceWatch:
    """Keeps informers current by one list and one watch for each namespace. It belongs to the event loop's thread.

    Args:
        owner: The informer whose options say what is watched.
        list_watch: Returns the connection for a namespace, or for all (None).
        clock: Time and chance.
        reporter: Hears of background errors.
        gate: Lets a few loads in at a time; None for no bound.
        is_leader: Asked with every resource that is resolved: where it says no, somebody else watches the same
            already, has taken the informers over, and cancels this one.

    Attributes:
        informers: Those that are fed.
        resource: What discovery said last, None before that.
        reflectors: Those that run.
        counts: What they have done so far.
    """

    def __init__(
        self,
        owner: Fed,
        list_watch: Callable[[str | None], ListWatch],
        clock: Clock,
        reporter: ErrorReporter,
        *,
        gate: LoadGate | None = None,
        is_leader: Callable[[ResourceWatch, Resource], bool] = lambda _watch, _resource: True,
    ) -> None:
        self.owner = owner
        self.informers: tuple[Fed, ...] = ()
        self.resource: Resource | None = None
        self.reflectors: tuple[Reflector, ...] = ()
        self._list_watch = list_watch
        self._clock = clock
        self._reporter = reporter
        self._gate = gate
        self._is_leader = is_leader
        self.counts = ReflectorCounts()
        self._scopes: Scopes = frozenset()
        self._contexts: dict[Fed, ExitStack] = {}

    async def run(self) -> None:
        """Feed the informers until cancelled."""
        self.reflectors = ()
        self.resource = None
        try:
            async with asyncio.TaskGroup() as tasks:
                self._start_reflectors = partial(self._start, tasks)
                # The first finds out whether the resource has namespaces at all; the others follow then.
                self._start_reflectors(self.owner.options.scopes[:1])
        except asyncio.CancelledError:
            for informer in self.informers:
                self.forget(informer)
            raise

    def feed(self, informer: Fed) -> None:
        """Feed one more informer: first with what the others have, then with what changes."""
        if informer in self.informers:
            return
        self._contexts[informer] = ExitStack()
        self._contexts[informer].enter_context(informer.fed_by(self))
        if self.resource is not None:
            informer.resolved(self.resource, self._scopes)
        for item in self.informers[0].content() if self.informers else ():
            informer.push(item)
        self.informers = (*self.informers, informer)

    def forget(self, informer: Fed) -> None:
        """Feed an informer no more; harmless when it is not fed."""
        if informer in self.informers:
            self.informers = tuple(other for other in self.informers if other is not informer)
            self._contexts.pop(informer).close()

    # -- the reflectors' sink -----------------------------------------------------------------------------------

    def resolved(self, resource: Resource) -> ObjectReader:
        """Learn what the resource is; called by the reflectors."""
        options, is_first = self.owner.options, self.resource is None
        self.resource = resource
        if self._is_leader(self, resource):
            if is_first:
                self._settle_scopes(resource)
            for informer in self.informers:
                informer.resolved(resource, self._scopes)
        transform = options.transform and self._timed(options.transform)
        return ObjectReader(resource, RAW_BYTES, transform, options.strip_managed_fields)

    def push(self, item: Item) -> None:
        """Hand on what a reflector found."""
        for informer in self.informers:
            informer.push(item)

    def report(self, error: BackgroundError) -> None:
        """Pass a background error on."""
        self._reporter.report(error)

    def _timed(self, transform: Transform) -> Transform:
        def timed(value: dict[str, Any]) -> dict[str, Any] | None:
            began = self._clock.now()
            try:
                return transform(value)
            finally:
                seconds = self._clock.now() - began
                if seconds > LONGEST_CALL:
                    self._report_slow(seconds)

        return timed

    def _report_slow(self, seconds: float) -> None:
        name = self.resource.group_resource if self.resource else str(self.owner.options.reference)
        error = UsageError(f"the transform took {seconds:.1f} s for an object")
        self._reporter.report(BackgroundError(name, None, "transform", None, error, "the cache waits for it"))

    def _settle_scopes(self, resource: Resource) -> None:
        scopes = self.owner.options.scopes
        if resource.namespaced or scopes == (None,):
            self._scopes = frozenset(scopes)
            self._start_reflectors(scopes[1:])
            return
        # Its objects live in no namespace: the one watch that runs already covers them.
        self.reflectors[0].scope = None
        self._scopes = frozenset((None,))

    def _start(self, tasks: asyncio.TaskGroup, scopes: tuple[str | None, ...]) -> None:
        for scope in scopes:
            reflector = Reflector(
                self._list_watch(scope),
                self,
                self._clock,
                scope=scope,
                name=str(self.owner.options.reference),
                by_watch=self.owner.options.load == "watch",
                gate=self._gate,
                counts=self.counts,
            )
            self.reflectors = (*self.reflectors, reflector)
            tasks.create_task(reflector.run())
