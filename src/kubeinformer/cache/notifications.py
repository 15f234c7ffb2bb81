"""What a handler is told: values that `match` can take apart."""

from __future__ import annotations

import msgspec

from kubeinformer.objects import KubernetesObject


class Added(msgspec.Struct, frozen=True, gc=False):
    """An object came into the cache.

    Attributes:
        object: The object.
        initial: Whether it belongs to what was there when the handler came: the first load, or the cache as a
            late handler found it.
    """

    object: KubernetesObject
    initial: bool = False


class Updated(msgspec.Struct, frozen=True, gc=False):
    """An object changed: `old` is what was told before, `new` what is in the cache."""

    old: KubernetesObject
    new: KubernetesObject


class Deleted(msgspec.Struct, frozen=True, gc=False):
    """An object left the cache, in its last known state (a `DeletedFinalStateUnknown` where that was missed)."""

    object: KubernetesObject


Notification = Added | Updated | Deleted
