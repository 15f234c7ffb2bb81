"""From an HTTP request to an answer: the log, the faults, discovery, the verbs, the watches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from kubeinformer.clock import Clock
from kubeinformer.testing.api_server.access_control import AccessControl, User
from kubeinformer.testing.api_server.fault_actions import BookmarkEvery, Misread, Shape
from kubeinformer.testing.api_server.fault_execution import instead_of_the_truth, shape
from kubeinformer.testing.api_server.faults import Faults
from kubeinformer.testing.api_server.http_responses import (
    COMMON_HEADERS,
    JSON,
    TEXT,
    refused,
    response,
    warning_headers,
)
from kubeinformer.testing.api_server.list_options import asks_for_watch, parse_list_options
from kubeinformer.testing.api_server.negotiation import negotiated
from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.object_storage import ObjectStorage
from kubeinformer.testing.api_server.refusals import Refusal, internal_error, too_large_body
from kubeinformer.testing.api_server.registry import Registry
from kubeinformer.testing.api_server.representations import Representation
from kubeinformer.testing.api_server.request_info import RequestInfo, parse_request
from kubeinformer.testing.api_server.request_log import RequestLog, RequestRecord
from kubeinformer.testing.api_server.resource_table import ResourceTable
from kubeinformer.testing.api_server.resource_verbs import ResourceVerbs, selection_of
from kubeinformer.testing.api_server.reviews import Reviews
from kubeinformer.testing.api_server.server_information import ServerInformation
from kubeinformer.testing.api_server.server_thread import certificate_subject
from kubeinformer.testing.api_server.verb_requests import Request
from kubeinformer.testing.api_server.watch_cursor import WatchCursor
from kubeinformer.testing.api_server.watch_streams import RunningWatch, WatchHub

_LOGGER = logging.getLogger(__name__)
_MAX_BODY_SIZE = 3 * 1024 * 1024


@dataclass(slots=True)
class _Exchange:
    """One request on its way through the server.

    Attributes:
        request: What aiohttp has of it.
        record: What is noted of it.
        query: The parameters that are answered.
        bookmark_interval: Seconds between two bookmarks of a watch, None for none.
    """

    request: web.BaseRequest
    record: RequestRecord
    query: Mapping[str, str]
    bookmark_interval: float | None


class HttpHandlers:
    """Answers requests. It belongs to the server's loop.

    Args:
        table: The resources there are.
        information: What the server says about itself.
        access: Who may do what.
        storage: The objects.
        registry: The rules of writing.
        lock: Held around every use of the two.
        hub: Where running watches are counted.
        faults: What may go wrong on purpose.
        log: Where requests are noted.
        bookmark_interval: Seconds between the bookmarks of a watch.
        clock: Measures time.
    """

    def __init__(
        self,
        table: ResourceTable,
        information: ServerInformation,
        access: AccessControl,
        storage: ObjectStorage,
        registry: Registry,
        *,
        lock: threading.RLock,
        hub: WatchHub,
        faults: Faults,
        log: RequestLog,
        bookmark_interval: float,
        clock: Clock,
    ) -> None:
        self._table = table
        self._information = information
        self._access = access
        self._storage = storage
        self._verbs = ResourceVerbs(storage, registry, clock.time)
        self._clock = clock
        self._reviews = Reviews(access, table)
        self._lock = lock
        self._hub = hub
        self._faults = faults
        self._log = log
        self._bookmark_interval = bookmark_interval

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        record = _record(request, self._clock.time())
        info, refusal = self._parse(record)
        self._log.append(record)
        began = self._clock.now()
        try:
            return await self._answered(request, record, info, refusal)
        except Refusal as error:
            return refused(record, error)
        except Exception:
            _LOGGER.exception("%s %s failed", record.method, record.path)
            return refused(record, internal_error("Internal error occurred: see the log"))
        finally:
            record.duration = self._clock.now() - began

    async def _answered(
        self,
        request: web.BaseRequest,
        record: RequestRecord,
        info: RequestInfo | None,
        refusal: Refusal | None,
    ) -> web.StreamResponse:
        """Answer as the faults will have it."""
        action = self._faults.take(record)
        await self._faults.until_flowing(record)
        exchange = _Exchange(request, record, record.query, self._bookmark_interval)
        match action:
            case None:
                pass
            case Shape():
                shape(request, action)
                answer = await self._truth(exchange, info, refusal)
                answer.force_close()
                return answer
            case Misread():
                left = {name: value for name, value in record.query.items() if name not in action.parameters}
                exchange.query = left
            case BookmarkEvery():
                exchange.bookmark_interval = action.interval
            case _:
                return await instead_of_the_truth(action, request, record)
        return await self._truth(exchange, info, refusal)

    async def _truth(
        self, exchange: _Exchange, info: RequestInfo | None, refusal: Refusal | None
    ) -> web.StreamResponse:
        record = exchange.record
        user, token = self._access.user_of(
            record.headers.get("Authorization", ""), _certificate_user(exchange.request)
        )
        if not self._information.has_root_of(record.path):
            return response(record, 404, b"404 page not found\n", TEXT)
        if refusal is not None:
            raise refusal
        if info is None:
            page = self._information.page(record.path, record.headers, exchange.request.host)
            return response(record, 200, page.body, page.content_type)
        self._access.check(user, token, info)
        if info.verb == "watch":
            return await self._watch(exchange, info)
        return await self._answer(exchange, info, lambda review: self._reviews.answer(review, user, token))

    def _parse(self, record: RequestRecord) -> tuple[RequestInfo | None, Refusal | None]:
        """Fill in what the request is about; None for one about the server itself."""
        if self._information.covers(record.path):
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

    async def _answer(
        self, exchange: _Exchange, info: RequestInfo, review: Callable[[Document], Document]
    ) -> web.Response:
        request, record = exchange.request, exchange.record
        body = await _body(request)
        content_type = request.headers.get("Content-Type", "").partition(";")[0].strip()
        form = self._form(exchange, info, is_list=info.verb in {"list", "deletecollection"})
        with self._lock:
            answer = self._verbs.answer(
                Request(info, exchange.query, content_type, body, form, record.user_agent, review)
            )
        headers = warning_headers(info.served.warning)
        return response(record, answer.status, answer.body + b"\n", headers=headers)

    def _form(self, exchange: _Exchange, info: RequestInfo, *, is_list: bool) -> Representation:
        return negotiated(
            info.served,
            exchange.record.headers.get("Accept", ""),
            exchange.query,
            is_list=is_list,
            wall_time=self._clock.time,
        )

    async def _watch(self, exchange: _Exchange, info: RequestInfo) -> web.StreamResponse:
        record = exchange.record
        options = parse_list_options(exchange.query)
        selection = selection_of(info, options)
        form = self._form(exchange, info, is_list=False)
        with self._lock:
            cursor = WatchCursor(self._storage, info.served, selection, form, options)
            watch = RunningWatch(record, info.served, cursor, self._lock)
            self._hub.add(watch)
        try:
            record.status = 200
            headers = {**COMMON_HEADERS, "Content-Type": JSON, **warning_headers(info.served.warning)}
            stream = web.StreamResponse(headers=headers)
            stream.enable_chunked_encoding()
            await stream.prepare(exchange.request)
            await watch.run(
                stream.write,
                self._faults,
                clock=self._clock,
                lifetime=options.timeout_seconds,
                bookmarks=exchange.bookmark_interval,
            )
            await stream.write_eof()
        except ConnectionResetError:
            _LOGGER.debug("the client of %s has gone", record.path)
        finally:
            self._hub.remove(watch)
        return stream


def _record(request: web.BaseRequest, now: float) -> RequestRecord:
    url = request.rel_url
    query = {name: url.query.getall(name)[0] for name in url.query}
    return RequestRecord(
        request.method,
        url.raw_path,
        query,
        user_agent=request.headers.get("User-Agent", ""),
        headers=request.headers.copy(),
        time=now,
    )


async def _body(request: web.BaseRequest) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > _MAX_BODY_SIZE:
            raise too_large_body(_MAX_BODY_SIZE)
    return bytes(body)


def _certificate_user(request: web.BaseRequest) -> User | None:
    subject = None if request.transport is None else certificate_subject(request.transport)
    return None if subject is None else User(subject[0], subject[1])
