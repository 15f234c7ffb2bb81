"""A server that answers as a recording did."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from kubeinformer.testing.api_server.http_responses import refused
from kubeinformer.testing.api_server.refusals import Refusal
from kubeinformer.testing.api_server.request_log import RequestLog, RequestRecord
from kubeinformer.testing.api_server.server_thread import ServerThread, abort
from kubeinformer.testing.recording.exchanges import (
    COMPLETE,
    CUT,
    UNREACHABLE,
    Exchange,
    Key,
    is_watch,
    key_of,
    read_recording,
)

if TYPE_CHECKING:
    from kubeinformer.client.config import Config

_ABOUT_THE_SERVER = ("/version", "/readyz", "/livez", "/healthz")


class Replayer:
    """Answers each request with what was recorded for it; see `replay`. Any thread may call any method.

    Attributes:
        requests: The requests that came.
        unmatched: Those for which nothing was recorded.
    """

    def __init__(self, exchanges: list[Exchange], speed: float | None) -> None:
        self._speed = speed
        self._waiting: dict[Key, deque[Exchange]] = {}
        for exchange in exchanges:
            self._waiting.setdefault(exchange.key, deque()).append(exchange)
        self._open = sum(not _is_discovery(exchange.path) for exchange in exchanges)
        self._replayed = threading.Event()
        self.requests = RequestLog()
        self.unmatched: list[RequestRecord] = []
        self._server = ServerThread(self._handle, on_loop=lambda _: None)
        self._note_progress(0)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def config(self) -> Config:
        """The connection to it."""
        from kubeinformer.client.config import Config

        return Config(server=self.url)

    def start(self) -> None:
        """Serve."""
        self._server.start()

    def stop(self) -> None:
        """Cut what runs."""
        self._server.stop()

    def wait_until_replayed(self, timeout: float = 30.0) -> None:
        """Wait until everything but discovery has been served once.

        Raises:
            TimeoutError: It was not in time; the message has what nobody has asked for.
        """
        if not self._replayed.wait(timeout):
            left = [
                f"{method} {path} {dict(query)}"
                for (method, path, query), waiting in self._waiting.items()
                if waiting and not _is_discovery(path)
            ]
            raise TimeoutError(f"not replayed in {timeout:g} s: {left or 'the last answers'}")

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        query = {name: request.rel_url.query.getall(name)[0] for name in request.rel_url.query}
        record = RequestRecord(
            request.method,
            request.rel_url.raw_path,
            query,
            user_agent=request.headers.get("User-Agent", ""),
            headers=request.headers.copy(),
        )
        self.requests.append(record)
        exchange = self._next(key_of(record.method, record.path, query))
        if exchange is None:
            return await self._not_recorded(request, record)
        return await self._serve(request, record, exchange)

    def _next(self, key: Key) -> Exchange | None:
        """Return the next exchange for a request; of discovery, the last one again and again."""
        waiting = self._waiting.get(key)
        if not waiting:
            return None
        return waiting[0] if len(waiting) == 1 and _is_discovery(key[1]) else waiting.popleft()

    async def _not_recorded(self, request: web.BaseRequest, record: RequestRecord) -> web.StreamResponse:
        """Answer what was never asked: a watch at the end of the recording opens, and stays silent."""
        known = key_of(record.method, record.path, record.query) in self._waiting
        if known and is_watch(record.query):
            answer = web.StreamResponse(headers={"Content-Type": "application/json"})
            answer.enable_chunked_encoding()
            await answer.prepare(request)
            await asyncio.get_running_loop().create_future()
        self.unmatched.append(record)
        message = f"nothing was recorded for {record.method} {record.path} {dict(record.query)}"
        return refused(record, Refusal(404, "NotFound", message, {}))

    async def _serve(
        self, request: web.BaseRequest, record: RequestRecord, exchange: Exchange
    ) -> web.StreamResponse:
        record.status = exchange.status
        if exchange.end == UNREACHABLE or not exchange.status:
            self._note_progress(1)
            return _hang_up(request)
        answer = web.StreamResponse(status=exchange.status, headers=dict(exchange.headers))
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        before = exchange.at
        for at, chunk in exchange.chunks:
            if self._speed is not None:
                await asyncio.sleep((at - before) / self._speed)
                before = at
            await answer.write(chunk)
        if not _is_discovery(exchange.path):
            self._note_progress(1)
        if exchange.end not in {COMPLETE, CUT} and is_watch(record.query):
            await asyncio.get_running_loop().create_future()  # it was open when the recording ended
        if exchange.end != COMPLETE:
            return _hang_up(request)
        await answer.write_eof()
        return answer

    def _note_progress(self, served: int) -> None:
        self._open -= served
        if self._open <= 0:
            self._replayed.set()


def _is_discovery(path: str) -> bool:
    parts = path.strip("/").split("/")
    return (
        path.startswith(_ABOUT_THE_SERVER)
        or (parts[0] == "api" and len(parts) <= 2)
        or (parts[0] == "apis" and len(parts) <= 3)
    )


def _hang_up(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        abort(request.transport, reset=False)
    return web.Response()


@contextmanager
def replay(file: str | Path, *, speed: float | None = None) -> Iterator[Replayer]:
    """Serve a recording again, for the length of a block.

        with replay("bug.jsonl") as replayed, SharedInformerFactory(replayed.config) as factory:
            ...
            replayed.wait_until_replayed()

    A request is answered by what was recorded for the same method, path and parameters, whatever versions and pages it
    asks for: those come in the order in which they were recorded. Discovery may be asked any number of times.

    Args:
        file: The recording.
        speed: None for as fast as possible, 1 for as it was, 10 for ten times as fast.

    Raises:
        OSError: The file cannot be read.
        RecordingError: It is no recording.
    """
    replayer = Replayer(read_recording(file), speed)
    replayer.start()
    try:
        yield replayer
    finally:
        replayer.stop()
