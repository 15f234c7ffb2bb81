"""What an informer is in both faces: everything that does not wait."""

from __future__ import annotations

from kubeinformer.cache.indexer import Indexer
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.cache.informer_status import InformerStatus
from kubeinformer.cache.lister import Lister
from kubeinformer.cache.registration import Registration, StreamRegistration
from kubeinformer.fronts.engine import Engine
from kubeinformer.fronts.portal import Portal


class InformerFront:
    """Reads and state of an informer: plain calls from any thread.

    In a child process reads answer with what was there at the fork, and `status` says that it is stale.

    Args:
        shared: The informer.
        engine: Where it runs.
    """

    def __init__(self, shared: SharedIndexInformer, engine: Engine) -> None:
        self._shared = shared
        self._engine = engine
        self._portal = engine.portal

    @property
    def engine(self) -> Engine:
        """Where it runs: its factory."""
        return self._engine

    @property
    def shared(self) -> SharedIndexInformer:
        """The informer that this is a front of."""
        return self._living()

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

    def _living(self) -> SharedIndexInformer:
        self._portal.check_process()
        return self._shared

    def __repr__(self) -> str:
        return f"<Informer {self._shared.options.name}>"

    def __reduce__(self) -> str:
        raise TypeError("an informer is bound to its process and cannot be pickled")


class RegistrationFront:
    """What can be read of a registration.

    Args:
        registration: The registration.
        portal: Where the engine of its informer runs.
    """

    def __init__(self, registration: Registration, portal: Portal) -> None:
        self._registration = registration
        self._portal = portal

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

    def __reduce__(self) -> str:
        raise TypeError("a registration is bound to its process and cannot be pickled")


class EventsFront:
    """What can be read of a stream of events.

    Args:
        stream: The stream.
        portal: Where the engine of its informer runs.
    """

    def __init__(self, stream: StreamRegistration, portal: Portal) -> None:
        self._stream = stream
        self._portal = portal

    @property
    def pending(self) -> int:
        """How many events wait to be read."""
        return self._stream.pending

    def close(self) -> None:
        """End it, here and for whoever waits for the next event; what was not read is dropped."""
        self._stream.detach()

    def __del__(self) -> None:
        self._stream.is_abandoned = True  # no lock is taken here: any thread may run this at any time

    def __repr__(self) -> str:
        return f"<Events {self._stream.name}>"

    def __reduce__(self) -> str:
        raise TypeError("a stream of events is bound to its process and cannot be pickled")
