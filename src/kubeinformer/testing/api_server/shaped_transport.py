"""A connection that delivers its bytes in a bad way: in pieces, slowly, not to the end, or at some point no more."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from itertools import cycle
from typing import Any

from kubeinformer.testing.api_server.fault_actions import Shape


class ShapedTransport:
    """Stands in front of a transport; everything but writing and closing goes straight to it.

    Args:
        transport: The real one.
        shape: How to deliver.
        cut: Ends the real connection, by RST where its argument is true.
    """

    def __init__(self, transport: asyncio.Transport, shape: Shape, cut: Callable[[bool], object]) -> None:
        self._transport = transport
        self._shape = shape
        self._cut = cut
        self._sizes = cycle(shape.pieces or (1 << 16,))
        self._pending = bytearray()
        self._sent = 0
        self._closing = False
        self._arrived = asyncio.Event()
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sender = asyncio.create_task(self._send())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes, to be delivered later."""
        self._pending += data
        self._arrived.set()

    def writelines(self, chunks: Iterable[bytes | bytearray | memoryview]) -> None:
        """Take bytes, to be delivered later."""
        for chunk in chunks:
            self.write(chunk)

    def is_closing(self) -> bool:
        """Return whether the connection is at its end."""
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """End the connection when everything is delivered."""
        self._closing = True
        self._arrived.set()

    def abort(self) -> None:
        """End the connection now."""
        self._sender.cancel()
        self._transport.abort()

    async def _send(self) -> None:
        while not self._transport.is_closing():
            while self._pending and not self._transport.is_closing():
                if not self._send_piece():
                    return
                await asyncio.sleep(self._shape.interval)
            if self._closing:
                break
            self._arrived.clear()
            await self._arrived.wait()
        self._transport.close()

    def _send_piece(self) -> bool:
        """Deliver the next bytes; return whether there is to be more."""
        piece = bytes(self._pending[: self._allowed(next(self._sizes))])
        del self._pending[: len(piece)]
        self._transport.write(piece)
        self._sent += len(piece)
        if self._shape.cut_after is not None and self._sent >= self._shape.cut_after:
            self._cut(self._shape.reset)
            return False
        return self._shape.silent_after is None or self._sent < self._shape.silent_after

    def _allowed(self, size: int) -> int:
        limits = [
            limit - self._sent
            for limit in (self._shape.cut_after, self._shape.silent_after)
            if limit is not None
        ]
        return min([size, *limits])
