"""Plain requests to a test server, as a method of the server itself: in memory or real, in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubeinformer.testing.plain_client import PlainClient


class PlainRequests:
    """Any thread may call any method."""

    @property
    def _client(self) -> PlainClient:
        """Requests as the server's admin."""
        raise NotImplementedError

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        token: str | None = None,
        content_type: str | None = None,
    ) -> tuple[int, Any]:
        """Send one plain request over HTTP and return its status and its answer (decoded JSON, else text).

        Args:
            method: Such as `POST`.
            path: Path and query, percent-encoded.
            body: Sent as JSON; None for nothing.
            token: Whose request this is; the admin's by default, "" for an anonymous one.
            content_type: Of the body; by default JSON, and a merge patch for PATCH.

        Raises:
            OSError: The API server is down, or did not answer within 30 s.
        """
        return self._client.request(method, path, body, token=token, content_type=content_type)
