"""What an informer is in both faces: everything that does not wait."""

from __future__ import annotations

from kubeinformer.cache.indexer import Indexer
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.cache.informer_status import InformerStatus
from kubeinformer.cache.lister import Lister
from kubeinformer.cache.registration import Registration


class InformerFront:
    """Reads and state of an informer: plain calls from any thread.

    Args:
        shared: The informer.
    """

    def __init__(self, shared: SharedIndexInformer) -> None:
        self._shared = shared

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

    def __repr__(self) -> str:
        return f"<Informer {self._shared.options.name}>"

    def __reduce__(self) -> str:
        raise TypeError("an informer is bound to its process and cannot be pickled")


class RegistrationFront:
    """What can be read of a registration.

    Args:
        registration: The registration.
    """

    def __init__(self, registration: Registration) -> None:
        self._registration = registration

    @property
    def has_synced(self) -> bool:
        """Whether the handler has returned from the add of every object of the first load."""
        return self._registration.has_synced

    @property
    def pending(self) -> int:
        """How many notifications wait for the handler."""
        return self._registration.pending

    def __repr__(self) -> str:
        return f"<Registration {self._registration.name}>"
