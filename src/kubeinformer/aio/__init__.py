"""The asyncio face: the names of :mod:`kubeinformer`, awaited where they wait.

Awaitable are `start`, `wait_for_cache_sync`, `run`, `stop`, `remove` and the client's verbs; all reads,
`informer()`, `add_event_handler()` and `events()` are plain calls.
"""

from kubeinformer._version import __version__
from kubeinformer.aio.client import Client
from kubeinformer.aio.factory import SharedInformerFactory
from kubeinformer.aio.informer import Informer
from kubeinformer.aio.registration import Events, Registration
from kubeinformer.cache.background_errors import BackgroundError
from kubeinformer.cache.indexer import Indexer
from kubeinformer.cache.informer_status import InformerStatus
from kubeinformer.cache.lister import Lister
from kubeinformer.cache.notifications import Added, Deleted, Updated
from kubeinformer.client.config import Config
from kubeinformer.client.loading import load_config
from kubeinformer.errors import (
    BadRequest,
    CacheSyncTimeout,
    ConfigurationError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    InvalidObject,
    InvalidResponse,
    KubeInformerError,
    NetworkError,
    NotCovered,
    NotFound,
    NotSynced,
    StatusError,
    TooManyRequests,
    Unauthorized,
    UsageError,
)
from kubeinformer.objects import DeletedFinalStateUnknown, KubernetesObject, OwnerReference

__all__ = [
    "Added",
    "BackgroundError",
    "BadRequest",
    "CacheSyncTimeout",
    "Client",
    "Config",
    "ConfigurationError",
    "Conflict",
    "Deleted",
    "DeletedFinalStateUnknown",
    "Events",
    "Expired",
    "Forbidden",
    "Indexer",
    "Informer",
    "InformerStatus",
    "Invalid",
    "InvalidObject",
    "InvalidResponse",
    "KubeInformerError",
    "KubernetesObject",
    "Lister",
    "NetworkError",
    "NotCovered",
    "NotFound",
    "NotSynced",
    "OwnerReference",
    "Registration",
    "SharedInformerFactory",
    "StatusError",
    "TooManyRequests",
    "Unauthorized",
    "Updated",
    "UsageError",
    "__version__",
    "load_config",
]
