"""From a Status object inside an answer to an error."""

from __future__ import annotations

import msgspec

from kubeinformer.errors import StatusError, status_error


class _Cause(msgspec.Struct):
    reason: str | None = None


class _Details(msgspec.Struct, rename="camel"):
    causes: list[_Cause] | None = None
    retry_after_seconds: float | None = None


class _Status(msgspec.Struct):
    code: int | None = None
    reason: str | None = None
    message: str | None = None
    details: _Details | None = None


def error_from_status(body: bytes, *, verb: str, resource: str, code: int = 500) -> StatusError:
    """Return the error that a Status object tells of.

    Args:
        body: The JSON of the Status.
        verb: The API verb of the request.
        resource: The resource of the request.
        code: The code to take where the Status has none, or cannot be read.
    """
    try:
        status = msgspec.json.decode(body, type=_Status)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return status_error(code, message="an error that cannot be read", verb=verb, resource=resource)
    details = status.details or _Details()
    return status_error(
        status.code or code,
        status.reason or "",
        status.message or "",
        verb=verb,
        resource=resource,
        retry_after=details.retry_after_seconds or None,
        causes=tuple(cause.reason for cause in details.causes or () if cause.reason),
    )
