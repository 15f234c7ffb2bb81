"""The factory: one connection and one informer per resource, shared by everybody who asks for the same.

This is the life cycle, on one event loop; the faces (blocking, aio) are fronts of it. `informer`, `status` and
`healthy` are plain calls from any thread.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, get_args

from kubeinformer.cache.background_errors import ErrorReporter, OnError
from kubeinformer.cache.delivery import Delivery
from kubeinformer.cache.indexes import IndexFunction
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.cache.informer_metrics import InformerMetrics
from kubeinformer.cache.informer_options import InformerOptions, LoadMode, QueueMode
from kubeinformer.cache.informer_status import InformerStatus
from kubeinformer.cache.list_watch import ListWatch
from kubeinformer.cache.object_reader import Transform
from kubeinformer.cache.watches import Watches
from kubeinformer.client.client import Client
from kubeinformer.client.config import Config
from kubeinformer.client.list_watch import ResourceListWatch
from kubeinformer.client.session import Session
from kubeinformer.clock import Clock, SystemClock, deadline
from kubeinformer.errors import CacheSyncTimeout, UsageError
from kubeinformer.forks import renew_in_child
from kubeinformer.metrics import MetricsProvider
from kubeinformer.resources import parse_resource
from kubeinformer.selectors import parse_field_selector, parse_label_selector

_log = logging.getLogger("kubeinformer.factory")


UserCode = Delivery[Any]  # what may still run in user code after a stop


class InformerFactory:
    """Makes informers and runs them.

    Args:
        config: The server to talk to.
        namespaces: The namespaces that its informers watch, where they do not say; None for all of them.
        resync_period: Seconds between two replays of a cache to its handlers, where they do not say; 0 for none.
        transform: Applied by its informers, where they do not say.
        on_error: Called with each :class:`BackgroundError`, on a thread of its own.
        metrics: Where its metrics go; None for nowhere.
        clock: Time and chance.

    Attributes:
        session: The connection of its informers.
    """

    def __init__(
        self,
        config: Config,
        *,
        namespaces: Collection[str] | None = None,
        resync_period: float = 0.0,
        transform: Transform | None = None,
        on_error: OnError | None = None,
        metrics: MetricsProvider | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._namespaces = namespaces
        self._resync_period = resync_period
        self._transform = transform
        self._clock = clock or SystemClock()
        self.session = Session(config, self._clock)
        self._reporter = ErrorReporter(self._clock, on_error)
        self._lock = threading.RLock()  # a signal handler may stop it in the middle of a call
        renew_in_child(self, _lock=threading.RLock)
        self._informers: dict[InformerOptions, SharedIndexInformer] = {}
        self._metrics = metrics
        self._source = InformerMetrics(lambda: self.informers, self._clock)
        self._loop_watch: asyncio.Task[None] | None = None
        if metrics is not None:
            metrics.register(self._source)
        self._watches = Watches(self._list_watch, self._clock, self._reporter)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._stopped = False

    # -- from any thread ----------------------------------------------------------------------------------------

    def informer(
        self,
        resource: str,
        *,
        namespaces: Collection[str] | None = None,
        label_selector: str | Mapping[str, str] | None = None,
        field_selector: str | Mapping[str, str] | None = None,
        indexers: Mapping[str, IndexFunction] | None = None,
        transform: Transform | None = None,
        metadata_only: bool = False,
        strip_managed_fields: bool = False,
        load: LoadMode = "list",
        queue: QueueMode = "fifo",
    ) -> SharedIndexInformer:
        """Return the informer for a resource; the faces' factories have the promises.

        Raises:
            ValueError: The resource or a selector is spelled wrong.
            UsageError: The factory is stopped, or another function has the name of an indexer.
        """
        _one_of("load", load, LoadMode)
        _one_of("queue", queue, QueueMode)
        chosen = self._namespaces if namespaces is None else namespaces
        options = InformerOptions(
            parse_resource(resource),
            None if chosen is None else _namespaces(chosen),
            str(parse_label_selector(label_selector)),
            parse_field_selector(field_selector),
            metadata_only,
            self._transform if transform is None else transform,
            strip_managed_fields,
            load,
            queue,
        )
        with self._lock:
            if self._stopped:
                raise UsageError("the factory is stopped")
            known = self._informers.get(options)
            if known is None:
                self._warn_of_a_second_cache(options)
                known = self._informers[options] = self._make(options, indexers or {})
                return known
        known.indexer.add_indexers(indexers or {})
        return known

    @property
    def status(self) -> dict[str, InformerStatus]:
        """How each informer is doing, by its name."""
        return {informer.options.name: informer.status for informer in self.informers}

    def healthy(self, max_age: float | None = None) -> bool:
        """Return whether every informer is synced, and none stale for longer than `max_age` seconds.

        Without `max_age` an informer counts as stale as soon as its watch is not open.
        """
        now = self._clock.time()
        return all(
            status.synced and (status.stale_since is None or now - status.stale_since <= (max_age or 0.0))
            for status in self.status.values()
        )

    @property
    def informers(self) -> list[SharedIndexInformer]:
        """The informers, in the order of their making."""
        with self._lock:
            return list(self._informers.values())

    def changed(self) -> None:
        """Wake those who wait for a cache to sync."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> list[UserCode]:
        """Let no handler call begin any more; return what user code may still be running in."""
        with self._lock:
            self._stopped = True
        if self._metrics is not None:
            self._metrics.unregister(self._source)
        running = [delivery for informer in self.informers for delivery in _deliveries(informer)]
        return [*running, self._reporter.close()]

    # -- on the loop --------------------------------------------------------------------------------------------

    def client(self) -> Client:
        """Return a client on the factory's connection, for the factory's loop."""
        return Client(self.session.config, session=self.session)

    async def start(self) -> None:
        """Start every informer that is not running yet.

        Raises:
            UsageError: The factory is stopped.
        """
        if self._stopped:
            raise UsageError("the factory is stopped")
        self._loop = asyncio.get_running_loop()
        if self._metrics is not None and self._loop_watch is None:
            self._loop_watch = asyncio.create_task(self._source.watch_the_loop())
        for informer in self.informers:
            self._watches.start(informer)

    async def wait_for_cache_sync(self, timeout: float | None, *, handlers: bool) -> None:
        """Wait until every started informer is synced, with `handlers` also every handler.

        Raises:
            CacheSyncTimeout: Some are not after `timeout` seconds; it names them and the reasons.
            UsageError: Nothing was started, or the factory was stopped meanwhile.
        """
        if not self._watches.informers:
            raise UsageError("nothing is started: call start() first")
        await self.wait_until(lambda: self.missing(handlers=handlers), timeout)

    async def wait_until(self, missing: Callable[[], Mapping[str, str]], timeout: float | None) -> None:
        """Wait until nothing is missing of what is loaded; `missing` gives names and reasons.

        Raises:
            CacheSyncTimeout: Something is after `timeout` seconds.
            UsageError: The factory was stopped meanwhile.
        """
        try:
            async with deadline(self._clock, timeout if timeout is not None else float("inf")):
                while not self._stopped and missing():
                    await self._changed.wait()
        except TimeoutError:
            raise CacheSyncTimeout(timeout or 0.0, missing()) from None
        if self._stopped:
            raise UsageError("the factory was stopped")

    async def catch_up(
        self, informer: SharedIndexInformer, timeout: float | None, key: str | None = None
    ) -> None:
        """Wait until a cache is as new as the server is now, which a list of metadata tells.

        Args:
            informer: Its cache.
            timeout: Seconds.
            key: The object that counts; None for all of them.

        Raises:
            StaleCache: It is not after `timeout` seconds.
            NotSynced: It has not loaded anything yet.
            StatusError: The server refused the list.
            NetworkError: No answer.
        """
        informer.indexer.keys()  # raises before the first load
        options = replace(informer.options, metadata_only=True)
        resource = informer.resource
        scopes = options.scopes if resource is None or resource.namespaced else (None,)
        if key is None:
            list_watches = {scope: self._list_watch(options, scope) for scope in scopes}
        else:
            namespace, _, name = key.rpartition("/")
            terms = [options.field_selector, parse_field_selector({"metadata.name": name})]
            options = replace(options, field_selector=",".join(filter(None, terms)))
            scope = namespace if namespace in scopes else None
            list_watches = {scope: self._list_watch(options, namespace or None)}
        await informer.catch_up(list_watches, timeout, key)

    async def stop_informer(self, informer: SharedIndexInformer) -> list[UserCode]:
        """Stop one informer and forget it; return what user code may still be running in."""
        with self._lock:
            self._informers.pop(informer.options, None)
        await self._watches.stop(informer)
        informer.freshness.end()
        return _deliveries(informer)

    async def stop(self) -> None:
        """Stop everything that runs on the loop; `close` comes first."""
        if self._loop_watch is not None:
            self._loop_watch.cancel()
        await self._watches.stop_all()
        await self.session.close()
        self._wake()

    def _list_watch(self, options: InformerOptions, namespace: str | None) -> ListWatch:
        return ResourceListWatch(
            self.session.connection,
            self.session.discovery,
            options.reference,
            namespace=namespace,
            label_selector=options.label_selector,
            field_selector=options.field_selector,
            metadata_only=options.metadata_only,
        )

    def missing(self, *, handlers: bool) -> dict[str, str]:
        """Return what is not synced yet, and why."""
        missing = {}
        for informer in self._watches.informers:
            if not informer.has_synced:
                missing[informer.options.name] = informer.status.reason
            elif handlers and not informer.handlers_have_synced:
                missing[informer.options.name] = "its handlers have not worked through the first load"
        return missing

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _make(self, options: InformerOptions, indexers: Mapping[str, IndexFunction]) -> SharedIndexInformer:
        return SharedIndexInformer(
            options,
            indexers,
            resync_period=self._resync_period,
            clock=self._clock,
            reporter=self._reporter,
            on_change=self.changed,
        )

    def _warn_of_a_second_cache(self, options: InformerOptions) -> None:
        others = [known.name for known in self._informers if known.reference == options.reference]
        if others:
            _log.warning("%s: another cache of the same resource exists: %s", options.name, ", ".join(others))


def _namespaces(namespaces: Collection[str]) -> tuple[str, ...]:
    if isinstance(namespaces, str):
        namespaces = (namespaces,)
    distinct = tuple(dict.fromkeys(namespaces))
    if not distinct or not all(distinct):
        raise ValueError("namespaces is empty, or names an empty one; leave it out to watch all of them")
    return distinct


def _one_of(name: str, value: str, mode: object) -> None:
    if value not in get_args(mode):
        raise ValueError(f"{name} is {' or '.join(map(repr, get_args(mode)))}, not {value!r}")


def _deliveries(informer: SharedIndexInformer) -> list[UserCode]:
    return [registration.delivery for registration in informer.close()]
