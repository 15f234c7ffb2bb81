"""Asking an API server what it has: two requests, shared by all who ask, remembered until somebody asks afresh."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from kubeinformer.client.catalog import Catalog, plural
from kubeinformer.client.discovery_documents import (
    ACCEPT,
    GroupVersion,
    read_groups,
    read_resources,
    read_version,
)
from kubeinformer.client.shared_call import SharedCall
from kubeinformer.errors import InvalidResponse, NotFound, StatusError
from kubeinformer.resources import Resource, ResourceReference


class _Answer(Protocol):
    @property
    def body(self) -> bytes: ...


class _Requests(Protocol):
    """What discovery needs of a connection."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        verb: str,
        resource: str,
    ) -> _Answer: ...


class Discovery:
    """What one API server has. Belongs to the event loop of its connection."""

    def __init__(self, connection: _Requests) -> None:
        self._connection = connection
        self._catalog: Catalog | None = None
        self._version: tuple[int, int] | None = None
        self._round = SharedCall(self._discover)
        self._asking_version = SharedCall(self._ask_version)
        self._loading = asyncio.Lock()

    async def resolve(self, reference: ResourceReference, *, fresh: bool = False) -> Resource:
        """Return the resource that a reference means, also one that can't be listed or watched.

        What was found once is answered from memory; what was not found is looked up afresh.

        Args:
            reference: What a program asks for.
            fresh: Whether to ask the server again in any case.

        Raises:
            NotFound: The server does not have it: code 404 and reason `ResourceNotFound`.
            StatusError: Discovery was refused; or 503, where an API group that might have it does not answer.
            InvalidResponse: What answered is no API server.
            NetworkError: No answer.
        """
        if self._catalog is not None and not fresh:
            try:
                return await self._find(self._catalog, reference)
            except StatusError:  # it may have come since
                pass
        return await self._find(await self._round(), reference)

    async def server_version(self) -> tuple[int, int] | None:
        """Return the server's major and minor version, None where it doesn't say; remembered once known.

        Raises:
            NetworkError: No answer.
        """
        return await self._asking_version() if self._version is None else self._version

    async def _ask_version(self) -> tuple[int, int] | None:
        try:
            self._version = read_version(await self._get("/version"))
        except (StatusError, InvalidResponse):
            return None
        return self._version

    async def _discover(self) -> Catalog:
        groups = [entry for path in ("/api", "/apis") for entry in read_groups(path, await self._get(path))]
        self._version = None  # a server that is asked afresh may have been upgraded
        self._catalog = Catalog(groups)
        return self._catalog

    async def _find(self, catalog: Catalog, reference: ResourceReference) -> Resource:
        for entry in catalog.candidates(reference):
            if entry.resources is None:  # an old server: one document for each group version
                await self._load(entry)
            if found := plural(entry.resources or (), reference.name):
                return found
        return catalog.find(reference)

    async def _load(self, entry: GroupVersion) -> None:
        """Fetch what a group version has; one that is broken says so, and is asked again next time."""
        async with self._loading:
            if entry.resources is not None:
                return
            try:
                entry.resources = read_resources(entry, await self._get(entry.path))
                entry.fault = ""
            except NotFound:  # it went away after the groups were listed
                entry.resources = ()
            except (StatusError, InvalidResponse) as error:
                entry.fault = str(error)

    async def _get(self, path: str) -> bytes:
        answer = await self._connection.request(
            "GET", path, headers={"Accept": ACCEPT}, verb="discover", resource=path
        )
        return answer.body
