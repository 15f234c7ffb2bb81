"""The blocking face of finalizers."""

from __future__ import annotations

from collections.abc import Callable

from kubeinformer.blocking.client import Client
from kubeinformer.controller import finalizers
from kubeinformer.controller.requests import Result
from kubeinformer.controller.steps import Procedure, run
from kubeinformer.objects import KubernetesObject


class Finalizer:
    """Holds the deletion of objects until what was made for them is cleaned up.

    A finalizer (Kubernetes API concepts, "Finalizers") is a name in `metadata.finalizers`: a deleted object stays, with
    a deletionTimestamp, until the list is empty. Every change is guarded by the object's version and uid, and tried
    again where somebody else wrote first.

    Args:
        client: Makes the requests.
        resource: The resource of the objects.
        name: The finalizer, such as `example.com/copies`: a domain, a slash, a word.

    Raises:
        ValueError: The name has no domain; the server would refuse it.
    """

    def __init__(self, client: Client, resource: str, name: str) -> None:
        if "/" not in name:
            raise ValueError(f"a finalizer is named with a domain, 'example.com/word', not {name!r}")
        self.name = name
        self._client = client
        self._resource = resource

    def run(
        self,
        found: KubernetesObject,
        apply: Callable[[KubernetesObject], Result],
        cleanup: Callable[[KubernetesObject], Result],
    ) -> Result:
        """Call `apply` with an object that has the finalizer, or `cleanup` with one that is being deleted.

        The finalizer is added before the first `apply`, and removed after a `cleanup` that returned None. Where it
        raised, or returned `requeue_after(...)` because it is not finished, the finalizer stays.

        Args:
            found: The object, from the cache.
            apply: `apply(obj)`; what it returns is returned.
            cleanup: `cleanup(obj)`; it must be harmless where it was done before.

        Returns:
            What a reconcile is to return.

        Raises:
            UsageError: `cleanup` returned something else, or a function is an `async def` one; the finalizer stays.
        """
        procedure: Procedure[Result] = finalizers.finalized(found, self._resource, self.name, apply, cleanup)
        return run(procedure, self._client)

    def add(self, found: KubernetesObject) -> KubernetesObject | None:
        """Add it where it is missing; return the object that has it (or is being deleted), None where it is gone."""
        return run(finalizers.added(found, self._resource, self.name), self._client)

    def remove(self, found: KubernetesObject) -> KubernetesObject | None:
        """Remove it; return the object without it, None where it is gone."""
        return run(finalizers.removed(found, self._resource, self.name), self._client)
