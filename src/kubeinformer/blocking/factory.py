"""The blocking face of the factory."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType, TracebackType
from typing import Any, Self

from kubeinformer.blocking.client import Client
from kubeinformer.blocking.informer import Informer
from kubeinformer.blocking.portal import Portal
from kubeinformer.cache.background_errors import BackgroundError
from kubeinformer.cache.delivery import waits_for_itself
from kubeinformer.cache.factory import InformerFactory, UserCode
from kubeinformer.cache.indexes import IndexFunction
from kubeinformer.cache.informer import LoadMode, SharedIndexInformer
from kubeinformer.cache.informer_status import InformerStatus
from kubeinformer.cache.object_reader import Transform
from kubeinformer.client.config import Config
from kubeinformer.client.loading import load_config

_log = logging.getLogger("kubeinformer.factory")
STOP_WAIT = 0.5  # seconds that stop waits for user code in flight


class SharedInformerFactory:
    """Informers on one connection: one list and one watch per resource, whoever asks for it. Thread-safe.

    As a context manager it stops at the end of the block; it starts only by :meth:`start`, or :meth:`run`.

    Args:
        config: The server to talk to; None for what :func:`~kubeinformer.load_config` finds.
        namespaces: The namespaces to watch, where an informer does not say; None for all of them.
        resync_period: Seconds between two replays of a cache to its handlers, where they do not say; 0 for none.
        transform: Changes each object before anything sees it, where an informer does not say: a dict in, a dict
            out, or None to keep the object out of the cache. It runs exactly once for each version.
        on_error: Called with each :class:`~kubeinformer.BackgroundError`: what failed, and what is done about it.

    Raises:
        ConfigurationError: No configuration was given, and none could be found or read.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        namespaces: Collection[str] | None = None,
        resync_period: float = 0.0,
        transform: Transform | None = None,
        on_error: Callable[[BackgroundError], object] | None = None,
    ) -> None:
        self._core = InformerFactory(
            config or load_config(),
            namespaces=namespaces,
            resync_period=resync_period,
            transform=transform,
            on_error=on_error,
        )
        self._portal = Portal("kubeinformer")
        self._signals: SimpleQueue[None] = SimpleQueue()  # whatever comes in ends `run`
        self._client: Client | None = None

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
    ) -> Informer:
        """Return the informer for a resource; equal requests share one. Nothing is sent before :meth:`start`.

        Args:
            resource: `pods`, `deployments.apps`, `apps/v1/deployments`.
            namespaces: The namespaces to watch, one watch each; None for the factory's.
            label_selector: Only objects whose labels match, chosen by the server.
            field_selector: Only objects whose fields match, such as `metadata.name=web`, chosen by the server.
            indexers: Index name to function; the function gets an object and returns its values.
            transform: Changes each object before anything sees it; None for the factory's.
            metadata_only: Whether the server is to send the metadata of the objects only.
            strip_managed_fields: Whether to drop `metadata.managedFields`, which few programs read.
            load: `list` is the cheaper one for the server; `watch` loads by a watch (WatchList, KEP-3157) where the
                server does that, else by a list all the same.

        Raises:
            ValueError: The resource or a selector is spelled wrong; the message points at the place.
            UsageError: The factory is stopped, or the informer exists already with other indexers.
        """
        shared = self._core.informer(
            resource,
            namespaces=namespaces,
            label_selector=label_selector,
            field_selector=field_selector,
            indexers=indexers,
            transform=transform,
            metadata_only=metadata_only,
            strip_managed_fields=strip_managed_fields,
            load=load,
        )
        return Informer(shared, self._stop_informer)

    def start(self) -> None:
        """Start every informer that is not running yet; it returns at once. Call it again for late informers."""
        self._portal.call(self._core.start)

    def wait_for_cache_sync(self, timeout: float | None = 120.0, *, handlers: bool = False) -> None:
        """Wait until every started informer holds its first load.

        Args:
            timeout: Seconds; None for as long as it takes.
            handlers: Whether to wait until the handlers have returned from their calls for it, too.

        Raises:
            CacheSyncTimeout: Time ran out; it names each resource that is not synced, and why.
            UsageError: Nothing was started, or the factory was stopped.
        """
        self._portal.call(self._core.wait_for_cache_sync, timeout, handlers=handlers)

    def run(self) -> None:
        """Start and sync where that was not done, wait for SIGINT, SIGTERM or :meth:`stop`, then stop.

        Signals are taken in the main thread only; in another thread it waits for :meth:`stop`.

        Raises:
            CacheSyncTimeout: The caches did not fill in 120 s.
        """
        with self._ended_by_signals():
            self.start()
            syncing = self._portal.submit(self._core.wait_for_cache_sync, 120.0, handlers=False)
            syncing.add_done_callback(lambda _: self._signals.put(None))
            self._signals.get()
            if syncing.done() and not syncing.cancelled():
                syncing.result()
                self._signals.get()
            syncing.cancel()
        self.stop()

    def stop(self) -> None:
        """Stop everything within half a second; code of a handler in flight may go on, and is named in the log.

        From inside a handler it does not wait for handlers. Stopping twice is harmless.
        """
        if self._portal.is_stopped:
            return
        self._signals.put(None)
        try:
            running = self._portal.call(self._core.stop)
        finally:
            self._portal.stop()
        _join(running)

    @property
    def client(self) -> Client:
        """Plain requests on the factory's connection, with its credentials."""
        if self._client is None:
            self._client = Client.on_portal(self._portal, self._core.client)
        return self._client

    @property
    def status(self) -> dict[str, InformerStatus]:
        """How each informer is doing, by its name."""
        return self._core.status

    def healthy(self, max_age: float | None = None) -> bool:
        """Return whether every informer is synced and current.

        Args:
            max_age: Seconds for which a watch may be interrupted; None: not at all.
        """
        return self._core.healthy(max_age)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __reduce__(self) -> str:
        raise TypeError("a factory is bound to its process and cannot be pickled")

    def _stop_informer(self, shared: SharedIndexInformer) -> None:
        _join(self._portal.call(self._core.stop_informer, shared))

    @contextmanager
    def _ended_by_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def end(_number: int, _frame: FrameType | None) -> None:
            self._signals.put(None)  # a SimpleQueue may be filled from a signal handler, an Event may not

        before: dict[int, Any] = {
            number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _join(running: Sequence[UserCode]) -> None:
    """Wait a moment for calls in flight, and name those that go on."""
    if waits_for_itself():  # inside a handler: it would wait for itself
        return
    until = time.monotonic() + STOP_WAIT
    for user_code in running:
        if not user_code.join(max(0.0, until - time.monotonic())):
            _log.warning("%s is still running after stop (process %d)", user_code.name, os.getpid())
