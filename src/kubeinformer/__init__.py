"""Kubernetes informers for Python: a local, indexed, always-current copy of cluster objects.

This is the blocking face. Every name of it that a program needs stands here.
"""

from kubeinformer._version import __version__
from kubeinformer.blocking.client import Client
from kubeinformer.blocking.controller import Controller, run_all
from kubeinformer.blocking.factory import SharedInformerFactory
from kubeinformer.blocking.finalizer import Finalizer
from kubeinformer.blocking.informer import Informer
from kubeinformer.blocking.leader_election import LeaderElector
from kubeinformer.blocking.registration import Events, Registration
from kubeinformer.blocking.waits import wait_until
from kubeinformer.blocking.writes import create_or_update
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
