"""A session with one API server: its connection, what it has, and requests to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Protocol

from kubeinformer.client.config import Config
from kubeinformer.client.discovery import Discovery
from kubeinformer.client.transport import REQUEST_TIMEOUT, Connection
from kubeinformer.clock import Clock, SystemClock
from kubeinformer.resources import Resource, ResourceReference


class Requests(Protocol):
    """What a client needs of a session; each face has its own way to it."""

    async def resolve(self, reference: ResourceReference) -> Resource:
        """Return what the server has for a reference."""

    async def send(
        self,
        method: str,
        verb: str,
        resource: Resource,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout: float | None = REQUEST_TIMEOUT,
    ) -> bytes:
        """Send a request and return the body of the answer.

        Raises:
            StatusError: The server refused.
            InvalidResponse: What answered is no API server.
            NetworkError: No answer.
        """

    async def close(self) -> None:
        """Close the connection. Harmless when closed already."""


class Session:
    """A connection, opened by the first request, and the discovery on it. It belongs to one event loop.

    Args:
        config: Where to connect to.
        clock: Time.
    """

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self.config = config
        self._clock = clock or SystemClock()
        self._connected = False

    @cached_property
    def connection(self) -> Connection:
        """The connection."""
        self._connected = True
        return Connection(self.config, self._clock)

    @cached_property
    def discovery(self) -> Discovery:
        """What the server has."""
        return Discovery(self.connection)

    async def resolve(self, reference: ResourceReference) -> Resource:
        """Return what the server has for a reference."""
        return await self.discovery.resolve(reference)

    async def send(
        self,
        method: str,
        verb: str,
        resource: Resource,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout: float | None = REQUEST_TIMEOUT,
    ) -> bytes:
        """Send a request and return the body of the answer."""
        answer = await self.connection.request(
            method,
            path,
            query=query,
            body=body,
            headers={"Content-Type": content_type} if body is not None else None,
            timeout=timeout,
            verb=verb,
            resource=resource.group_resource,
        )
        return answer.body

    async def close(self) -> None:
        """Close the connection. Harmless when closed already, or never opened."""
        if self._connected:
            await self.connection.close()
