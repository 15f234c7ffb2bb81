"""The blocking face of an informer."""

from __future__ import annotations

from collections.abc import Callable

from kubeinformer.cache.handlers import OnAdd, OnDelete, OnUpdate
from kubeinformer.cache.indexer import Indexer
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.cache.informer_status import InformerStatus
from kubeinformer.cache.lister import Lister
from kubeinformer.cache.registration import Registration


class Informer:
    """A current copy of one resource, shared by everybody who asked the factory for it. Thread-safe.

    It is made by :meth:`SharedInformerFactory.informer`.
    """

    def __init__(self, shared: SharedIndexInformer, stop: Callable[[SharedIndexInformer], None]) -> None:
        self._shared = shared
        self._stop = stop

    def add_event_handler(
        self,
        on_add: OnAdd | None = None,
        on_update: OnUpdate | None = None,
        on_delete: OnDelete | None = None,
        *,
        resync_period: float | None = None,
    ) -> Registration:
        """Have functions called for what changes, on a thread of their own, one call after the other.

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

        Returns:
            The registration: `.has_synced`, `.pending`, `.remove()`.

        Raises:
            UsageError: The informer is stopped, or a function is a coroutine function.
        """
        return self._shared.add_event_handler(on_add, on_update, on_delete, resync_period=resync_period)

    @property
    def lister(self) -> Lister:
        """Reads by namespace, name and label selector."""
        return self._shared.lister

    @property
    def indexer(self) -> Indexer:
        """Reads by key and by index."""
        return self._shared.indexer

    @property
    def has_synced(self) -> bool:
        """Whether the first load is in the cache; once true it stays true."""
        return self._shared.has_synced

    @property
    def resource_version(self) -> str | dict[str, str]:
        """The version that the cache has reached, by namespace where several are watched; "" before that."""
        return self._shared.resource_version

    @property
    def status(self) -> InformerStatus:
        """How it is doing: synced, stale since, last contact, last error, counts of lists and watches."""
        return self._shared.status

    def stop(self) -> None:
        """Stop this informer and forget it: the next request for the resource makes a new one.

        What was read stays readable; no handler call begins after this has returned.
        """
        self._stop(self._shared)

    def __repr__(self) -> str:
        return f"<Informer {self._shared.options.name}>"

    def __reduce__(self) -> str:
        raise TypeError("an informer is bound to its process and cannot be pickled")
