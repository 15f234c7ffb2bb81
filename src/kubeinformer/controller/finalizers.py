"""A finalizer: added before anything is made that must be cleaned up, removed when it has been.

Every change is guarded by the object's resourceVersion and uid: a concurrent writer's finalizers are never lost, and an
object of the same name that came later is never touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kubeinformer.controller.requests import RequeueAfter
from kubeinformer.controller.steps import Procedure, check_plain
from kubeinformer.errors import Conflict, NotFound, UsageError
from kubeinformer.objects import KubernetesObject

Finalizers = tuple[str, ...]
TRIES: Final = 5
"""How often a change is tried against concurrent writers before the reconcile fails, and comes again later."""


def added(found: KubernetesObject, resource: str, name: str) -> Procedure[KubernetesObject | None]:
    """Add a finalizer; return the object that has it, or that is being deleted, None where it is gone."""

    def wanted(latest: KubernetesObject) -> Finalizers | None:
        has_it = name in latest.finalizers or latest.deletion_timestamp is not None
        return None if has_it else (*latest.finalizers, name)

    return (yield from _changed(found, resource, wanted))


def removed(found: KubernetesObject, resource: str, name: str) -> Procedure[KubernetesObject | None]:
    """Remove a finalizer; return the object without it, None where it is gone."""

    def wanted(latest: KubernetesObject) -> Finalizers | None:
        if name not in latest.finalizers:
            return None
        return tuple(other for other in latest.finalizers if other != name)

    return (yield from _changed(found, resource, wanted))


def finalized(
    found: KubernetesObject,
    resource: str,
    name: str,
    apply: Callable[[KubernetesObject], Any],
    cleanup: Callable[[KubernetesObject], Any],
) -> Procedure[Any]:
    """Add the finalizer and apply; or, where the object is being deleted, clean up and remove the finalizer."""
    if found.deletion_timestamp is None:
        latest = yield from added(found, resource, name)
        if latest is None:
            return None
        if latest.deletion_timestamp is None:
            result = yield lambda _: apply(latest)
            check_plain(result, "apply of a blocking Finalizer")
            return result
        found = latest
    if name not in found.finalizers:
        return None
    result = yield lambda _: cleanup(found)
    check_plain(result, "cleanup of a blocking Finalizer")
    if isinstance(result, RequeueAfter):  # it is not finished yet
        return result
    if result is not None:  # False, say: whether it has finished is not to be guessed
        raise UsageError(f"cleanup returns None or requeue_after(...), not {type(result).__name__}")
    yield from removed(found, resource, name)
    return None


def _changed(
    found: KubernetesObject, resource: str, wanted: Callable[[KubernetesObject], Finalizers | None]
) -> Procedure[KubernetesObject | None]:
    """Give an object the finalizers that are wanted for its latest state; None: it is right already."""
    latest: KubernetesObject | None = found
    for _ in range(TRIES):
        if latest is None or (finalizers := wanted(latest)) is None:
            return latest
        try:
            return (yield _change(latest, resource, finalizers))  # type: ignore[no-any-return]  # what a patch returns
        except NotFound:
            return None
        except Conflict as error:
            conflict = error
            latest = yield from _latest(found, resource)
    raise conflict


def _change(latest: KubernetesObject, resource: str, finalizers: Finalizers) -> Callable[[Any], Any]:
    guards = {"resourceVersion": latest.resource_version, "uid": latest.uid}
    body = {"metadata": {**guards, "finalizers": list(finalizers)}}
    return lambda client: client.patch(resource, latest.name, body, latest.namespace or None)


def _latest(found: KubernetesObject, resource: str) -> Procedure[KubernetesObject | None]:
    """Ask the server for the object as it is now; None where it is gone, or another one has its name."""
    try:
        latest: KubernetesObject = yield lambda client: client.get(
            resource, found.name, found.namespace or None
        )
    except NotFound:
        return None
    return latest if latest.uid == found.uid else None
