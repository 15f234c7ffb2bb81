"""User name and password: HTTP basic authentication, which proxies in front of an API server may ask for."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping


class BasicLogin:
    """The login of `Config(username=..., password=...)` (RFC 7617, UTF-8)."""

    def __init__(self, username: str, password: str) -> None:
        login = b64encode(f"{username}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}"}

    async def headers(self) -> Mapping[str, str]:
        """Return the login's header."""
        return self._headers

    async def rejected(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002  # the protocol's signature
        """Return False: there is no other."""
        return False
