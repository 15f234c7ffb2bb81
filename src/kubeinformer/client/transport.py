"""Requests and streams over HTTP; the only module that knows aiohttp.

What goes wrong leaves here as an error of :mod:`kubeinformer.errors`, translated once, by a table. No message and
no cause of such an error holds a credential: aiohttp's own exceptions carry the headers of the request, so they
are not passed on.
"""

from __future__ import annotations

import socket
import ssl
import weakref
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Final
from urllib.parse import quote, urlencode

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from kubeinformer._version import __version__
from kubeinformer.client.answers import Response, is_json, not_json, refusal
from kubeinformer.client.config import Config
from kubeinformer.client.credentials.selection import credentials_for
from kubeinformer.client.impersonation import impersonation_headers
from kubeinformer.client.resolver import look_up
from kubeinformer.client.sockets import Sockets
from kubeinformer.client.tls import tls_context
from kubeinformer.clock import Clock, deadline
from kubeinformer.errors import InvalidResponse, KubeInformerError, NetworkError, UsageError

REQUEST_TIMEOUT: Final = 30.0
"""Seconds for a whole request, unless its caller says otherwise; for a watch, until its headers are there."""
CONNECT_TIMEOUT: Final = 30.0
"""Seconds to resolve, connect and agree on TLS."""
IDLE_TIMEOUT: Final = 60.0
"""Seconds without a byte after which an ordinary answer, such as a long list, is given up."""

_READ_BUFFER: Final = 2**18
_HEADER_SIZE: Final = 2**16
_ERROR_BODY: Final = 2**20

# The first row that fits wins. A None stands for "not a network fault": something answered, but not in HTTP.
_FAULTS: Final[tuple[tuple[type[BaseException], str | None], ...]] = (
    (aiohttp.ClientConnectorCertificateError, "the server's certificate does not fit"),
    (aiohttp.ClientConnectorDNSError, "the host name cannot be resolved"),
    (aiohttp.ClientProxyConnectionError, "the proxy cannot be reached"),
    (aiohttp.ClientHttpProxyError, "the proxy refused to connect"),
    (aiohttp.ClientSSLError, "TLS could not be agreed on"),
    (aiohttp.ClientConnectorError, "cannot connect"),
    (aiohttp.ServerDisconnectedError, "the connection was closed before an answer came"),
    (aiohttp.ClientPayloadError, "the connection was cut in the middle of an answer"),
    (aiohttp.ClientResponseError, None),
    (aiohttp.InvalidURL, "not a usable address"),
    (TimeoutError, "no answer in time"),
    (ssl.SSLError, "TLS failed"),
    (ConnectionError, "the connection was lost"),
    (aiohttp.ClientConnectionError, "the connection was lost"),
    (OSError, "the connection failed"),
    (aiohttp.ClientError, "the request failed"),
)


class ByteStream:
    """The body of an answer that goes on. Used by one task; `close` may be called beside it."""

    def __init__(self, response: aiohttp.ClientResponse, address: str) -> None:
        self._response = response
        self._address = address

    async def read(self) -> bytes:
        """Return the next bytes as they arrive, b"" at a clean end.

        Raises:
            NetworkError: The connection was cut, reset or closed.
        """
        with _translated(self._address):
            return await self._response.content.readany()

    def close(self) -> None:
        """Drop the connection at once, without a farewell; harmless when it is closed already."""
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._response.close()


class Connection:
    """HTTP to one API server. Belongs to the event loop that is running when it is made.

    Watches and ordinary requests have pools of their own, without limits, so that no number of watches can hold
    up a request. Redirects are never followed and no other host ever sees the credentials.

    Args:
        config: Where to connect to, and as whom.
        clock: Time.

    Raises:
        ConfigurationError: A certificate or key that the configuration names can't be used.
    """

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self._clock = clock
        self._credentials = credentials_for(config, clock)
        self._proxy = URL(config.proxy_url) if config.proxy_url else None
        self._headers: CIMultiDict[str] = CIMultiDict(
            {
                "User-Agent": config.user_agent or f"kubeinformer/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # compressing costs the server more than it saves
            }
        )
        self._headers.extend(impersonation_headers(config))
        self._sockets = Sockets()
        tls = tls_context(config)
        patience = aiohttp.ClientTimeout(connect=CONNECT_TIMEOUT, sock_read=IDLE_TIMEOUT)
        self._requests = _session(tls, self._sockets, patience)
        self._watches = _session(tls, self._sockets, aiohttp.ClientTimeout(connect=CONNECT_TIMEOUT))
        self._streams: weakref.WeakSet[ByteStream] = weakref.WeakSet()
        self._closed = False

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = REQUEST_TIMEOUT,
        verb: str,
        resource: str,
    ) -> Response:
        """Send a request and return the whole answer.

        Args:
            method: The HTTP method.
            path: The path below the server's URL, percent-encoded.
            query: The query's parameters.
            body: What to send.
            headers: More headers, or other values for the usual ones.
            timeout: Seconds for all of it; None for as long as bytes keep coming (lists are long).
            verb: The API verb, for errors.
            resource: The resource, for errors.

        Raises:
            StatusError: The server refused; each code has its class.
            InvalidResponse: What answered is no API server, or redirects to another host.
            NetworkError: No answer, or a part of one.
            ConfigurationError: There are no credentials to be had.
        """
        request = _Request(self._requests, method, self._url(path, query), headers or {}, body)
        with _translated(self.config.address):
            async with _within(self._clock, timeout):
                with closing(
                    await self._send(request)
                ) as response:  # read to its end, it is back in the pool
                    await self._check(response, verb, resource)
                    answer = Response(response.status, response.headers, await response.read())
        if "Content-Type" not in answer.headers and answer.body[:64].lstrip()[:1] not in (b"", b"{", b"["):
            raise not_json(answer.status, answer.headers, b"", verb=verb, resource=resource)
        return answer

    async def stream(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = REQUEST_TIMEOUT,
        verb: str,
        resource: str,
    ) -> ByteStream:
        """Open a watch and return its body, which the caller must close; once open it has no time-out.

        Args:
            path: The path below the server's URL, percent-encoded.
            query: The query's parameters.
            headers: More headers, or other values for the usual ones.
            timeout: Seconds until the answer's headers must be there.
            verb: The API verb, for errors.
            resource: The resource, for errors.

        Raises:
            StatusError: The server refused; each code has its class.
            InvalidResponse: What answered is no API server, or redirects to another host.
            NetworkError: No answer.
            ConfigurationError: There are no credentials to be had.
        """
        request = _Request(self._watches, "GET", self._url(path, query), headers or {}, None)
        with _translated(self.config.address), ExitStack() as on_failure:
            async with _within(self._clock, timeout):
                response = await self._send(request)
                on_failure.callback(response.close)
                await self._check(response, verb, resource)
            on_failure.pop_all()
        stream = ByteStream(response, self.config.address)
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        """Drop every connection; what is under way fails with NetworkError. Harmless when closed already."""
        self._closed = True
        for stream in list(self._streams):
            stream.close()
        await self._watches.close()
        await self._requests.close()
        await self._sockets.close()

    def _url(self, path: str, query: Mapping[str, str] | None) -> URL:
        if self._closed:
            raise UsageError("the connection is closed")
        suffix = "?" + urlencode(query, quote_via=quote) if query else ""
        return URL(self.config.server + path + suffix, encoded=True)

    async def _send(self, request: _Request) -> aiohttp.ClientResponse:
        """Send a request; where its credentials are rejected and others are to be had, once more with those."""
        proof = await self._credentials.headers()
        response = await self._attempt(request, proof)
        try:
            if response.status != 401 or not await self._credentials.rejected(proof):
                return response
        except BaseException:
            response.close()
            raise
        response.close()
        return await self._attempt(request, await self._credentials.headers())

    async def _attempt(self, request: _Request, proof: Mapping[str, str]) -> aiohttp.ClientResponse:
        headers = self._headers.copy()
        headers.update(request.headers)
        headers.update(proof)
        return await request.session.request(
            request.method,
            request.url,
            data=BytesIO(request.body) if request.body is not None else None,  # aiohttp warns of large bytes
            headers=headers,
            allow_redirects=False,
            proxy=self._proxy,
            server_hostname=self.config.tls_server_name,
        )

    async def _check(self, response: aiohttp.ClientResponse, verb: str, resource: str) -> None:
        """Raise where an answer is not what an API server says when it agrees."""
        content_type = response.headers.get("Content-Type")
        if not 200 <= response.status < 300:
            body, now = await _start_of_body(response), self._clock.time()
            raise refusal(response.status, response.headers, body, verb=verb, resource=resource, now=now)
        if content_type is not None and not is_json(content_type):
            body = await _start_of_body(response)
            raise not_json(response.status, response.headers, body, verb=verb, resource=resource)


@dataclass(frozen=True, slots=True)
class _Request:
    session: aiohttp.ClientSession
    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None


class _Resolver(AbstractResolver):
    """aiohttp's door to our own look-up."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=found,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found, _, protocol, _, address in await look_up(host, port, family)
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _session(
    tls: ssl.SSLContext | None, sockets: Sockets, timeout: aiohttp.ClientTimeout
) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=0, ssl=tls or True, resolver=_Resolver(), socket_factory=sockets.make
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,  # with it aiohttp would also send a login out of ~/.netrc
        read_bufsize=_READ_BUFFER,
        max_line_size=_HEADER_SIZE,
        max_field_size=_HEADER_SIZE,
    )


def _within(clock: Clock, seconds: float | None) -> AbstractAsyncContextManager[None]:
    return nullcontext() if seconds is None else deadline(clock, seconds)


async def _start_of_body(response: aiohttp.ClientResponse) -> bytes:
    """Return what can be had of a body that only serves to explain an error."""
    chunks: list[bytes] = []
    with suppress(aiohttp.ClientError, OSError):
        while sum(map(len, chunks)) < _ERROR_BODY and (chunk := await response.content.readany()):
            chunks.append(chunk)
    return b"".join(chunks)


@contextmanager
def _translated(address: str) -> Iterator[None]:
    try:
        yield
    except KubeInformerError:
        raise
    except (aiohttp.ClientError, OSError) as error:
        raise _translate(error, address) from _harmless_cause(error)


def _translate(error: Exception, address: str) -> KubeInformerError:
    fault = next(text for kind, text in _FAULTS if isinstance(error, kind))
    if fault is None:
        return InvalidResponse(f"{address}: what answered does not speak HTTP as it should")
    return NetworkError(": ".join(filter(None, (address, fault, _detail(error)))))


def _detail(error: Exception) -> str:
    cause = _harmless_cause(error)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"code {error.status}"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    if isinstance(cause, ssl.SSLError):
        return cause.reason or ""
    return (cause.strerror or str(cause)) if cause is not None else ""


def _harmless_cause(error: Exception) -> OSError | None:
    """Return the operating system's or TLS library's own error, which knows nothing of headers."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause: BaseException | None = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    else:
        cause = error.__cause__ if isinstance(error, aiohttp.ClientError) else error
    return cause if isinstance(cause, OSError) and not isinstance(cause, aiohttp.ClientError) else None
