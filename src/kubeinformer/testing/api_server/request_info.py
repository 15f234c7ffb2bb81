"""What a method and a path mean: the verb, the resource, the object. The words are those of kube-apiserver."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from kubeinformer.testing.api_server.refusals import method_not_allowed, no_such_path
from kubeinformer.testing.api_server.resource_table import ResourceTable
from kubeinformer.testing.api_server.served_resources import ServedResource

_COLLECTION_VERBS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_OBJECT_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_SUBRESOURCE_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "POST": "create", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """A request for a resource.

    Attributes:
        verb: list, watch, create, deletecollection, get, update, patch or delete.
        served: The resource.
        namespace: None for all namespaces, or a resource without them.
        name: None for the collection.
        subresource: Such as `status`, or "".
    """

    verb: str
    served: ServedResource
    namespace: str | None = None
    name: str | None = None
    subresource: str = ""


def parse_request(table: ResourceTable, method: str, raw_path: str, *, watch: bool = False) -> RequestInfo:
    """Return what a request for a resource means.

    Args:
        table: The resources there are.
        method: The HTTP method.
        raw_path: The path, percent-encoded.
        watch: Whether the parameters ask for a watch.

    Raises:
        Refusal: There is nothing at the path (404), or it cannot do that (405).
    """
    group, version, parts = _group_version(raw_path)
    namespace, parts = _namespace(parts)
    if not 1 <= len(parts) <= 3 or not all(parts):
        raise no_such_path()
    served = table.at(group, version, parts[0])
    if served is None or (namespace is not None and not served.resource.namespaced):
        raise no_such_path()
    name, subresource = [*parts[1:], None, None][:2]
    verb = _verb(served, method, namespace, name, subresource)
    if verb == "list" and watch:
        verb = "watch"
    if subresource is None and verb not in served.resource.verbs:
        raise method_not_allowed()
    return RequestInfo(verb, served, namespace, name, subresource or "")


def _group_version(raw_path: str) -> tuple[str, str, list[str]]:
    match [unquote(part) for part in raw_path.split("/")]:
        case ["", "api", version, *parts]:
            return "", version, parts
        case ["", "apis", group, version, *parts]:
            return group, version, parts
    raise no_such_path()


def _namespace(parts: list[str]) -> tuple[str | None, list[str]]:
    """Split off the namespace; `namespaces/x` and `namespaces/x/status` are about the namespace itself."""
    match parts:
        case ["namespaces", _] | ["namespaces", _, "status" | "finalize"]:
            return None, parts
        case ["namespaces", namespace, *rest]:
            return namespace, rest
    return None, parts


def _verb(
    served: ServedResource, method: str, namespace: str | None, name: str | None, subresource: str | None
) -> str:
    if subresource is not None:
        return _subresource_verb(served, method, namespace, subresource)
    verbs = _COLLECTION_VERBS if name is None else _OBJECT_VERBS
    verb = verbs.get(method)
    needs_namespace = served.resource.namespaced and (
        name is not None or verb in {"create", "deletecollection"}
    )
    if namespace is None and needs_namespace:
        raise no_such_path() if name is not None else method_not_allowed()
    if verb is None:
        raise method_not_allowed()
    return verb


def _subresource_verb(served: ServedResource, method: str, namespace: str | None, subresource: str) -> str:
    found = served.subresource(subresource)
    if found is None or (namespace is None and served.resource.namespaced):
        raise no_such_path()
    verb = _SUBRESOURCE_VERBS.get(method)
    if verb is None or verb not in found.verbs:
        raise method_not_allowed()
    return verb
