"""The model server's end of a watch, and the lines that it writes."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from typing import Any, Protocol

from kubeinformer.errors import NetworkError

Object = dict[str, Any]


class StreamServer(Protocol):
    """What a stream needs of its server."""

    random: random.Random
    version: int
    bookmarks: bool
    streams: set[ModelStream]


class ModelStream:
    """The client's end of a watch."""

    def __init__(self, server: StreamServer, scope: str | None, start: int, timeout: float) -> None:
        self.scope = scope
        self.start = start
        self.dead = False  # half-open: nothing comes, and nothing ends
        self._server = server
        self._chunks: deque[bytes | Exception] = deque()
        self._waiter: asyncio.Future[None] | None = None
        loop = asyncio.get_running_loop()
        self._timers = [loop.call_later(timeout, self.end)]
        self._bookmark_after(server.random.uniform(50, 61))

    async def read(self) -> bytes:
        while not self._chunks:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        chunk = self._chunks.popleft()
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self) -> None:
        self._server.streams.discard(self)
        for timer in self._timers:
            timer.cancel()

    def send(self, line: bytes) -> None:
        if self.dead:
            return
        cut = self._server.random.randrange(len(line)) if self._server.random.random() < 0.2 else 0
        self._chunks.extend(part for part in (line[:cut], line[cut:]) if part)
        self._wake()

    def end(self) -> None:
        if not self.dead:
            self._chunks.append(b"")
            self._forget()

    def cut(self) -> None:
        self._chunks.append(NetworkError("the stream was cut"))
        self._forget()

    def _forget(self) -> None:
        self.close()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _bookmark_after(self, seconds: float) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self._bookmark))

    def _bookmark(self) -> None:
        if self._server.bookmarks and self.start <= self._server.version:  # of the future it says nothing
            self.send(bookmark(self._server.version))
        self._timers = [timer for timer in self._timers if not timer.cancelled()][:1]
        self._bookmark_after(60.0)


def line(kind: str, item: Object) -> bytes:
    return compact({"type": kind, "object": item}) + b"\n"


def bookmark(version: int, annotations: dict[str, str] | None = None) -> bytes:
    metadata: Object = {
        "resourceVersion": str(version),
        **({"annotations": annotations} if annotations else {}),
    }
    return line("BOOKMARK", {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata})


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
