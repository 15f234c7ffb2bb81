"""The seam between a connection and the many ways of proving who one is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Credentials(Protocol):
    """What goes into the headers of each request. Used by one event loop's thread, by many requests at once."""

    async def headers(self) -> Mapping[str, str]:
        """Return the headers that prove who we are, renewed if it is time.

        Raises:
            ConfigurationError: There are none to be had; the message names the source, and no secret.
        """

    async def rejected(self, headers: Mapping[str, str]) -> bool:
        """Learn that the server answered 401 to these headers.

        Args:
            headers: What `headers` returned for the rejected request, which may be older than what others
                have renewed meanwhile.

        Returns:
            Whether others are to be had now, so that one more try makes sense.
        """
