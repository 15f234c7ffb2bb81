"""What a server answered, and what is wrong with it: pure, no HTTP library in sight."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from kubeinformer.errors import InvalidResponse, KubeInformerError, StatusError, status_error
from kubeinformer.statuses import error_from_status

EXCERPT_LENGTH = 200
"""Characters of a foreign body that a message may show."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer with a code from 200 to 299.

    Attributes:
        status: The code.
        headers: Its headers, looked up in any case.
        body: The whole body, JSON unless it is empty.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def is_json(content_type: str) -> bool:
    """Return whether a Content-Type says JSON (`application/json;stream=watch` does, too)."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def refusal(
    code: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    verb: str,
    resource: str,
    now: float,
) -> KubeInformerError:
    """Return the error for an answer whose code is not 2xx.

    Args:
        code: The HTTP status.
        headers: The answer's headers, looked up in any case.
        body: The start of the body.
        verb: The API verb of the request.
        resource: The resource of the request.
        now: Seconds since 1970, to read a date in `Retry-After`.
    """
    if 300 <= code < 400:
        return _redirect(code, headers.get("Location", ""), verb, resource)
    if is_json(headers.get("Content-Type", "")):
        error = error_from_status(body, verb=verb, resource=resource, code=code)
    else:
        error = _foreign_refusal(code, headers, body, verb, resource)
    delays = [error.retry_after, _retry_after(headers.get("Retry-After", ""), now)]
    error.retry_after = max((delay for delay in delays if delay is not None), default=None)
    return error


def not_json(
    code: int, headers: Mapping[str, str], body: bytes, *, verb: str, resource: str
) -> InvalidResponse:
    """Return the error for an answer whose code is right and whose content is not the API's."""
    content_type = headers.get("Content-Type") or "no content type"
    parts = [
        f"{verb} {resource}: {code} with {excerpt(content_type.encode())}, not JSON",
        _shown(headers, body),
    ]
    return InvalidResponse(": ".join(filter(None, parts)), code=code, verb=verb, resource=resource)


def excerpt(body: bytes) -> str:
    """Return the start of a text in one line, without control characters."""
    text = body[: 8 * EXCERPT_LENGTH].decode("utf-8", "replace")
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = re.sub(r" +", " ", printable).strip()
    return line if len(line) <= EXCERPT_LENGTH else line[: EXCERPT_LENGTH - 3] + "..."


def _shown(headers: Mapping[str, str], body: bytes) -> str:
    """Return what may be shown of a body: nothing of what may be JSON, since that could be a Secret."""
    is_text = headers.get("Content-Type", "").strip().lower().startswith("text/")
    return excerpt(body) if is_text and body.lstrip()[:1] not in (b"{", b"[") else ""


def _foreign_refusal(
    code: int, headers: Mapping[str, str], body: bytes, verb: str, resource: str
) -> StatusError:
    message = _shown(headers, body) or "an answer without a Status"
    return status_error(code, message=message, verb=verb, resource=resource)


def _redirect(code: int, location: str, verb: str, resource: str) -> InvalidResponse:
    try:
        target = urlsplit(location).netloc.rpartition("@")[2] or "the same host"
    except ValueError:
        target = "an unreadable address"
    message = (
        f"{verb} {resource}: {code}, a redirect to {excerpt(target.encode())}; redirects are not followed"
    )
    return InvalidResponse(message, code=code, verb=verb, resource=resource)


def _retry_after(value: str, now: float) -> float | None:
    """Read `Retry-After` (RFC 9110, 10.2.3): seconds, or a date."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None
