"""Lists and watches of one resource, as bytes: what a reflector is fed from."""

from __future__ import annotations

from collections.abc import Mapping

from kubeinformer.client.discovery import Discovery
from kubeinformer.client.transport import ByteStream, Connection
from kubeinformer.errors import InvalidResponse
from kubeinformer.resources import Resource, ResourceReference

_CONSISTENT_LISTS_FROM_CACHE = (1, 34)
_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"


class ResourceListWatch:
    """One resource, in one namespace or in all, through a connection. Belongs to the connection's event loop.

    Args:
        connection: Where the requests go.
        discovery: What the server has.
        reference: The resource, as a program names it.
        namespace: The namespace, None for all; of no meaning for a resource that has none.
        label_selector: A valid label selector, "" for none.
        field_selector: A valid field selector, "" for none.
        metadata_only: Whether to ask for the objects' metadata alone (KEP-2334), which the server may ignore.
    """

    def __init__(
        self,
        connection: Connection,
        discovery: Discovery,
        reference: ResourceReference,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
    ) -> None:
        self._connection = connection
        self._discovery = discovery
        self._reference = reference
        self._namespace = namespace
        selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
        self._selectors = {name: text for name, text in selectors.items() if text}
        self._metadata_only = metadata_only
        self._resource: Resource | None = None

    async def resolve(self, *, fresh: bool) -> Resource:
        """Return what the server has for the reference; lists and watches use the latest answer.

        Args:
            fresh: Whether to ask the server in any case.

        Raises:
            NotFound: With reason `ResourceNotFound`: discovery is healthy, and does not have it.
            StatusError: Discovery was refused; or 503, where an API group that might have it does not answer.
            InvalidResponse: What answered is no API server.
            NetworkError: No answer.
        """
        self._resource = await self._discovery.resolve(self._reference, fresh=fresh)
        return self._resource

    async def serves_consistent_lists(self) -> bool:
        """Return whether the server answers lists at the latest version from its cache (Kubernetes 1.34).

        A server that does not tell its version is taken for a new one.
        """
        version = await self._discovery.server_version()
        return version is None or version >= _CONSISTENT_LISTS_FROM_CACHE

    async def list(self, parameters: Mapping[str, str]) -> bytes:
        """Return the body of one page. It may take long, but not fall silent (see `transport.IDLE_TIMEOUT`).

        Args:
            parameters: The query, without selectors.

        Raises:
            StatusError: The server refused.
            InvalidResponse: What answered is no API server.
            NetworkError: No answer, or a part of one.
        """
        resource = await self._resolved()
        answer = await self._connection.request(
            "GET",
            resource.path(namespace=self._namespace),
            query={**parameters, **self._selectors},
            headers=self._accept("List"),
            timeout=None,
            verb="list",
            resource=resource.group_resource,
        )
        self._expect_200(answer.status, "list", resource)
        return answer.body

    async def watch(self, parameters: Mapping[str, str]) -> ByteStream:
        """Return the stream of a watch that the server has accepted; the caller closes it.

        Args:
            parameters: The query, without selectors and without `watch`.

        Raises:
            StatusError: The server refused.
            InvalidResponse: What answered is no API server.
            NetworkError: No answer.
        """
        resource = await self._resolved()
        return await self._connection.stream(
            resource.path(namespace=self._namespace),
            query={"watch": "true", **parameters, **self._selectors},
            headers=self._accept(""),
            verb="watch",
            resource=resource.group_resource,
        )

    async def _resolved(self) -> Resource:
        return self._resource or await self.resolve(fresh=False)

    def _accept(self, suffix: str) -> Mapping[str, str]:
        return {"Accept": _METADATA.format(suffix)} if self._metadata_only else {}

    @staticmethod
    def _expect_200(status: int, verb: str, resource: Resource) -> None:
        if status != 200:
            name = resource.group_resource
            message = f"{verb} {name}: {status} is no answer to a {verb}"
            raise InvalidResponse(message, code=status, verb=verb, resource=name)
