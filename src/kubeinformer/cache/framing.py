"""From chunks of bytes to lines: the framing of a watch stream."""

from __future__ import annotations


class LineSplitter:
    """Cuts a stream into lines at LF, wherever the chunks are split and however long a line is.

    Nothing else ends a line: JSON text may hold any other separator (U+2028, say) unescaped.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # the pieces of a line whose end has not come yet

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take a chunk and return the lines that it completes, without their LF and without blank ones."""
        pieces = chunk.split(b"\n")
        last = pieces.pop()
        if pieces and self._rest:
            pieces[0] = b"".join((*self._rest, pieces[0]))
            self._rest.clear()
        if last:
            self._rest.append(last)
        return [line for line in pieces if line and not line.isspace()]

    def rest(self) -> bytes:
        """Return what came after the last LF, and forget it."""
        rest = b"".join(self._rest)
        self._rest.clear()
        return b"" if rest.isspace() else rest
