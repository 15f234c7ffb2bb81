"""Plain verbs on any resource: what a controller does besides reading its cache."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Literal, Self

import msgspec

from kubeinformer.client.bodies import encode, encode_object
from kubeinformer.client.config import Config
from kubeinformer.client.loading import load_config
from kubeinformer.client.object_answers import read_deleted, read_object, read_page
from kubeinformer.client.session import Requests, Session
from kubeinformer.client.writes import sending, written
from kubeinformer.errors import Expired
from kubeinformer.objects import KubernetesObject
from kubeinformer.resources import Resource, ResourceReference, parse_resource
from kubeinformer.selectors import LabelSelector, parse_field_selector, parse_label_selector

PAGE_SIZE: Final = 500
"""Objects in a page of a list, as in client-go's pager."""

Objects = list[KubernetesObject]
PatchType = Literal["merge", "json", "strategic"]

_PATCH_TYPES: Final[Mapping[str, str]] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
_APPLY: Final = "application/apply-patch+yaml"  # JSON is YAML


class Client:
    """Get, list, create, update, patch, apply and delete, for any resource of one server.

    An `async with` block closes its connection. Everything but the constructor belongs to one event loop.
    A `resource` is written as for kubectl: `pods`, `deployments.apps`, `apps/v1/deployments`. A `body` is a dict,
    an object of this package, or anything that msgspec encodes; kind and apiVersion may be left out. Where an
    object's namespace is neither given nor in the body, the configuration's is taken, else `default`.

    Every verb raises StatusError (NotFound, Conflict, Forbidden, ...) where the server refuses, InvalidResponse
    where something else answers, NetworkError where nothing does, and ValueError for a name or body that
    can't be sent.

    Args:
        config: Where to connect to; by default what :func:`~kubeinformer.client.loading.load_config` finds.
        session: A session to share with others; it stays open.

    Raises:
        ConfigurationError: No configuration was given, and none was found.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        session: Requests | None = None,
    ) -> None:
        self.config = config or load_config()
        self._owns_session = session is None
        self._session = session or Session(self.config)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; one that is shared stays open. Closing twice is harmless."""
        if self._owns_session:
            await self._session.close()

    async def get(
        self,
        resource: str | ResourceReference,
        name: str,
        namespace: str | None = None,
        *,
        subresource: str = "",
    ) -> KubernetesObject:
        """Return one object, from the server."""
        found = await self._resolve(resource)
        path = self._object_path(found, name, namespace, subresource)
        return read_object(await self._session.send("GET", "get", found, path), found, subresource)

    async def list(
        self,
        resource: str | ResourceReference,
        namespace: str | None = None,
        *,
        label_selector: str | Mapping[str, str] | LabelSelector | None = None,
        field_selector: str | Mapping[str, str] | None = None,
    ) -> Objects:
        """Return all objects of a resource, page by page: in one namespace, or (None) in all.

        The pages are one consistent snapshot. Where it expires on the way, the list is asked for again in one go.
        """
        found = await self._resolve(resource)
        path = found.path(namespace=None if namespace is None else _segment("namespace", namespace))
        selectors = {
            "labelSelector": str(parse_label_selector(label_selector)),
            "fieldSelector": parse_field_selector(field_selector),
        }
        query = {name: text for name, text in selectors.items() if text}
        try:
            return await self._pages(found, path, {**query, "limit": str(PAGE_SIZE)})
        except Expired:
            return await self._pages(found, path, query)

    async def create(
        self, resource: str | ResourceReference, body: object, namespace: str | None = None
    ) -> KubernetesObject:
        """Create an object and return it as the server made it; Conflict (`AlreadyExists`) where it exists."""
        found = await self._resolve(resource)
        encoded = encode_object(body, found)
        path = found.path(namespace=self._namespace(found, _first(namespace, encoded.namespace)))
        with sending(self.config.server, found, _first(namespace, encoded.namespace)):
            answer = await self._session.send("POST", "create", found, path, body=encoded.raw)
            result = read_object(answer, found)
        return self._noted(found, result)

    async def update(
        self,
        resource: str | ResourceReference,
        body: object,
        namespace: str | None = None,
        *,
        subresource: str = "",
    ) -> KubernetesObject:
        """Replace an object; Conflict where the body's resourceVersion is not the latest."""
        found = await self._resolve(resource)
        encoded = encode_object(body, found)
        path = self._object_path(found, encoded.name, _first(namespace, encoded.namespace), subresource)
        with sending(self.config.server, found, _first(namespace, encoded.namespace)):
            answer = await self._session.send("PUT", "update", found, path, body=encoded.raw)
            result = read_object(answer, found, subresource)
        return self._noted(found, result)

    async def patch(
        self,
        resource: str | ResourceReference,
        name: str,
        body: object,
        namespace: str | None = None,
        *,
        type: PatchType = "merge",  # noqa: A002  # the API's own word
        subresource: str = "",
    ) -> KubernetesObject:
        """Change parts of an object and return it as the server stored it.

        Args:
            resource: The resource.
            name: The object's name.
            body: The patch.
            namespace: Its namespace.
            type: `merge` (RFC 7386), `json` (RFC 6902, a list of operations), or `strategic` (built-in kinds only).
            subresource: Such as `status`.
        """
        if type not in _PATCH_TYPES:
            raise ValueError(f"patch type {type!r} is none of {', '.join(_PATCH_TYPES)}")
        found = await self._resolve(resource)
        path = self._object_path(found, name, namespace, subresource)
        with sending(self.config.server, found, namespace):
            answer = await self._session.send(
                "PATCH", "patch", found, path, body=encode(body), content_type=_PATCH_TYPES[type]
            )
            result = read_object(answer, found, subresource)
        return self._noted(found, result)

    async def apply(
        self,
        resource: str | ResourceReference,
        body: object,
        namespace: str | None = None,
        *,
        field_manager: str,
        force: bool = False,
        subresource: str = "",
    ) -> KubernetesObject:
        """Create or change an object so that it has the fields of the body (server-side apply, KEP-555).

        Args:
            resource: The resource.
            body: The fields that the manager wants; it must not hold `metadata.managedFields`.
            namespace: The object's namespace.
            field_manager: Who owns these fields from now on.
            force: Whether to take over fields of other managers, which are a Conflict otherwise.
            subresource: Such as `status`.
        """
        found = await self._resolve(resource)
        encoded = encode_object(body, found)
        path = self._object_path(found, encoded.name, _first(namespace, encoded.namespace), subresource)
        query = {"fieldManager": field_manager} | ({"force": "true"} if force else {})
        with sending(self.config.server, found, _first(namespace, encoded.namespace)):
            answer = await self._session.send(
                "PATCH", "patch", found, path, query=query, body=encoded.raw, content_type=_APPLY
            )
            result = read_object(answer, found, subresource)
        return self._noted(found, result)

    async def delete(
        self,
        resource: str | ResourceReference,
        name: str,
        namespace: str | None = None,
        *,
        propagation_policy: str | None = None,
        grace_period_seconds: int | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> KubernetesObject | None:
        """Delete an object.

        Args:
            resource: The resource.
            name: The object's name.
            namespace: Its namespace.
            propagation_policy: What becomes of its dependents: `Background`, `Foreground` or `Orphan`.
            grace_period_seconds: Seconds that a pod gets to end; None for its own value.
            uid: Delete only this one, not a later one of the same name (else Conflict).
            resource_version: Delete only this version (else Conflict).

        Returns:
            The object as it was or, where finalizers or a grace period hold it, still is; None where the server
            only confirms.
        """
        found = await self._resolve(resource)
        path = self._object_path(found, name, namespace)
        preconditions = _given({"uid": uid, "resourceVersion": resource_version})
        options = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": propagation_policy,
            "gracePeriodSeconds": grace_period_seconds,
            "preconditions": preconditions or None,
        }
        with sending(self.config.server, found, namespace):
            answer = await self._session.send(
                "DELETE", "delete", found, path, body=msgspec.json.encode(_given(options))
            )
            deleted, deleted_uid = read_deleted(answer, found)
        written(self.config.server, found, self._namespace(found, namespace), name, deleted, deleted_uid)
        return deleted

    async def _pages(self, resource: Resource, path: str, query: Mapping[str, str]) -> Objects:
        objects: Objects = []
        token = ""
        while True:
            page_query = {**query, "continue": token} if token else query
            body = await self._session.send("GET", "list", resource, path, query=page_query, timeout=None)
            page, token = read_page(body, resource)
            objects += page
            if not token:
                return objects

    async def _resolve(self, resource: str | ResourceReference) -> Resource:
        reference = parse_resource(resource) if isinstance(resource, str) else resource
        return await self._session.resolve(reference)

    def _noted(self, resource: Resource, result: KubernetesObject) -> KubernetesObject:
        written(self.config.server, resource, result.namespace, result.name, result)
        return result

    def _object_path(
        self, resource: Resource, name: str | None, namespace: str | None, subresource: str = ""
    ) -> str:
        return resource.path(
            namespace=self._namespace(resource, namespace),
            name=_segment("metadata.name", name or ""),
            subresource=subresource,
        )

    def _namespace(self, resource: Resource, namespace: str | None) -> str | None:
        if not resource.namespaced:
            return None
        return _segment("namespace", _first(namespace, self.config.namespace or "default") or "")


def _first(given: str | None, other: str | None) -> str | None:
    return given if given is not None else other


def _segment(what: str, text: str) -> str:
    """Return a part of a path; an empty one would turn one object into all of them."""
    if text in ("", ".", ".."):
        raise ValueError(f"{what} is {'empty' if not text else repr(text)}")
    return text


def _given(values: Mapping[str, object]) -> Mapping[str, object]:
    return {name: value for name, value in values.items() if value is not None}
