"""Plain requests to a test server, on nothing but the standard library."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple

from kubeinformer.testing import APIServer

MERGE = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


class Reply(NamedTuple):
    """A status, the headers in lower case, and the body: a mapping, a list of watch events, or bytes."""

    status: int
    headers: dict[str, str]
    body: Any


def ask(server: APIServer, method: str, path: str, body: object = None, **headers: str) -> Reply:
    """Send one request; headers are written as `Content_Type=...`."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    try:
        text = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        connection.request(method, path, text, given)
        answer = connection.getresponse()
        raw = answer.read()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, found, _decoded(raw, found))
    finally:
        connection.close()


def _decoded(raw: bytes, headers: dict[str, str]) -> Any:
    if "json" not in headers.get("content-type", "") or "content-encoding" in headers:
        return raw
    lines = raw.splitlines()
    return json.loads(raw) if len(lines) == 1 else [json.loads(line) for line in lines]
