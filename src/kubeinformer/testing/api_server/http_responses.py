"""Finished answers as HTTP responses: headers, compression, refusals."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

from aiohttp import web

from kubeinformer.testing.api_server.object_documents import encode
from kubeinformer.testing.api_server.refusals import Refusal
from kubeinformer.testing.api_server.request_log import RequestRecord

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
COMMON_HEADERS = {"Cache-Control": "no-cache, private"}
_COMPRESSED_FROM = 128 * 1024


def response(
    record: RequestRecord,
    status: int,
    body: bytes,
    content_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return a response, compressed as kube-apiserver does it: from 128 KiB on, for those who accept gzip."""
    record.status = status
    given = {**COMMON_HEADERS, "Content-Type": content_type, **(headers or {})}
    if len(body) >= _COMPRESSED_FROM and "gzip" in record.headers.get("Accept-Encoding", ""):
        body = gzip.compress(body, 4, mtime=0)
        given |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return web.Response(status=status, body=body, headers=given)


def refused(record: RequestRecord, refusal: Refusal) -> web.Response:
    """Return the response to a request that is refused."""
    retry = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return response(record, refusal.code, encode(refusal.document()) + b"\n", headers=retry)


def warning_headers(text: str) -> dict[str, str]:
    """Return the header that warns of something (RFC 7234, KEP-1693); none for ""."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return {"Warning": f'299 - "{quoted}"'} if text else {}
