"""What each verb on a resource answers, apart from HTTP: parameters and a body in, a status and JSON out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubeinformer.testing.api_server.list_answers import answer_list
from kubeinformer.testing.api_server.list_options import ListOptions, parse_list_options
from kubeinformer.testing.api_server.manager_names import applier_of, manager_of
from kubeinformer.testing.api_server.object_documents import Document, encode
from kubeinformer.testing.api_server.object_selection import ObjectSelection, parse_selection
from kubeinformer.testing.api_server.object_storage import ObjectStorage, StoredObject
from kubeinformer.testing.api_server.patch_types import APPLY_PATCH, check_patch_type, patching
from kubeinformer.testing.api_server.refusals import bad_request, success
from kubeinformer.testing.api_server.registry import Registry
from kubeinformer.testing.api_server.request_info import RequestInfo
from kubeinformer.testing.api_server.subresource_verbs import SubresourceVerbs
from kubeinformer.testing.api_server.verb_requests import (
    Answer,
    Request,
    applied_in,
    object_in,
    patch_in,
    preconditions_in,
)
from kubeinformer.testing.api_server.written_parts import PART_OF_SUBRESOURCE


class ResourceVerbs:
    """Every verb but watch. Call with the server's lock held."""

    def __init__(self, storage: ObjectStorage, registry: Registry, wall_time: Callable[[], float]) -> None:
        self._storage = storage
        self._registry = registry
        self._subresources = SubresourceVerbs(registry, wall_time)
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
        dry_run = request.query.get("dryRun")
        if dry_run not in {None, "", "All"}:
            raise bad_request(f'Invalid value: "{dry_run}": dryRun supports only "All"')
        with self._storage.recording(not dry_run):
            if request.info.subresource and request.info.subresource not in PART_OF_SUBRESOURCE:
                return self._subresources.answer(request)
            return self._verbs[request.info.verb](request)

    def _list(self, request: Request) -> Answer:
        options = parse_list_options(request.query)
        selection = selection_of(request.info, options)
        answer = answer_list(self._storage, request.info.served, selection, request.form, options)
        return Answer(200, answer)

    def _create(self, request: Request) -> Answer:
        info = request.info
        document = object_in(request)
        if not info.served.stored:
            return Answer(201, encode(request.review({**self._head(info), **document})))
        stored = self._registry.create(info.served, info.namespace, document, manager=manager_of(request))
        return Answer(201, request.form.whole(stored))

    def _head(self, info: RequestInfo) -> Document:
        return {"kind": info.served.resource.kind, "apiVersion": info.served.resource.api_version}

    def _get(self, request: Request) -> Answer:
        info = request.info
        return Answer(200, request.form.whole(self._registry.get(info.served, info.namespace, request.name)))

    def _update(self, request: Request) -> Answer:
        info = request.info
        new = self._storage.get(info.served, info.served.key(info.namespace, request.name)) is None
        stored = self._registry.update(
            info.served,
            info.namespace,
            request.name,
            object_in(request),
            subresource=info.subresource,
            manager=manager_of(request),
        )
        return Answer(201 if new else 200, request.form.whole(stored))

    def _patch(self, request: Request) -> Answer:
        info = request.info
        check_patch_type(info.served, request.content_type)
        if request.content_type == APPLY_PATCH:
            return self._apply(request)
        apply = patching(request.content_type, patch_in(request))
        stored = self._registry.patch(
            info.served,
            info.namespace,
            request.name,
            apply,
            subresource=info.subresource,
            manager=manager_of(request),
        )
        return Answer(200, request.form.whole(stored))

    def _apply(self, request: Request) -> Answer:
        info = request.info
        stored, new = self._registry.apply(
            info.served,
            info.namespace,
            request.name,
            applied_in(request),
            applier_of(request),
            force=request.query.get("force", "").lower() in {"1", "true"},
        )
        return Answer(201 if new else 200, request.form.whole(stored))

    def _delete(self, request: Request) -> Answer:
        info = request.info
        stored, gone = self._registry.delete(
            info.served, info.namespace, request.name, preconditions_in(request)
        )
        if not gone or info.served.returns_deleted:
            return Answer(200, request.form.whole(stored))
        metadata = stored.document["metadata"]
        return Answer(200, encode(success(info.served, metadata["name"], metadata["uid"])))

    def _delete_collection(self, request: Request) -> Answer:
        info = request.info
        selection = selection_of(info, parse_list_options(request.query))
        found = self._storage.snapshot(info.served).page(selection.prefix, selects=selection).items
        deleted = [self._delete_found(info, stored) for stored in found]
        return Answer(200, request.form.listed(deleted, self._storage.version))

    def _delete_found(self, info: RequestInfo, stored: StoredObject) -> StoredObject:
        metadata = stored.document["metadata"]
        return self._registry.delete(info.served, metadata.get("namespace"), metadata["name"])[0]


def selection_of(info: RequestInfo, options: ListOptions) -> ObjectSelection:
    """Return the objects that a list, a watch or a deletecollection is about (400)."""
    return parse_selection(info.served, info.namespace, options.label_selector, options.field_selector)
