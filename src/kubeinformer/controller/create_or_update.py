"""Write an object so that it is as it should be, whether it exists or not."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final, Literal, NamedTuple

from kubeinformer.controller.steps import Procedure
from kubeinformer.errors import Conflict, NotFound
from kubeinformer.objects import KubernetesObject

TRIES: Final = 5
Change = Callable[[dict[str, Any]], object]


class Written(NamedTuple):
    """What became of an object.

    Attributes:
        object: The object, as the server has it.
        operation: Whether it was created, updated, or was as it should be already.
    """

    object: KubernetesObject
    operation: Literal["created", "updated", "unchanged"]


def create_or_update(resource: str, name: str, change: Change, namespace: str | None) -> Procedure[Written]:
    """Get an object, let `change` make it as it should be, and write it where that is a difference.

    A concurrent writer's Conflict leads to another try on the latest state, up to five of them.
    """
    for _ in range(TRIES - 1):
        try:
            return (yield from _once(resource, name, change, namespace))
        except Conflict:
            continue
    return (yield from _once(resource, name, change, namespace))


def _once(resource: str, name: str, change: Change, namespace: str | None) -> Procedure[Written]:
    try:
        existing: KubernetesObject = yield lambda client: client.get(resource, name, namespace)
    except NotFound:
        metadata = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
        body: dict[str, Any] = {"metadata": metadata}
        change(body)
        created: KubernetesObject = yield lambda client: client.create(resource, body, namespace)
        return Written(created, "created")
    before = existing.to_dict()
    wanted = deepcopy(before)
    change(wanted)
    if wanted == before:
        return Written(existing, "unchanged")
    updated: KubernetesObject = yield lambda client: client.update(resource, wanted, namespace)
    return Written(updated, "updated")
