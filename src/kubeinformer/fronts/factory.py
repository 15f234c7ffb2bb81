"""What a factory is in both faces: everything that does not wait."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Generic, TypeVar

from kubeinformer.cache.background_errors import OnError
from kubeinformer.cache.factory import InformerFactory
from kubeinformer.cache.indexes import IndexFunction
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.cache.informer_options import LoadMode, QueueMode
from kubeinformer.cache.informer_status import InformerStatus
from kubeinformer.cache.object_reader import Transform
from kubeinformer.client.config import Config
from kubeinformer.client.loading import load_config
from kubeinformer.fronts.engine import Engine
from kubeinformer.fronts.informer import InformerFront
from kubeinformer.fronts.portal import Portal
from kubeinformer.metrics import MetricsProvider

FrontT = TypeVar("FrontT", bound=InformerFront)


class FactoryFront(ABC, Generic[FrontT]):
    """The part of a factory that is the same in both faces.

    Attributes:
        engine: What runs it.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        namespaces: Collection[str] | None = None,
        resync_period: float = 0.0,
        transform: Transform | None = None,
        on_error: OnError | None = None,
        metrics: MetricsProvider | None = None,
    ) -> None:
        """Make a factory; nothing is sent before it is started.

        Args:
            config: The server to talk to; None for what :func:`~kubeinformer.load_config` finds.
            namespaces: The namespaces to watch, where an informer does not say; None for all of them.
            resync_period: Seconds between two replays of a cache to its handlers, where they do not say; 0 for none.
            transform: Changes each object before anything sees it, where an informer does not say: a dict in, a
                dict out, or None to keep the object out of the cache. It runs exactly once for each version.
            on_error: Called with each :class:`~kubeinformer.BackgroundError`: what failed, and what is done about
                it. An async function is called on the event loop that makes the factory.
            metrics: Where the metrics of the informers go, such as `kubeinformer.prometheus.PrometheusMetrics()`.

        Raises:
            ConfigurationError: No configuration was given, and none could be found or read.
            UsageError: `on_error` is async, and no event loop runs here.
        """
        self._core = InformerFactory(
            config or load_config(),
            namespaces=namespaces,
            resync_period=resync_period,
            transform=transform,
            on_error=on_error,
            metrics=metrics,
        )
        self._portal = Portal("kubeinformer", self._core.stop)
        self.engine = Engine(self._core, self._portal)

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
    ) -> FrontT:
        """Return the informer for a resource; equal requests share one. Nothing is sent before `start`.

        Args:
            resource: `pods`, `deployments.apps`, `apps/v1/deployments`.
            namespaces: The namespaces to watch, one watch each; None for the factory's.
            label_selector: Only objects whose labels match, chosen by the server.
            field_selector: Only objects whose fields match, such as `metadata.name=web`, chosen by the server.
            indexers: Index name to function; the function gets an object and returns its values. They are added to
                an informer that exists already.
            transform: Changes each object before anything sees it; None for the factory's.
            metadata_only: Whether the server is to send the metadata of the objects only.
            strip_managed_fields: Whether to drop `metadata.managedFields`, which few programs read.
            load: `list` is the cheaper one for the server; `watch` loads by a watch (WatchList, KEP-3157) where the
                server does that, else by a list all the same.
            queue: `fifo` keeps the order of the server across all objects (client-go: RealFIFO); `delta` hands on
                what happened to one object together (client-go: DeltaFIFO).

        Raises:
            ValueError: The resource or a selector is spelled wrong; the message points at the place.
            UsageError: The factory is stopped, or the informer exists already and has another function under the
                name of an indexer.
        """
        self._portal.check_process()
        return self._front(
            self._core.informer(
                resource,
                namespaces=namespaces,
                label_selector=label_selector,
                field_selector=field_selector,
                indexers=indexers,
                transform=transform,
                metadata_only=metadata_only,
                strip_managed_fields=strip_managed_fields,
                load=load,
                queue=queue,
            )
        )

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

    def __reduce__(self) -> str:
        raise TypeError("a factory is bound to its process and cannot be pickled")

    @abstractmethod
    def _front(self, shared: SharedIndexInformer) -> FrontT:
        """Return the face's own form of an informer."""
