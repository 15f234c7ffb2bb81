"""A proxy that writes down what passes through it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from kubeinformer.client.credentials.selection import credentials_for
from kubeinformer.client.impersonation import impersonation_headers
from kubeinformer.client.tls import tls_context
from kubeinformer.clock import SystemClock
from kubeinformer.testing.api_server.server_thread import ServerThread, abort
from kubeinformer.testing.recording.exchanges import CLIENT_GONE, COMPLETE, CUT, UNREACHABLE, is_watch
from kubeinformer.testing.recording.recording_file import RecordingFile
from kubeinformer.testing.recording.redaction import ChunkRedactor, redactor_for

if TYPE_CHECKING:
    from kubeinformer.client.config import Config

_MAX_BYTES = 256 * 1024 * 1024
_PASSED_ON = ("Accept", "Content-Type", "User-Agent")
_KEPT = ("Content-Type", "Retry-After", "Warning")


class Recorder:
    """Forwards requests with the credentials of a connection, and records both ways; see `record`.

    Args:
        config: The connection to record.
        file: Where to write.
        redact: `secrets` or None.
        max_bytes: How large the file may grow.
    """

    def __init__(
        self, config: Config, file: str | Path, redact: Literal["secrets"] | None, max_bytes: int
    ) -> None:
        self._upstream = config
        self._file = RecordingFile(file, max_bytes)
        self._redact = redact
        self._credentials = credentials_for(config, SystemClock())
        self._tls = tls_context(config)
        self._server = ServerThread(self._forward, on_loop=lambda _: None)

    @property
    def url(self) -> str:
        """Where the proxy listens."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def config(self) -> Config:
        """The connection through the proxy; it needs no credentials, and nobody else should have it."""
        from kubeinformer.client.config import Config

        return Config(server=self.url, namespace=self._upstream.namespace)

    def start(self) -> None:
        """Listen."""
        self._server.start()

    def stop(self) -> None:
        """Cut what runs, and close the file."""
        self._server.stop()
        self._file.close()

    async def _forward(self, request: web.BaseRequest) -> web.StreamResponse:
        query = {name: request.rel_url.query.getall(name)[0] for name in request.rel_url.query}
        path = request.rel_url.raw_path
        number = self._file.begin(request.method, path, query)
        redactor = redactor_for(path, watch=is_watch(query)) if self._redact else None
        end = CLIENT_GONE
        try:
            async with self._session() as session, await self._open(session, request) as upstream:
                end, answer = await self._pass_on(request, upstream, number, redactor)
                return answer
        except aiohttp.ClientError:
            end = UNREACHABLE
            return _hang_up(request)
        finally:
            self._file.end(number, end)

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=self._tls or True, limit=0)
        return aiohttp.ClientSession(
            connector=connector, auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None)
        )

    async def _open(self, session: aiohttp.ClientSession, request: web.BaseRequest) -> aiohttp.ClientResponse:
        url = URL(self._upstream.server.rstrip("/") + request.rel_url.raw_path_qs, encoded=True)
        body = b"".join([chunk async for chunk in request.content.iter_any()])
        return await session.request(
            request.method,
            url,
            data=BytesIO(body) if body else None,
            headers=await self._headers(request.headers),
            allow_redirects=False,
            proxy=self._upstream.proxy_url,
        )

    async def _headers(self, given: Mapping[str, str]) -> CIMultiDict[str]:
        """Return the headers to send: what the client wants, and who we are; never the client's own credentials."""
        headers: CIMultiDict[str] = CIMultiDict({"Accept-Encoding": "identity"})
        headers.update({name: given[name] for name in _PASSED_ON if name in given})
        headers.extend(impersonation_headers(self._upstream))
        headers.update(await self._credentials.headers())
        return headers

    async def _pass_on(
        self,
        request: web.BaseRequest,
        upstream: aiohttp.ClientResponse,
        number: int,
        redactor: ChunkRedactor | None,
    ) -> tuple[str, web.StreamResponse]:
        """Send an answer on as it comes, and return how it ended, and what was sent."""
        kept = {name: upstream.headers[name] for name in _KEPT if name in upstream.headers}
        self._file.answer(number, upstream.status, kept)
        answer = web.StreamResponse(status=upstream.status, headers=kept)
        answer.enable_chunked_encoding()
        try:
            await answer.prepare(request)
            async for chunk in upstream.content.iter_any():
                self._file.body(number, redactor.feed(chunk) if redactor else chunk)
                await answer.write(chunk)
            await answer.write_eof()
        except aiohttp.ClientError:
            return CUT, _hang_up(request)
        except ConnectionResetError:
            return CLIENT_GONE, answer
        finally:
            if redactor is not None:
                self._file.body(number, redactor.finish())
        return COMPLETE, answer


def _hang_up(request: web.BaseRequest) -> web.StreamResponse:
    if isinstance(request.transport, asyncio.BaseTransport):
        abort(request.transport, reset=False)
    return web.Response()


@contextmanager
def record(
    config: Config,
    file: str | Path,
    *,
    redact: Literal["secrets"] | None = "secrets",
    max_bytes: int = _MAX_BYTES,
) -> Iterator[Recorder]:
    """Record what a program receives from an API server, for the length of a block.

        with record(load_config(), "bug.jsonl") as recorded:
            factory = SharedInformerFactory(recorded.config)

    Between the program and the server stands a proxy on 127.0.0.1, which any client can use. It streams, and passes
    bytes through unchanged; a connection that is cut on one side is cut on the other. Credentials stay out of the file.

    Args:
        config: The connection to record.
        file: Where to write; replaced if it is there.
        redact: `secrets` keeps the content of Secrets and issued tokens out; None writes everything.
        max_bytes: How large the file may grow; what comes after is left out.

    Raises:
        OSError: The file cannot be written.
        ConfigurationError: The connection's certificates cannot be used.
    """
    recorder = Recorder(config, file, redact, max_bytes)
    recorder.start()
    try:
        yield recorder
    finally:
        recorder.stop()
