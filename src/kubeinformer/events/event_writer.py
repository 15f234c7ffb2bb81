"""Writes of events: several at a time, each series in its order, again where they fail; on one event loop."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import msgspec

from kubeinformer.cache.background_errors import BackgroundError, ErrorReporter
from kubeinformer.client.session import Requests
from kubeinformer.clock import Clock, Timer, deadline
from kubeinformer.errors import Conflict, Forbidden, InvalidResponse, NetworkError, NotFound, StatusError
from kubeinformer.events.event_documents import (
    EVENTS,
    Reporter,
    event_document,
    series_patch,
)
from kubeinformer.events.event_queue import EventQueue
from kubeinformer.events.event_series import EventWrite

_log = logging.getLogger("kubeinformer.events")

WRITERS: Final = 8  # writes at a time, as in client-go
TROUBLE_SECONDS: Final = 1.0
"""Seconds from a failed write to the next one of any series, until one succeeds: 8 writers and a full queue would hit
a server in trouble with a hundred writes a second."""


class EventWriter:
    """Writes what is in a queue. It belongs to one event loop.

    Writes of one series go one after the other. One that fails waits apart, so that others can go before it.

    Args:
        queue: What is to be written.
        reporter: Who reports.
        requests: The way to the server.
        clock: Time and chance.
    """

    def __init__(self, queue: EventQueue, reporter: Reporter, requests: Requests, clock: Clock) -> None:
        self._queue = queue
        self._reporter = reporter
        self._requests = requests
        self._clock = clock
        self._errors = ErrorReporter(clock, None)
        self._forbidden: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None
        self._trouble_until: float | None = None  # None while the last write succeeded
        self._waiters: set[asyncio.Future[None]] = set()
        self._is_stopped = False

    def pump(self) -> None:
        """Begin the writes that are due, and see to it that this is called when the next one is."""
        if self._is_stopped:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._may_begin() and (write := self._queue.take()) is not None:
            task = asyncio.get_running_loop().create_task(self._write(write))
            self._tasks.add(task)
            task.add_done_callback(self._over)
        may_begin = self._may_begin()
        moment = self._queue.rest(is_busy=not may_begin)
        if not may_begin and not self._tasks:
            moment = self._trouble_until
        if moment is not None:
            self._timer = self._clock.call_later(max(0.0, moment - self._clock.now()), self.pump)

    async def flush(self, timeout: float) -> bool:
        """Write all that waits, counts of series included; return whether that was done in `timeout` seconds."""
        targets = self._queue.begin_flush()
        try:
            self.pump()
            async with deadline(self._clock, timeout):
                while targets:
                    if self._queue.is_settled(*targets[-1]):
                        targets.pop()
                    else:
                        await self._next_result()
        except TimeoutError:
            return False
        finally:
            self._queue.end_flush()
        return True

    async def stop(self) -> None:
        """Cancel what is under way; what was not created is lost, and a log line says how much."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if lost := self._queue.abandon():
            _log.warning("%d events were not written: the recorder was closed before", lost)

    def _may_begin(self) -> bool:
        if self._trouble_until is None:
            return len(self._tasks) < WRITERS
        return not self._tasks and self._clock.now() >= self._trouble_until

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.pump()

    async def _next_result(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    async def _write(self, write: EventWrite) -> None:
        verb: str = write.verb
        try:
            try:
                await (self._patch(write) if verb == "patch" else self._create(write))
            except NotFound:
                if verb == "create":
                    raise
                verb = "create"  # it outlived its time on the server: a series may also begin anew
                await self._create(write)
        except Exception as error:  # noqa: BLE001  # whatever it is, the series must come back to its queue
            self._take_failure(write, verb, error)
        else:
            self._trouble_until = None
            self._queue.written(write, verb)

    def _take_failure(self, write: EventWrite, verb: str, error: Exception) -> None:
        if isinstance(error, Conflict) and error.reason == "AlreadyExists" and verb == "create":
            self._trouble_until = None
            self._queue.exists(write, verb)
            return
        retried = is_retried(error)
        self._trouble_until = self._clock.now() + TROUBLE_SECONDS if retried else None
        at_least = (error.retry_after or 0.0) if isinstance(error, StatusError) else 0.0
        delay = self._queue.failed(write, verb, is_final=not retried, at_least=at_least)
        self._log_failure(verb, error, delay)

    def _log_failure(self, verb: str, error: Exception, delay: float | None) -> None:
        if isinstance(error, Forbidden):
            if "NamespaceTerminating" in error.causes:
                _log.debug("an event came too late for its namespace: %s", error)
            elif verb not in self._forbidden:
                self._forbidden.add(verb)
                _log.warning(
                    "events are not complete: %s may not %s %s, in some namespace at least: %s",
                    self._reporter.controller,
                    verb,
                    EVENTS.group_resource,
                    error,
                )
            return
        status = error.code if isinstance(error, StatusError) else None
        action = "the event is given up" if delay is None else "it is tried again"
        self._errors.report(BackgroundError(EVENTS.group_resource, None, verb, status, error, action, delay))

    async def _create(self, write: EventWrite) -> None:
        first = write.series.first
        document = event_document(first, self._reporter, write.name, write.count, write.last_time)
        path = EVENTS.path(namespace=first.key.namespace)
        await self._requests.send("POST", "create", EVENTS, path, body=msgspec.json.encode(document))

    async def _patch(self, write: EventWrite) -> None:
        path = EVENTS.path(namespace=write.series.first.key.namespace, name=write.name)
        await self._requests.send(
            "PATCH",
            "patch",
            EVENTS,
            path,
            body=msgspec.json.encode(series_patch(write.count, write.last_time)),
            content_type="application/merge-patch+json",
        )


def is_retried(error: Exception) -> bool:
    """Return whether a write that failed so may succeed later: no answer, an odd one, or a server in trouble.

    What the server refuses otherwise it refuses again, as in client-go.
    """
    if isinstance(error, StatusError):
        return error.code >= 500 or error.code == 429
    return isinstance(error, NetworkError | InvalidResponse)
