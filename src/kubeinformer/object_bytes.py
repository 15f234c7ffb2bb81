"""Where the bytes of an object lie: the seam between an object and its storage.

An object keeps an opaque handle and asks the storage for its bytes when somebody reads its body. Nothing above
this seam knows whether they lie in memory as they came, compressed, or in a file.
"""

from __future__ import annotations

from typing import Protocol


class ObjectBytes(Protocol):
    """A storage for object bodies; both methods are called from any thread."""

    def store(self, raw: bytes) -> object:
        """Keep `raw` (JSON bytes) and return the handle that `load` takes."""

    def load(self, handle: object) -> bytes:
        """Return the bytes that belong to a handle of this storage."""


class RawBytes:
    """The bytes as they came: the handle is the bytes object itself."""

    def store(self, raw: bytes) -> object:
        """Return `raw` itself."""
        return raw

    def load(self, handle: object) -> bytes:
        """Return the handle, which is the bytes."""
        assert isinstance(handle, bytes)
        return handle


RAW_BYTES = RawBytes()
