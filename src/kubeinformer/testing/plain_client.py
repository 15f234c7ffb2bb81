"""Plain requests to the servers of a test, on nothing but the standard library.

The control plane must not be tested, or set up, through the client that it exists to test.
"""

from __future__ import annotations

import json
import ssl
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kubeinformer.errors import status_error

if TYPE_CHECKING:
    from pathlib import Path

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class PlainClient:
    """One connection a request, so any thread may use it and a restarted server is no special case.

    Attributes:
        url: `http://host:port` or `https://host:port`.
    """

    def __init__(
        self,
        url: str,
        *,
        ca_file: Path | None = None,
        token: str = "",
        certificate: tuple[Path, Path] | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.url = url
        self._address = urlsplit(url).netloc
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._token = token
        self._certificate = certificate
        self._timeout = timeout

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        content_type: str | None = None,
        accept: str = JSON,
    ) -> tuple[int, Any]:
        """Send one request and return the status and the answer: decoded if it is JSON, else its text.

        Args:
            method: Such as `GET`.
            path: Path and query, percent-encoded.
            body: What to send as JSON; None for nothing.
            token: The bearer token, if not the client's own; "" for none.
            content_type: Of the body; by default JSON, and a merge patch for PATCH.
            accept: The wanted form of the answer.

        Raises:
            OSError: No answer within the time-out.
        """
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type or (MERGE_PATCH if method == "PATCH" else JSON)
        if bearer := self._token if token is None else token:
            headers["Authorization"] = f"Bearer {bearer}"
        connection = self._connection()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, _decoded(response.read())
        finally:
            connection.close()

    def call(self, method: str, path: str, body: object = None, **options: str) -> Any:
        """Send a request that must succeed and return its answer; the options are those of `request`.

        Raises:
            StatusError: The server refused it.
            OSError: No answer within the time-out.
        """
        status, answer = self.request(method, path, body, **options)
        if status < 400:
            return answer
        details = answer if isinstance(answer, dict) else {"message": str(answer)}
        raise status_error(
            status,
            details.get("reason", ""),
            details.get("message", ""),
            verb=method,
            resource=path.partition("?")[0],
        )

    def apply(self, path: str, body: object) -> Any:
        """Create the object, or bring the one that is there to this state (server-side apply, KEP-555)."""
        return self.call(
            "PATCH",
            f"{path}?fieldManager=kubeinformer-testing&force=true",
            body,
            content_type=APPLY_PATCH,
        )

    def _connection(self) -> HTTPConnection:
        if self.url.startswith("http:"):
            return HTTPConnection(self._address, timeout=self._timeout)
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._ca_file)
            if self._certificate is not None:
                self._tls.load_cert_chain(*self._certificate)
        return HTTPSConnection(self._address, timeout=self._timeout, context=self._tls)


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
