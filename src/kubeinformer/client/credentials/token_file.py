"""A bearer token in a file that somebody else rewrites, as the kubelet does for a pod's service account."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kubeinformer.client.config import FilePath
from kubeinformer.client.credentials.static_token import bearer, clean_token
from kubeinformer.clock import Clock
from kubeinformer.errors import ConfigurationError

REREAD_AFTER = 60.0
"""Seconds after which a token that was read is looked up again, as in client-go's cached file source."""


class TokenFile:
    """The token in a file, read again once a minute and when the server rejects it.

    A file that is missing, empty or garbled for a moment (it is being replaced) changes nothing: the last good
    token stays, and the next request looks again.

    Args:
        path: The file; symbolic links are followed at each reading, so it may be swapped by a rename.
        clock: Time.
    """

    def __init__(self, path: FilePath, clock: Clock) -> None:
        self._path = Path(path)
        self._clock = clock
        self._headers: Mapping[str, str] | None = None
        self._read_at = 0.0

    async def headers(self) -> Mapping[str, str]:
        """Return the header with the token.

        Raises:
            ConfigurationError: The file has never held a token.
        """
        if self._headers is None or self._clock.now() - self._read_at >= REREAD_AFTER:
            return self._reread()
        return self._headers

    async def rejected(self, headers: Mapping[str, str]) -> bool:
        """Return whether the file holds a token other than the rejected one."""
        return self._reread() != headers

    def _reread(self) -> Mapping[str, str]:
        try:
            token = clean_token(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            return self._last_good(error)
        self._headers = bearer(token)
        self._read_at = self._clock.now()
        return self._headers

    def _last_good(self, error: OSError | ValueError) -> Mapping[str, str]:
        if self._headers is not None:
            return self._headers
        # A decoding error's own text would show a part of the token.
        fault = "is not text" if isinstance(error, UnicodeDecodeError) else _reason(error)
        raise ConfigurationError(f"token_file: {self._path} {fault}") from None


def _reason(error: OSError | ValueError) -> str:
    return f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
