"""The sockets of a connection: TCP keepalive finds a peer that is gone without a word."""

from __future__ import annotations

import socket
from typing import Any

# A dead peer is noticed after 30 + 3 x 10 seconds of silence, before the watch's own rule (70 s) must do it.
_KEEPALIVE = (
    ("TCP_KEEPIDLE", 30),
    ("TCP_KEEPALIVE", 30),  # macOS's name for it
    ("TCP_KEEPINTVL", 10),
    ("TCP_KEEPCNT", 3),
)


def make_socket(address_info: tuple[Any, ...]) -> socket.socket:
    """Return a socket for an entry of `getaddrinfo`, with keepalive as far as the platform has it."""
    family, kind, protocol, *_ = address_info
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
