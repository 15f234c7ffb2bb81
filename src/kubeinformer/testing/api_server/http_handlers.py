"""From an HTTP request to an answer: the log, the faults, discovery, the verbs, the watches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from aiohttp import web

from kubeinformer.testing.api_server import discovery_documents as discovery
from kubeinformer.testing.api_server.faults import Action, CutConnection, Faults
from kubeinformer.testing.api_server.list_options import asks_for_watch, parse_list_options
from kubeinformer.testing.api_server.object_documents import Document, encode
from kubeinformer.testing.api_server.object_storage import ObjectStorage
from kubeinformer.testing.api_server.refusals import Refusal, internal_error, no_such_path, too_large_body
from kubeinformer.testing.api_server.registry import Registry
from kubeinformer.testing.api_server.request_info import RequestInfo, parse_request
from kubeinformer.testing.api_server.request_log import RequestLog, RequestRecord
from kubeinformer.testing.api_server.resource_verbs import Request, ResourceVerbs, selection_of
from kubeinformer.testing.api_server.served_resources import ResourceTable
from kubeinformer.testing.api_server.server_thread import abort
from kubeinformer.testing.api_server.watch_cursor import WatchCursor
from kubeinformer.testing.api_server.watch_streams import RunningWatch, WatchHub

_LOGGER = logging.getLogger(__name__)
_JSON = "application/json"
_MAX_BODY_SIZE = 3 * 1024 * 1024
_HEALTH_PATHS = ("/readyz", "/livez", "/healthz")
_COMMON_HEADERS = {"Cache-Control": "no-cache, private"}


class HttpHandlers:
    """Answers requests. It belongs to the server's loop.

    Args:
        table: The resources there are.
        storage: The objects.
        registry: The rules of writing.
        lock: Held around every use of the two.
        hub: Where running watches are counted.
        faults: What may go wrong on purpose.
        log: Where requests are noted.
        bookmark_interval: Seconds between the bookmarks of a watch.
    """

    def __init__(
        self,
        table: ResourceTable,
        storage: ObjectStorage,
        registry: Registry,
        *,
        lock: threading.RLock,
        hub: WatchHub,
        faults: Faults,
        log: RequestLog,
        bookmark_interval: float,
    ) -> None:
        self._table = table
        self._storage = storage
        self._verbs = ResourceVerbs(storage, registry)
        self._lock = lock
        self._hub = hub
        self._faults = faults
        self._log = log
        self._bookmark_interval = bookmark_interval
        self.version = "v1.37.2"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        record = _record(request)
        info, refusal = self._parse(record)
        self._log.append(record)
        action = self._faults.take(record)
        await self._faults.until_flowing(record)
        try:
            if action is not None:
                return self._carry_out(action, request, record)
            return await self._truth(request, record, info, refusal)
        except Refusal as error:
            return _refused(record, error)
        except Exception:
            _LOGGER.exception("%s %s failed", record.method, record.path)
            return _refused(record, internal_error("Internal error occurred: see the log"))

    async def _truth(
        self,
        request: web.BaseRequest,
        record: RequestRecord,
        info: RequestInfo | None,
        refusal: Refusal | None,
    ) -> web.StreamResponse:
        if not self._has_root_of(record.path):
            return _response(record, 404, b"404 page not found\n", "text/plain; charset=utf-8")
        if refusal is not None:
            raise refusal
        if info is None:
            return self._answer_about_the_server(request, record)
        if info.verb == "watch":
            return await self._watch(request, record, info)
        return await self._answer(request, record, info)

    def _parse(self, record: RequestRecord) -> tuple[RequestInfo | None, Refusal | None]:
        """Fill in what the request is about; None for one about the server itself."""
        if self._is_about_the_server(record.path):
            record.verb = "discover"
            return None, None
        try:
            watch = asks_for_watch(record.query)
            info = parse_request(self._table, record.method, record.path, watch=watch)
        except Refusal as error:
            return None, error
        record.verb, record.resource = info.verb, info.served.resource.group_resource
        record.namespace, record.name, record.subresource = info.namespace, info.name, info.subresource
        return info, None

    def _has_root_of(self, path: str) -> bool:
        """Return whether anything is served below the path's root; if not, the answer is not even a Status."""
        parts = path.strip("/").split("/")
        if parts[0] == "apis" and len(parts) > 1:
            return parts[1] in self._table.versions()
        return parts[0] in {"api", "apis"} or self._is_about_the_server(path)

    def _is_about_the_server(self, path: str) -> bool:
        parts = path.strip("/").split("/")
        if parts[0] == "api":
            return len(parts) <= 2
        if parts[0] == "apis":
            return len(parts) <= 3
        return path == "/version" or path.startswith(_HEALTH_PATHS)

    def _answer_about_the_server(self, request: web.BaseRequest, record: RequestRecord) -> web.Response:
        if record.path.startswith(_HEALTH_PATHS):
            return _response(record, 200, b"ok", "text/plain; charset=utf-8")
        if record.path == "/version":
            return _json(record, encode(discovery.version_document(self.version)))
        parts = record.path.strip("/").split("/")
        if len(parts) == 1 and _takes_aggregated(request):
            document = discovery.aggregated(self._table, core=parts[0] == "api")
            return _response(record, 200, encode(document) + b"\n", discovery.AGGREGATED_TYPE)
        found = self._discovered(parts, request.host)
        if found is None:
            raise no_such_path()
        return _json(record, encode(found))

    def _discovered(self, parts: list[str], host: str) -> Document | None:
        match parts:
            case ["api"]:
                return discovery.api_versions(host)
            case ["api", version]:
                return discovery.api_resource_list(self._table, "", version)
            case ["apis"]:
                return discovery.api_group_list(self._table)
            case ["apis", group]:
                return discovery.api_group(self._table, group)
            case ["apis", group, version]:
                return discovery.api_resource_list(self._table, group, version)
        return None

    async def _answer(
        self, request: web.BaseRequest, record: RequestRecord, info: RequestInfo
    ) -> web.Response:
        body = await _body(request)
        content_type = request.headers.get("Content-Type", "").partition(";")[0].strip()
        with self._lock:
            answer = self._verbs.answer(Request(info, record.query, content_type, body))
        return _json(record, answer.body, answer.status)

    async def _watch(
        self, request: web.BaseRequest, record: RequestRecord, info: RequestInfo
    ) -> web.StreamResponse:
        options = parse_list_options(record.query)
        selection = selection_of(info, options)
        with self._lock:
            cursor = WatchCursor(self._storage, info.served, selection, options)
            watch = RunningWatch(record, info.served, cursor, self._lock)
            self._hub.add(watch)
        try:
            record.status = 200
            response = web.StreamResponse(headers={**_COMMON_HEADERS, "Content-Type": _JSON})
            response.enable_chunked_encoding()
            await response.prepare(request)
            await watch.run(
                response.write,
                self._faults,
                lifetime=options.timeout_seconds,
                bookmarks=self._bookmark_interval,
            )
            await response.write_eof()
        except ConnectionResetError:
            _LOGGER.debug("the client of %s has gone", record.path)
        finally:
            self._hub.remove(watch)
        return response

    def _carry_out(
        self, action: Action, request: web.BaseRequest, record: RequestRecord
    ) -> web.StreamResponse:
        if isinstance(action, CutConnection):
            if request.transport is not None:
                abort(request.transport, reset=True)
            return web.Response()
        record.status = action.status
        headers = {**_COMMON_HEADERS, "Content-Type": action.content_type, **action.headers}
        return web.Response(status=action.status, body=action.body, headers=headers)


def _record(request: web.BaseRequest) -> RequestRecord:
    url = request.rel_url
    query = {name: url.query.getall(name)[0] for name in url.query}
    return RequestRecord(
        request.method,
        url.raw_path,
        query,
        user_agent=request.headers.get("User-Agent", ""),
        headers=request.headers.copy(),
    )


async def _body(request: web.BaseRequest) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > _MAX_BODY_SIZE:
            raise too_large_body(_MAX_BODY_SIZE)
    return bytes(body)


def _takes_aggregated(request: web.BaseRequest) -> bool:
    wanted = set(discovery.AGGREGATED_TYPE.split(";"))
    accepted = request.headers.get("Accept", "").split(",")
    return any(wanted <= {part.strip() for part in entry.split(";")} for entry in accepted)


def _json(record: RequestRecord, body: bytes, status: int = 200) -> web.Response:
    return _response(record, status, body + b"\n", _JSON)


def _refused(record: RequestRecord, refusal: Refusal) -> web.Response:
    retry = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return _response(record, refusal.code, encode(refusal.document()) + b"\n", _JSON, retry)


def _response(
    record: RequestRecord,
    status: int,
    body: bytes,
    content_type: str,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    record.status = status
    given = {**_COMMON_HEADERS, "Content-Type": content_type, **(headers or {})}
    return web.Response(status=status, body=body, headers=given)
