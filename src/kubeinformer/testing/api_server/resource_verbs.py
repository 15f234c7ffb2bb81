"""What each verb on a resource answers, apart from HTTP: parameters and a body in, a status and JSON out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from kubeinformer.testing.api_server.list_answers import answer_list
from kubeinformer.testing.api_server.list_options import ListOptions, parse_list_options
from kubeinformer.testing.api_server.object_documents import Document, encode, encode_list
from kubeinformer.testing.api_server.object_selection import ObjectSelection, parse_selection
from kubeinformer.testing.api_server.object_storage import ObjectStorage, StoredObject
from kubeinformer.testing.api_server.object_validation import decoded_body
from kubeinformer.testing.api_server.patches import PatchError, json_patch, merge_patch
from kubeinformer.testing.api_server.refusals import (
    bad_request,
    success,
    unprocessable_patch,
    unsupported_media_type,
)
from kubeinformer.testing.api_server.registry import Registry
from kubeinformer.testing.api_server.request_info import RequestInfo
from kubeinformer.testing.api_server.served_resources import ServedResource

_JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"
_STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
_JSON_PATCH = "application/json-patch+json"


class Request(NamedTuple):
    """What a verb is given.

    Attributes:
        info: The verb and the object.
        query: The parameters.
        content_type: The type of the body without its parameters, "" for none.
        body: The body.
    """

    info: RequestInfo
    query: Mapping[str, str]
    content_type: str
    body: bytes


class Answer(NamedTuple):
    """A finished answer: the HTTP status and JSON."""

    status: int
    body: bytes


class ResourceVerbs:
    """Every verb but watch. Call with the server's lock held."""

    def __init__(self, storage: ObjectStorage, registry: Registry) -> None:
        self._storage = storage
        self._registry = registry
        self._verbs: Mapping[str, Callable[[Request], Answer]] = {
            "list": self._list,
            "create": self._create,
            "deletecollection": self._delete_collection,
            "get": self._get,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
        }

    def answer(self, request: Request) -> Answer:
        """Return the answer.

        Raises:
            Refusal: The server says no.
        """
        if request.query.get("dryRun"):
            raise bad_request("dryRun is not supported by this server")
        return self._verbs[request.info.verb](request)

    def _list(self, request: Request) -> Answer:
        options = parse_list_options(request.query)
        selection = selection_of(request.info, options)
        return Answer(200, answer_list(self._storage, request.info.served, selection, options))

    def _create(self, request: Request) -> Answer:
        info = request.info
        stored = self._registry.create(info.served, info.namespace, _object(request))
        return Answer(201, stored.whole)

    def _get(self, request: Request) -> Answer:
        info = request.info
        return Answer(200, self._registry.get(info.served, info.namespace, _name(info)).whole)

    def _update(self, request: Request) -> Answer:
        info = request.info
        stored = self._registry.update(
            info.served, info.namespace, _name(info), _object(request), subresource=info.subresource
        )
        return Answer(200, stored.whole)

    def _patch(self, request: Request) -> Answer:
        info = request.info
        apply = patching(info.served, request.content_type, _patch_body(request.body))
        stored = self._registry.patch(
            info.served, info.namespace, _name(info), apply, subresource=info.subresource
        )
        return Answer(200, stored.whole)

    def _delete(self, request: Request) -> Answer:
        info = request.info
        stored, gone = self._registry.delete(
            info.served, info.namespace, _name(info), _preconditions(request.body)
        )
        if not gone or info.served.returns_deleted:
            return Answer(200, stored.whole)
        metadata = stored.document["metadata"]
        return Answer(200, encode(success(info.served, metadata["name"], metadata["uid"])))

    def _delete_collection(self, request: Request) -> Answer:
        info = request.info
        selection = selection_of(info, parse_list_options(request.query))
        found = self._storage.snapshot(info.served).page(selection.prefix, selects=selection).items
        deleted = [self._delete_found(info, stored) for stored in found]
        items = [stored.item for stored in deleted]
        return Answer(200, encode_list(info.served, items, self._storage.version, "", None))

    def _delete_found(self, info: RequestInfo, stored: StoredObject) -> StoredObject:
        metadata = stored.document["metadata"]
        return self._registry.delete(info.served, metadata.get("namespace"), metadata["name"])[0]


def selection_of(info: RequestInfo, options: ListOptions) -> ObjectSelection:
    """Return the objects that a list, a watch or a deletecollection is about (400)."""
    return parse_selection(info.served, info.namespace, options.label_selector, options.field_selector)


def patching(served: ServedResource, content_type: str, patch: Any) -> Callable[[Document], Any]:
    """Return what a patch does to a document.

    A strategic merge patch is taken as a merge patch: lists are replaced, never merged by key.

    Raises:
        Refusal: There is no such kind of patch for this resource (415).
    """
    merging = (_MERGE_PATCH, _STRATEGIC_MERGE_PATCH) if served.typed else (_MERGE_PATCH,)
    if content_type in merging:
        if not isinstance(patch, dict):
            raise bad_request("invalid JSON patch")
        return lambda document: merge_patch(document, patch)
    if content_type != _JSON_PATCH:
        raise unsupported_media_type((_JSON_PATCH, *merging))
    return lambda document: _json_patched(document, patch)


def _json_patched(document: Document, patch: Any) -> Any:
    try:
        return json_patch(document, patch)
    except PatchError as error:
        raise (bad_request(str(error)) if error.malformed else unprocessable_patch()) from error


def _object(request: Request) -> Document:
    if request.content_type not in {"", _JSON}:
        raise unsupported_media_type((_JSON,))
    return decoded_body(request.info.served, request.body)


def _patch_body(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request("invalid JSON patch") from error


class _Preconditions(msgspec.Struct, rename="camel"):
    uid: str | None = None
    resource_version: str | None = None


class _DeleteOptions(msgspec.Struct):
    preconditions: _Preconditions | None = None


def _preconditions(body: bytes) -> Mapping[str, str]:
    if not body:
        return {}
    try:
        wanted = msgspec.json.decode(body, type=_DeleteOptions).preconditions or _Preconditions()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    given = {"uid": wanted.uid, "resourceVersion": wanted.resource_version}
    return {name: value for name, value in given.items() if value is not None}


def _name(info: RequestInfo) -> str:
    assert info.name is not None, "these verbs are about one object"
    return info.name
