"""The blocking face of an informer."""

from __future__ import annotations

from collections.abc import Callable

from kubeinformer.blocking.registration import Events, Registration
from kubeinformer.cache.freshness import version_of
from kubeinformer.cache.handlers import OnAdd, OnDelete, OnUpdate
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.fronts.engine import Engine
from kubeinformer.fronts.informer import InformerFront
from kubeinformer.objects import KubernetesObject


class Informer(InformerFront):
    """A current copy of one resource, shared by everybody who asked the factory for it. Thread-safe.

    It is made by :meth:`SharedInformerFactory.informer`.
    """

    def __init__(
        self, shared: SharedIndexInformer, engine: Engine, stop: Callable[[SharedIndexInformer], None]
    ) -> None:
        super().__init__(shared, engine)
        self._stop = stop

    def add_event_handler(
        self,
        on_add: OnAdd | None = None,
        on_update: OnUpdate | None = None,
        on_delete: OnDelete | None = None,
        *,
        resync_period: float | None = None,
        coalesce: bool = False,
    ) -> Registration:
        """Have functions called for what changes, one call after the other.

        Plain functions are called on a thread of their own. Where one is `async def`, all three are called on the
        event loop that runs where they are added. Either way they see the context variables that are set there.

        The cache has taken a change in before a handler hears of it. A handler hears of each object first by
        `on_add`, also when it comes late, then of every change in order; what it raises is reported and costs
        that one call.

        Args:
            on_add: `on_add(obj)`; with a second parameter named `initial` it also learns whether the object was
                there when the handler came.
            on_update: `on_update(old, new)`.
            on_delete: `on_delete(obj)`, with the last known state: a
                :class:`~kubeinformer.DeletedFinalStateUnknown` where the end itself was missed.
            resync_period: Seconds between two replays of the whole cache to `on_update`, from memory; None for
                the factory's period, 0 for none.
            coalesce: Whether only the latest state of an object waits for a slow handler, not every change: `old`
                is what it was told last, and what came and went meanwhile it never hears of.

        Returns:
            The registration: `.has_synced`, `.pending`, `.remove()`.

        Raises:
            UsageError: The informer is stopped, or a function is async and no event loop runs here.
        """
        return Registration(
            self._living().add_event_handler(
                on_add, on_update, on_delete, resync_period=resync_period, coalesce=coalesce
            ),
            self._portal,
        )

    def events(self, *, coalesce: bool = False) -> Events:
        """Return what happens from now on as an iterator, beginning with an `Added` for everything that is there.

        Args:
            coalesce: Whether only the latest state of an object waits to be read, not every change.

        Raises:
            UsageError: The informer is stopped.
        """
        return Events(self._living().add_stream(coalesce=coalesce), self._portal)

    def wait_for(
        self,
        written: str | KubernetesObject,
        timeout: float | None = 30.0,
        *,
        namespace: str | None = None,
    ) -> None:
        """Wait until the cache has seen a version: after a write, say, so that reads show it.

        Versions that are decimal numbers are reached when the cache is at or past them (KEP-5504), others when it
        comes to exactly that one. An informer with a selector hears of versions of other objects only now and
        then, by bookmarks.

        Args:
            written: A resourceVersion, or what a write returned.
            timeout: Seconds; None for as long as it takes.
            namespace: The namespace of the write, where several are watched one by one; an object knows its own.

        Raises:
            StaleCache: Time ran out; it says how far behind the cache is, and why.
            UsageError: Several namespaces are watched, and none is named; or the informer is stopped.
            NotCovered: The namespace is not watched.
            ValueError: There is no version.
        """
        version, namespace = version_of(written, namespace)
        freshness = self._living().freshness
        if not freshness.has_seen(version, namespace):
            self._portal.call(freshness.wait_for, version, timeout, namespace)

    def catch_up(self, timeout: float | None = 30.0) -> None:
        """Wait until the cache is as new as the server is now, whoever wrote: another replica, a lost request.

        It costs the server one list of metadata. For one's own writes `wait_for` is enough.

        Args:
            timeout: Seconds to wait after the list; None for as long as it takes.

        Raises:
            StaleCache: Time ran out.
            NotSynced: Nothing was loaded yet.
            UsageError: The informer is stopped.
            StatusError: The server refused the list.
            NetworkError: No answer.
        """
        self._portal.call(self._engine.core.catch_up, self._living(), timeout)

    def stop(self) -> None:
        """Stop this informer and forget it: the next request for the resource makes a new one.

        What was read stays readable; no handler call begins after this has returned.
        """
        self._stop(self._shared)
