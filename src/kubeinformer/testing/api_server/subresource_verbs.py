"""What is answered below an object, where that is more than a part of the object itself."""

from __future__ import annotations

from collections.abc import Callable

from kubeinformer.testing.api_server.object_actions import bound, succeeded, token_request
from kubeinformer.testing.api_server.object_documents import Document, encode
from kubeinformer.testing.api_server.object_storage import StoredObject
from kubeinformer.testing.api_server.patch_types import check_patch_type, patching
from kubeinformer.testing.api_server.refusals import bad_request, not_emulated
from kubeinformer.testing.api_server.registry import Registry
from kubeinformer.testing.api_server.scales import scale_of, scaled
from kubeinformer.testing.api_server.verb_requests import Answer, Request, mapping_in, patch_in


class SubresourceVerbs:
    """The verbs of `scale`, `binding`, `eviction` and `token`. Call with the server's lock held."""

    def __init__(self, registry: Registry, wall_time: Callable[[], float]) -> None:
        self._registry = registry
        self._wall_time = wall_time

    def answer(self, request: Request) -> Answer:
        """Return the answer.

        Raises:
            Refusal: The server says no; 501 where a real one would do more.
        """
        info = request.info
        match info.served.collection, info.subresource, info.verb:
            case _, "scale", "get":
                return _scale(self._current(request))
            case _, "scale", _:
                return _scale(self._rescaled(request))
            case "pods", "binding", "create":
                binding = mapping_in(request)
                self._registry.patch(
                    info.served, info.namespace, request.name, lambda pod: bound(pod, binding), write_all=True
                )
                return Answer(201, encode(succeeded()))
            case "pods", "eviction", "create":
                _check_eviction(request)
                self._registry.delete(info.served, info.namespace, request.name)
                return Answer(201, encode(succeeded()))
            case "serviceaccounts", "token", "create":
                body = mapping_in(request)
                return Answer(201, encode(token_request(self._current(request), body, self._wall_time)))
        raise not_emulated(f"{info.verb} {info.served.resource.group_resource}/{info.subresource}")

    def _current(self, request: Request) -> StoredObject:
        return self._registry.get(request.info.served, request.info.namespace, request.name)

    def _rescaled(self, request: Request) -> StoredObject:
        info = request.info
        if info.verb == "patch":
            check_patch_type(info.served, request.content_type)

        def apply(document: Document) -> Document:
            current = self._current(request)
            if info.verb == "update":
                scale = mapping_in(request)
            else:
                scale = patching(request.content_type, patch_in(request))(scale_of(current))
            return scaled(info.served, document, scale)

        return self._registry.patch(info.served, info.namespace, request.name, apply)


def _check_eviction(request: Request) -> None:
    metadata = mapping_in(request).get("metadata") or {}
    if metadata.get("name", request.name) != request.name:
        raise bad_request("name in URL does not match name in Eviction object")


def _scale(stored: StoredObject) -> Answer:
    return Answer(200, encode(scale_of(stored)))
