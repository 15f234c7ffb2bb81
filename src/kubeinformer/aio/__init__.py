"""The asyncio face: the names of :mod:`kubeinformer`, awaited where they wait.

Awaitable are `start`, `wait_for_cache_sync`, `run`, `stop`, `remove` and the client's verbs; all reads,
`informer()`, `add_event_handler()` and `events()` are plain calls.
"""

from kubeinformer._version import __version__
from kubeinformer.aio.client import Client
from kubeinformer.aio.controller import Controller, run_all
from kubeinformer.aio.factory import SharedInformerFactory
from kubeinformer.aio.finalizer import Finalizer
from kubeinformer.aio.informer import Informer
from kubeinformer.aio.leader_election import LeaderElector
from kubeinformer.aio.registration import Events, Registration
from kubeinformer.aio.waits import wait_until
from kubeinformer.aio.writes import create_or_update
from kubeinformer.cache.background_errors import BackgroundError
from kubeinformer.cache.indexer import Indexer
from kubeinformer.cache.informer_status import InformerStatus
from kubeinformer.cache.lister import Lister
from kubeinformer.cache.notifications import Added, Deleted, Updated
from kubeinformer.client.config import Config
from kubeinformer.client.loading import load_config
from kubeinformer.controller.combinators import all_of, any_of, not_
from kubeinformer.controller.conditions import condition, deleted, exists
from kubeinformer.controller.mappers import owner_of
from kubeinformer.controller.owner_references import owner_reference, set_controller_reference
from kubeinformer.controller.predicates import changed
from kubeinformer.controller.requests import Request, RequeueAfter, Result, requeue_after
from kubeinformer.controller.sources import every
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
    LeadershipLost,
    NetworkError,
    NotCovered,
    NotFound,
    NotSynced,
    ShutDown,
    StaleCache,
    StatusError,
    TerminalError,
    TooManyRequests,
    Unauthorized,
    UsageError,
    WaitTimeout,
)
from kubeinformer.events.event_recorder import EventRecorder
from kubeinformer.leader_election.leadership import Leadership
from kubeinformer.objects import DeletedFinalStateUnknown, KubernetesObject, OwnerReference
from kubeinformer.workqueue.limiters import (
    BucketRateLimiter,
    ItemExponentialFailureRateLimiter,
    ItemFastSlowRateLimiter,
    MaxOfRateLimiter,
    RateLimiter,
    WithMaxWaitRateLimiter,
    default_controller_rate_limiter,
    default_item_based_rate_limiter,
)
from kubeinformer.workqueue.queue import WorkQueue

__all__ = [
    "Added",
    "BackgroundError",
    "BadRequest",
    "BucketRateLimiter",
    "CacheSyncTimeout",
    "Client",
    "Config",
    "ConfigurationError",
    "Conflict",
    "Controller",
    "Deleted",
    "DeletedFinalStateUnknown",
    "EventRecorder",
    "Events",
    "Expired",
    "Finalizer",
    "Forbidden",
    "Indexer",
    "Informer",
    "InformerStatus",
    "Invalid",
    "InvalidObject",
    "InvalidResponse",
    "ItemExponentialFailureRateLimiter",
    "ItemFastSlowRateLimiter",
    "KubeInformerError",
    "KubernetesObject",
    "LeaderElector",
    "Leadership",
    "LeadershipLost",
    "Lister",
    "MaxOfRateLimiter",
    "NetworkError",
    "NotCovered",
    "NotFound",
    "NotSynced",
    "OwnerReference",
    "RateLimiter",
    "Registration",
    "Request",
    "RequeueAfter",
    "Result",
    "SharedInformerFactory",
    "ShutDown",
    "StaleCache",
    "StatusError",
    "TerminalError",
    "TooManyRequests",
    "Unauthorized",
    "Updated",
    "UsageError",
    "WaitTimeout",
    "WithMaxWaitRateLimiter",
    "WorkQueue",
    "__version__",
    "all_of",
    "any_of",
    "changed",
    "condition",
    "create_or_update",
    "default_controller_rate_limiter",
    "default_item_based_rate_limiter",
    "deleted",
    "every",
    "exists",
    "load_config",
    "not_",
    "owner_of",
    "owner_reference",
    "requeue_after",
    "run_all",
    "set_controller_reference",
    "wait_until",
]
