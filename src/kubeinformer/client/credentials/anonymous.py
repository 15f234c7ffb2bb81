"""No header at all: a client certificate says who we are, or nothing does."""

from __future__ import annotations

from collections.abc import Mapping


class Anonymous:
    """Credentials that add nothing to a request."""

    async def headers(self) -> Mapping[str, str]:
        """Return no header."""
        return {}

    async def rejected(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002  # the protocol's signature
        """Return False: there is nothing to renew."""
        return False
