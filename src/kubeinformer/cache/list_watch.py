"""What a reflector needs of a connection: bytes and errors, nothing of HTTP.

The errors are those of :mod:`kubeinformer.errors`: StatusError, InvalidResponse, NetworkError, and
ConfigurationError where there are no credentials to be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kubeinformer.resources import Resource


class WatchStream(Protocol):
    """An open watch."""

    async def read(self) -> bytes:
        """Return the next bytes as they arrive, b"" at a clean end; raise NetworkError where it was cut."""

    def close(self) -> None:
        """Drop the connection at once; harmless when it is closed already."""


class ListWatch(Protocol):
    """Lists and watches of one resource, in one namespace or in all, with selectors of its own."""

    async def resolve(self, *, fresh: bool) -> Resource:
        """Return what the server has for the resource that was asked for.

        Raises:
            NotFound: With reason `ResourceNotFound`: discovery is whole and healthy, and does not have it.
        """

    async def serves_consistent_lists(self) -> bool:
        """Return whether this server answers lists at the latest version from its cache (Kubernetes 1.34)."""

    async def list(self, parameters: Mapping[str, str]) -> bytes:
        """Return the body of one page."""

    async def watch(self, parameters: Mapping[str, str]) -> WatchStream:
        """Return the stream of a watch that the server has accepted."""
