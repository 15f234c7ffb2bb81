"""A thread with a loop of its own that serves HTTP/1.1 on 127.0.0.1, and connections that can be treated badly."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

T = TypeVar("T")
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_HOST = "127.0.0.1"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class ServerThread:
    """Serves one handler until it is stopped.

    Any thread may call its methods, one at a time.

    Args:
        handler: Answers the requests, on the thread's loop.
        on_loop: Called with the loop when it runs, and with None when it is about to end.
        tls: Makes connections encrypted; None for plain HTTP.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        on_loop: Callable[[asyncio.AbstractEventLoop | None], object],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._handler = handler
        self._on_loop = on_loop
        self._tls = tls
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: socket.socket | None = None
        self._listener: asyncio.Server | None = None
        self.port = 0

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "http" if self._tls is None else "https"

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._thread is not None

    def start(self) -> None:
        """Bind a free port and serve it; when this returns, connections are accepted.

        Raises:
            RuntimeError: It runs already.
            OSError: There is no port to bind.
        """
        if self.running:
            raise RuntimeError("this server runs already")
        self._socket = _bound_socket(0)
        self.port = self._socket.getsockname()[1]
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(ready)), name=f"api-server:{self.port}", daemon=True
        )
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Cut all connections, end the thread and wait for it; harmless when it does not run."""
        if self._thread is not None:
            self.call(self._stopping.set)
            self._thread.join()
            self._thread = None

    def call(self, function: Callable[[], T]) -> T:
        """Call a function on the loop and return its result; directly where there is no loop."""
        loop = self._loop
        if loop is None or threading.current_thread() is self._thread:
            return function()
        return asyncio.run_coroutine_threadsafe(_call(function), loop).result()

    def stop_listening(self) -> None:
        """Refuse new connections; the port stays reserved, and open connections stay open."""
        self.call(self._close_listener)

    def listen_again(self) -> None:
        """Accept connections again, on the same port."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def cut_connections(self, *, reset: bool) -> int:
        """Break all connections, by RST or by a FIN in mid-body, and return their number."""
        return self.call(lambda: self._cut(reset=reset))

    def close_connections(self) -> None:
        """Close the idle connections now, and the others after the request that they are at."""
        self.call(self._web_server.pre_shutdown)

    async def _serve(self, ready: threading.Event) -> None:
        self._stopping = asyncio.Event()
        self._web_server = web.Server(self._handler, handler_cancellation=True, access_log=None)
        await self._listen()
        self._loop = asyncio.get_running_loop()
        self._on_loop(self._loop)
        ready.set()
        await self._stopping.wait()
        self._on_loop(None)
        self._loop = None
        self._close_listener(reserve=False)
        self._cut(reset=False)
        await self._web_server.shutdown(timeout=1.0)

    async def _listen(self) -> None:
        if self._listener is None:
            assert self._socket is not None, "bound by start or by stop_listening"
            self._listener = await asyncio.get_running_loop().create_server(
                self._web_server, sock=self._socket, ssl=self._tls
            )

    def _close_listener(self, *, reserve: bool = True) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._socket = None
            if reserve:
                self._socket = _bound_socket(self.port)
        elif not reserve and self._socket is not None:
            self._socket.close()

    def _cut(self, *, reset: bool) -> int:
        connections = self._web_server.connections
        for connection in connections:
            if connection.transport is not None:
                abort(connection.transport, reset=reset)
        return len(connections)


def certificate_subject(transport: asyncio.BaseTransport) -> tuple[str, tuple[str, ...]] | None:
    """Return the common name and the organisations in a client's certificate, None where it has shown none."""
    certificate = transport.get_extra_info("peercert")
    if not certificate:
        return None
    subject = [pair for part in certificate["subject"] for pair in part]
    names = [value for name, value in subject if name == "commonName"]
    return names[0] if names else "", tuple(value for name, value in subject if name == "organizationName")


def abort(transport: asyncio.BaseTransport, *, reset: bool) -> None:
    """Break a connection without sending what is buffered, by RST where `reset` says so."""
    if reset:
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    assert isinstance(transport, asyncio.Transport)
    transport.abort()


def _bound_socket(port: int) -> socket.socket:
    """Return a socket that has the port but does not listen: until it does, connections are refused."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((_HOST, port))
    except OSError:
        bound.close()
        raise
    return bound


async def _call(function: Callable[[], T]) -> T:
    return function()
