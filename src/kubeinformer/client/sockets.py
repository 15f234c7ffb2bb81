"""The sockets of a connection: TCP keepalive finds a peer that is gone without a word."""

from __future__ import annotations

import asyncio
import socket
import weakref
from contextlib import suppress
from typing import Any

# A dead peer is noticed after 30 + 3 x 10 seconds of silence, before the watch's own rule (70 s) must do it.
_KEEPALIVE = (
    ("TCP_KEEPIDLE", 30),
    ("TCP_KEEPALIVE", 30),  # macOS's name for it
    ("TCP_KEEPINTVL", 10),
    ("TCP_KEEPCNT", 3),
)


_TURNS = 20  # of the event loop, in which a transport whose socket is shut down has surely closed it


class Sockets:
    """Makes the sockets of one connection, and closes at its end what others have left open."""

    def __init__(self) -> None:
        self._made: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def make(self, address_info: tuple[Any, ...]) -> socket.socket:
        """Return a socket for an entry of `getaddrinfo`, with keepalive as far as the platform has it."""
        family, kind, protocol, *_ = address_info
        made = socket.socket(family, kind, protocol)
        self._made.add(made)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        return made

    async def close(self) -> None:
        """End what still waits for a farewell: a TLS transport gives its peer 30 seconds for that."""
        for _ in range(_TURNS):
            left = [made for made in self._made if made.fileno() != -1]
            if not left:
                return
            for made in left:
                with suppress(OSError):  # not connected (any more)
                    made.shutdown(socket.SHUT_RDWR)
            await asyncio.sleep(0)
