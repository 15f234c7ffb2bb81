"""Kubernetes informers for Python: a local, indexed, always-current copy of cluster objects.

This is the blocking face. Every name of it that a program needs stands here.
"""

from kubeinformer._version import __version__
from kubeinformer.blocking.client import Client
from kubeinformer.blocking.factory import SharedInformerFactory
from kubeinformer.blocking.informer import Informer
from kubeinformer.blocking.registration import Events, Registration
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
