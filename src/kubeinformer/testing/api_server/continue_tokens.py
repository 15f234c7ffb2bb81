"""Continue tokens: where the next page starts, and of which version it is a part."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import msgspec

_FORMAT = "meta.k8s.io/v1"
NEWEST = -1


class InvalidToken(ValueError):
    """A text that is no continue token."""


class _Content(msgspec.Struct):
    v: str
    rv: int
    start: str


@dataclass(frozen=True, slots=True)
class ContinueToken:
    """What the server gets back with the request for the next page.

    Attributes:
        version: The version of the list; `NEWEST` for whatever is newest then, as an expired token is renewed.
        start: The key where the page starts.
    """

    version: int
    start: str

    def encode(self) -> str:
        """Return the opaque text, in the real server's form."""
        content = msgspec.json.encode(_Content(_FORMAT, self.version, self.start))
        return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decode_continue_token(text: str) -> ContinueToken:
    """Return what a token says.

    Raises:
        InvalidToken: It is not one of ours.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        content = msgspec.json.decode(raw, type=_Content)
    except (binascii.Error, ValueError) as error:
        raise InvalidToken(f"continue key is not valid: {error}") from error
    if content.v != _FORMAT:
        raise InvalidToken(
            f"continue key is not valid: server does not recognize this encoded version {content.v}"
        )
    if content.rv == 0 or content.rv < NEWEST:
        raise InvalidToken("continue key is not valid: incorrect encoded start resourceVersion")
    if not content.start:
        raise InvalidToken("continue key is not valid: encoded start key empty")
    return ContinueToken(content.rv, content.start)
