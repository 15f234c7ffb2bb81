"""The asyncio face of the client."""

from __future__ import annotations

from typing import Any, Self

from kubeinformer.client.client import Client as EngineClient
from kubeinformer.client.config import Config
from kubeinformer.client.loading import load_config
from kubeinformer.client.session import Requests, Session
from kubeinformer.fronts.portal import Portal
from kubeinformer.resources import Resource, ResourceReference


class _PortalRequests:
    """A session that lives on a portal's loop, for clients on other loops."""

    def __init__(self, portal: Portal, session: Requests, *, owns_portal: bool) -> None:
        self._portal = portal
        self._session = session
        self._owns_portal = owns_portal

    async def resolve(self, reference: ResourceReference) -> Resource:
        return await self._portal.call_async(self._session.resolve, reference)

    async def send(self, *args: Any, **kwargs: Any) -> bytes:
        return await self._portal.call_async(self._session.send, *args, **kwargs)

    async def close(self) -> None:
        if self._owns_portal:
            await self._portal.stop_async()


class Client(EngineClient):
    """Plain requests to an API server: get, list, create, update, patch, apply, delete.

    It may be used from several event loops: its connection lives on a loop of its own. An `async with` block closes
    it. Resources are named as everywhere (`pods`, `deployments.apps`, `apps/v1/deployments`). Bodies are dicts,
    objects of this package, or anything that msgspec encodes; what comes back are objects.

    Every request raises: StatusError (`NotFound`, `Conflict`, ...) where the server refuses it, InvalidResponse,
    NetworkError; ValueError for a resource or selector that is spelled wrong.

    Args:
        config: The server to talk to; None for what :func:`~kubeinformer.load_config` finds.
    """

    def __init__(self, config: Config | None = None) -> None:
        settings = config or load_config()
        session = Session(settings)
        portal = Portal("kubeinformer-client", session.close)
        super().__init__(settings, session=_PortalRequests(portal, session, owns_portal=True))
        self._owns_session = True

    @classmethod
    def on_portal(cls, portal: Portal, session: Session) -> Self:
        """Return a client on a session that somebody else owns and closes."""
        client = cls.__new__(cls)
        EngineClient.__init__(
            client, session.config, session=_PortalRequests(portal, session, owns_portal=False)
        )
        return client

    def __reduce__(self) -> str:
        raise TypeError("a client is bound to its process and cannot be pickled")
