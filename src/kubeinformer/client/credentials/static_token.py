"""A bearer token that is given once and for all."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(r"[!-~]+")  # visible ASCII: what a header can carry (RFC 6750 allows less)


def clean_token(text: str) -> str:
    """Return a token without the white space, line ends and byte order mark that editors and tools leave.

    Raises:
        ValueError: Nothing is left of it, or no header may hold it; the message does not show it.
    """
    token = text.removeprefix("\ufeff").strip()
    if not token:
        raise ValueError("is empty")
    if not _TOKEN.fullmatch(token):
        raise ValueError("holds characters that no HTTP header may hold")
    return token


def bearer(token: str) -> Mapping[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


class StaticToken:
    """The token of `Config(token=...)`."""

    def __init__(self, token: str) -> None:
        self._headers = bearer(token)

    async def headers(self) -> Mapping[str, str]:
        """Return the token's header."""
        return self._headers

    async def rejected(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002  # the protocol's signature
        """Return False: there is no other."""
        return False
