"""Write an object so that it is as it should be, whether it exists or not."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final, Literal, NamedTuple

from kubeinformer.controller.steps import Procedure, check_plain
from kubeinformer.errors import Conflict, NotFound, UsageError
from kubeinformer.objects import KubernetesObject

TRIES: Final = 5
_IDENTITY: Final = ("name", "namespace", "resourceVersion")
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

    Another writer's Conflict, or deletion, leads to another try on the latest state, up to five of them.
    """
    for _ in range(TRIES - 1):
        try:
            written = yield from _once(resource, name, change, namespace)
        except Conflict:
            continue
        if isinstance(written, Written):
            return written
    written = yield from _once(resource, name, change, namespace)
    if isinstance(written, NotFound):
        raise written
    return written


def _once(resource: str, name: str, change: Change, namespace: str | None) -> Procedure[Written | NotFound]:
    """Try it once; return the refusal where the object was deleted between the look and the write."""
    try:
        existing: KubernetesObject = yield lambda client: client.get(resource, name, namespace)
    except NotFound:
        identity = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
        body = _changed({"metadata": dict(identity)}, change, identity)
        named = body["metadata"].get("namespace")
        if namespace is None and named:  # there it is to be found again
            return (yield from _once(resource, name, change, named))
        created: KubernetesObject = yield lambda client: client.create(resource, body, namespace)
        return Written(created, "created")
    before = existing.to_dict()
    # Without its version, where `change` made metadata anew, it would go over whatever others wrote meanwhile.
    identity = {key: before["metadata"][key] for key in _IDENTITY if key in before["metadata"]}
    wanted = _changed(deepcopy(before), change, identity)
    if wanted == before:
        return Written(existing, "unchanged")
    try:
        updated: KubernetesObject = yield lambda client: client.update(resource, wanted, namespace)
    except NotFound as refusal:
        return refusal
    # A difference that the server's own defaults make up again is none, and is not stored.
    is_same = updated.resource_version == existing.resource_version != ""
    return Written(updated, "unchanged" if is_same else "updated")


def _changed(body: dict[str, Any], change: Change, identity: dict[str, str]) -> dict[str, Any]:
    """Return a body after its change, which may leave out which object it is, but not make it another one."""
    check_plain(change(body), "change")
    body["metadata"] = metadata = {**identity, **(body.get("metadata") or {})}
    for key in ("name", "namespace"):
        if key in identity and metadata[key] != identity[key]:
            raise UsageError(
                f"change must not turn {key} {identity[key]} into {metadata[key]}: give it to the call"
            )
    return body
