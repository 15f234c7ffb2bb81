"""What can go wrong with a request, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer with this instead of the truth.

    Attributes:
        status: The HTTP status.
        body: The body as it is.
        content_type: The Content-Type header.
        headers: More headers.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CutConnection:
    """End the TCP connection instead of answering: by RST, or by FIN."""

    reset: bool = True


@dataclass(frozen=True, slots=True)
class Hang:
    """Take the request and never answer; the connection stays open until the client gives up."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Answer truthfully, but deliver the bytes of the answer, HTTP framing included, in a bad way.

    Attributes:
        pieces: The sizes of the pieces, used in turn again and again; () for no splitting.
        interval: Seconds between two pieces.
        cut_after: The number of bytes after which the connection ends; None for never.
        reset: Whether it ends by RST instead of FIN.
        silent_after: The number of bytes after which nothing more is sent; None for never.
    """

    pieces: tuple[int, ...] = ()
    interval: float = 0.0
    cut_after: int | None = None
    reset: bool = False
    silent_after: int | None = None


@dataclass(frozen=True, slots=True)
class Misread:
    """Answer as if these parameters were not there, as a server or a proxy that does not know them."""

    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BookmarkEvery:
    """Send the bookmarks of this watch at another interval, in seconds; None for none at all."""

    interval: float | None


Action = Respond | CutConnection | Hang | Shape | Misread | BookmarkEvery
