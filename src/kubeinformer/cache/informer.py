"""The informer: queue, store and delivery of one resource, put together.

One thing happens to the store at a time: `push` takes what the watch brings through the queue into the store and
tells the handlers, on the loop's thread. What is not marked so may be called from any thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from kubeinformer.cache.background_errors import BackgroundError, ErrorReporter
from kubeinformer.cache.catching_up import listed_state
from kubeinformer.cache.coverage import Coverage
from kubeinformer.cache.delta_fifo import DeltaFIFO
from kubeinformer.cache.deltas import Item, Queue, ReplacedAll
from kubeinformer.cache.freshness import Freshness
from kubeinformer.cache.handlers import Handlers, OnAdd, OnDelete, OnUpdate
from kubeinformer.cache.indexed_store import IndexedStore
from kubeinformer.cache.indexer import Indexer
from kubeinformer.cache.indexes import Indexers, IndexFunction
from kubeinformer.cache.informer_options import InformerOptions
from kubeinformer.cache.informer_status import InformerStatus, combine
from kubeinformer.cache.list_watch import ListWatch
from kubeinformer.cache.lister import Lister
from kubeinformer.cache.notifications import Updated
from kubeinformer.cache.processor import Processor
from kubeinformer.cache.real_fifo import RealFIFO
from kubeinformer.cache.reflector_counts import ReflectorCounts
from kubeinformer.cache.registration import HandlerRegistration, Registration, StreamRegistration
from kubeinformer.cache.resource_watch import ResourceWatch, Scopes
from kubeinformer.cache.resync import ResyncTimers
from kubeinformer.clock import Clock
from kubeinformer.errors import UsageError
from kubeinformer.objects import KubernetesObject
from kubeinformer.resources import Resource


class SharedIndexInformer:
    """One cache of one resource, for any number of handlers and readers.

    Args:
        options: What to watch.
        indexers: Name to index function.
        resync_period: Seconds between two replays of the cache to a handler that names no period; 0 for none.
        clock: Time and chance.
        reporter: Hears of background errors.
        on_change: Called, on any thread, when `has_synced` of the informer or of a handler may have changed.

    Attributes:
        resource: What discovery says of the resource, None before that.
        sync_duration: The seconds that the first load took, None before its end.
        freshness: How far the cache is, and waiting until it is further.
    """

    def __init__(
        self,
        options: InformerOptions,
        indexers: Mapping[str, IndexFunction],
        *,
        resync_period: float,
        clock: Clock,
        reporter: ErrorReporter,
        on_change: Callable[[], object],
    ) -> None:
        self.options = options
        self._clock = clock
        self._reporter = reporter
        self._on_change = on_change
        self._resync_period = resync_period
        self._store = IndexedStore(
            Indexers(indexers, self._index_failed, on_slow=self._index_slow, now=clock.now)
        )
        self._queue: Queue = DeltaFIFO() if options.queue == "delta" else RealFIFO()
        self._processor = Processor()
        self._resyncs = ResyncTimers(clock, self._replay)
        self.resource: Resource | None = None
        self._scopes: Scopes | None = None  # what must be loaded; None until that is known
        self._watch: ResourceWatch | None = None
        self._coverage = Coverage(options.name, options.namespaces, self._store.has_loaded)
        self.indexer = Indexer(self._store, self._coverage)
        self.lister = Lister(self._store, self._coverage, str(options.reference))
        self.freshness = Freshness(
            options.name,
            versions=lambda: self._store.versions,
            held=lambda: {present.resource_version for present in self._present()},
            reason=lambda: self.status.reason,
            clock=clock,
            namespaces=options.namespaces,
        )
        self.has_synced = False
        self.sync_duration: float | None = None
        self._began: float | None = None
        self._pid = os.getpid()

    # -- what users call ----------------------------------------------------------------------------------------

    def add_event_handler(
        self,
        on_add: OnAdd | None,
        on_update: OnUpdate | None,
        on_delete: OnDelete | None,
        *,
        resync_period: float | None = None,
        coalesce: bool = False,
    ) -> HandlerRegistration:
        """Register handler functions; see the faces' informers for the promises."""
        handlers = Handlers(on_add, on_update, on_delete)
        period = self._resync_period if resync_period is None else resync_period
        if period < 0:
            raise ValueError(f"resync_period is negative: {period}")
        registration = HandlerRegistration(
            f"{self.options.reference}-{handlers.name}",
            handlers,
            discard=self._discard,
            on_synced=self._on_change,
            on_fault=self._handler_failed,
            coalesce=coalesce,
            now=self._clock.now,
        )
        self._processor.add(registration, self._present)
        if period:
            self._resyncs.add(registration, period)
        self._on_change()
        return registration

    def add_stream(self, *, coalesce: bool = False) -> StreamRegistration:
        """Register a stream, which the program reads itself; see the faces' informers for the promises."""
        name = f"{self.options.reference}-events"
        stream = StreamRegistration(name, discard=self._discard, coalesce=coalesce, now=self._clock.now)
        self._processor.add(stream, self._present)
        return stream

    @property
    def handlers_have_synced(self) -> bool:
        """Whether every handler has worked through the first load."""
        return self._processor.has_synced

    @property
    def resource_version(self) -> str | dict[str, str]:
        """The version that the cache has reached, by namespace where several are watched; "" before that."""
        versions = self._store.versions
        if self._scopes is not None and len(self._scopes) > 1:
            return {scope or "": version for scope, version in versions.items()}
        return next(iter(versions.values()), "")

    @property
    def status(self) -> InformerStatus:
        """How the informer is doing."""
        statuses = [reflector.status for reflector in self._watch.reflectors] if self._watch else []
        if os.getpid() != self._pid:
            statuses = [status.orphaned(self._clock.time()) for status in statuses]
        return combine(self.options.name, self.has_synced, self.resource_version, statuses)

    # -- its life -----------------------------------------------------------------------------------------------

    def close(self) -> list[Registration]:
        """Let no further handler call begin, and return the registrations, whose calls may be in flight."""
        return list(self._processor.close())

    # -- what its watch calls, on the loop's thread ---------------------------------------------------------------

    @contextmanager
    def fed_by(self, watch: ResourceWatch) -> Iterator[None]:
        """Be fed by a watch for the length of the context."""
        self._watch = watch
        self._began = self._clock.now() if self._began is None else self._began
        with self._resyncs:
            yield

    def resolved(self, resource: Resource, scopes: Scopes) -> None:
        """Learn what the resource is, and the namespaces that are loaded one by one."""
        self.resource, self._scopes = resource, scopes
        if not resource.namespaced:
            self._coverage.cover_everything()

    def push(self, item: Item) -> None:
        """Take in what the watch brings: into the store, then to the handlers."""
        self._queue.push(item)
        while self._queue:
            taken = self._queue.pop()
            with self._processor.lock:
                self._processor.distribute(self._store.apply(taken))
            self.freshness.arrived(taken)
        if not self.has_synced and self._scopes is not None and self._scopes <= self._store.versions.keys():
            self.has_synced = True
            self.sync_duration = self._clock.now() - (self._began or 0.0)
            self._processor.cache_synced()
            self._on_change()

    def content(self) -> list[Item]:
        """Return what brings another informer of the same objects to the same state."""
        return [
            ReplacedAll(self._present_in(scope), version, scope)
            for scope, version in self._store.versions.items()
        ]

    async def catch_up(
        self, list_watches: Mapping[str | None, ListWatch], timeout: float | None, key: str | None = None
    ) -> None:
        """Wait until the cache is as new as the server is now; `list_watches` by the namespaces that are watched.

        Where a key is given, they list that object alone.
        """

        def present(scope: str | None) -> Iterable[KubernetesObject]:
            return (each for each in self._present_in(scope) if key is None or each.key == key)

        for scope, list_watch in list_watches.items():
            state = await listed_state(list_watch, partial(present, scope))
            await self.freshness.wait_until_shown(state, self.indexer.get_by_key, timeout, scope)

    # -- what metrics ask, from any thread ------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many objects the cache holds."""
        return self._store.read(lambda objects, _: len(objects))

    @property
    def bytes(self) -> int:
        """How many bytes of JSON these are."""
        return sum(len(present.raw) for present in self._present())

    @property
    def numeric_version(self) -> float | None:
        """The lowest version that a watched namespace has reached; None where one is no number."""
        versions = self._store.versions.values()
        return float(min(map(int, versions))) if versions and all(map(str.isdecimal, versions)) else None

    @property
    def counts(self) -> ReflectorCounts:
        """What its watch has done so far."""
        return self._watch.counts if self._watch else ReflectorCounts()

    @property
    def handlers(self) -> dict[str, Registration]:
        """What was added, by name."""
        return self._processor.handlers

    # -- odds and ends ------------------------------------------------------------------------------------------

    def _present(self) -> list[KubernetesObject]:
        return self._store.read(lambda objects, _: list(objects.values()))

    def _present_in(self, scope: str | None) -> list[KubernetesObject]:
        return [found for found in self._present() if scope is None or found.namespace == scope]

    def _discard(self, registration: Registration) -> None:
        self._processor.discard(registration)
        self._resyncs.discard(registration)

    def _replay(self, registration: Registration) -> None:
        with self._processor.lock:
            if registration.has_synced:
                registration.put([Updated(present, present) for present in self._present()])

    def _index_failed(self, name: str, indexed: KubernetesObject, error: BaseException) -> None:
        self._report("index", error, f"{indexed.key} is not in index {name!r}")

    def _index_slow(self, name: str, indexed: KubernetesObject, seconds: float) -> None:
        error = UsageError(f"index {name!r} took {seconds:.1f} s for {indexed.key}")
        self._report("index", error, "the cache waits for it")

    def _handler_failed(self, registration: Registration, error: BaseException) -> None:
        self._report("handler", error, f"{registration.name} goes on with the next change")

    def _report(self, verb: str, error: BaseException, action: str) -> None:
        name = self.resource.group_resource if self.resource else str(self.options.reference)
        self._reporter.report(BackgroundError(name, None, verb, None, error, action))
