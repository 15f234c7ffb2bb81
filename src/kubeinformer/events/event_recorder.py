"""Events as people see them in `kubectl describe` and `kubectl events`: what a controller did, and what went wrong."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, Self

from kubeinformer.client.config import Config
from kubeinformer.client.loading import load_config
from kubeinformer.client.session import Session
from kubeinformer.clock import Clock, SystemClock
from kubeinformer.errors import KubeInformerError, UsageError
from kubeinformer.events.event_documents import EventType, make_occurrence, make_reporter
from kubeinformer.events.event_queue import EventQueue
from kubeinformer.events.event_writer import EventWriter
from kubeinformer.fronts.portal import Portal
from kubeinformer.metrics import Metric, MetricsProvider
from kubeinformer.objects import KubernetesObject

EXIT_SECONDS: Final = 1.5  # that a program's end waits for events, where nobody closed the recorder

Target = KubernetesObject | Mapping[str, Any]


class EventRecorder:
    """Records events about objects (`events.k8s.io/v1`, KEP-383), for both faces: thread-safe, from any loop.

        recorder = EventRecorder(config, "my-controller")
        recorder.event(pod, "Warning", "ImageMissing", "there is no image my/app:7")

    `event` hands over and returns: writes happen on a thread of the recorder's own, which begins with the first event.

    *Series.* Equal events become one object with a count, as in client-go's tools/events: the first is created, the
    second patches the count at once, later ones are counted here and patched 1, 2, 4 and then every 5 minutes while
    they go on (client-go: 30), so no series costs the server more than 12 small writes an hour in the long run, and
    what `kubectl` shows is at most 5 minutes behind. Events are equal if type, action, reason, regarding and related
    object are; the note is not looked at, so a series keeps its first one. 6 minutes after its last event a series is
    complete on the server and forgotten here.

    *Limits.* New series about one object: 25 at once, then one every 5 minutes (client-go's spam filter). Events that
    wait to be created: 1,000. What is beyond is dropped and counted, as is what fails: `counts` and the metrics have
    it. Where the server does not answer, answers 429 or 5xx, a write is tried 12 times, 10 seconds apart or more: while
    nothing gets through, one write a second is sent in all. What it refuses otherwise is given up. The recorder needs
    `create` and `patch` on `events.events.k8s.io`: what is missing is logged once (logger `kubeinformer.events`).
    Nothing of this is raised.

    `close`, or a `with` or `async with` block, writes what waits. Where that was forgotten, the end of the program
    waits for it up to 1.5 seconds.

    Args:
        config: The server to talk to; None for what :func:`~kubeinformer.load_config` finds.
        component: Who reports, such as `my-controller` or `example.com/my-controller`.
        instance: Which one of them; None for `<component>-<hostname>`. At most 128 bytes.
        metrics: Where the recorder's metrics go.
        clock: Time and chance.

    Raises:
        ConfigurationError: No configuration was given, and none was found.
        ValueError: The server would take no event of such a component or instance.
    """

    def __init__(
        self,
        config: Config | None,
        component: str,
        *,
        instance: str | None = None,
        metrics: MetricsProvider | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self.reporter = make_reporter(component, instance, socket.gethostname())
        self._session = Session(config or load_config(), clock)
        self._queue = EventQueue(self._clock, self._wake)
        self._writer = EventWriter(self._queue, self.reporter, self._session, self._clock)
        self._portal = Portal("kubeinformer-events", self._end)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._has_begun = False
        self._is_closing = False
        self._is_closed = False
        self._metrics = metrics
        if metrics is not None:
            metrics.register(self)

    def event(
        self,
        obj: Target,
        type: EventType,  # noqa: A002  # the API's own word
        reason: str,
        note: str,
        *,
        action: str | None = None,
        related: Target | None = None,
    ) -> None:
        """Record an event. It takes microseconds, and never waits for the server.

        It may be called by any thread, in a coroutine, in a handler, in a signal handler. After `close` it does nothing.

        Args:
            obj: What it is about: an object of the cache (one that has only metadata will do), or a dict with
                apiVersion, kind and metadata. Of an object without a namespace the event is kept in `default`.
            type: `Normal` or `Warning`.
            reason: Why, as one CamelCase word that programs can rely on; cut after 128 bytes.
            note: What people should know; cut after 1,024 bytes.
            action: What was done or tried, as one CamelCase word; the reason if None. Cut after 128 bytes.
            related: Another object that has to do with it.

        Raises:
            ValueError: Another type, no reason, or an object without apiVersion, kind or name.
            TypeError: Something that is no object.
            UsageError: The recorder was made before the process forked.
        """
        self._portal.check_process()
        self._queue.put(make_occurrence(obj, type, reason, note, action, related, self._clock.time()))

    def flush(self, timeout: float = 5.0) -> bool:
        """Write what waits, counts of series included, blocking until that is done.

        What is recorded meanwhile is not waited for.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether nothing waits any more: it is written, or refused for good. False after `close`, which loses the
            rest.

        Raises:
            UsageError: The recorder was made before the process forked.
        """
        self._portal.check_process()
        if not self._must_flush:
            return True
        with suppress(RuntimeError):  # it was closed meanwhile, or no thread can begin
            return self._portal.call(self._writer.flush, timeout)
        return False

    async def flush_async(self, timeout: float = 5.0) -> bool:
        """Do as `flush`, awaited on the caller's loop."""
        self._portal.check_process()
        if not self._must_flush:
            return True
        with suppress(RuntimeError):
            return await self._portal.call_async(self._writer.flush, timeout)
        return False

    def close(self, timeout: float = 5.0) -> None:
        """Write what waits, for at most `timeout` seconds, and end. What is still not written is lost, and logged.

        It blocks; on an event loop use `close_async`. Closing twice is harmless, and so is closing in a child process,
        which leaves the parent's recorder as it is.
        """
        if self._begin_to_close():
            try:
                self.flush(timeout)
            finally:
                self._is_closed = True
                self._portal.stop()

    async def close_async(self, timeout: float = 5.0) -> None:
        """Do as `close`, awaited on the caller's loop."""
        if self._begin_to_close():
            try:
                await self.flush_async(timeout)
            finally:
                self._is_closed = True
                await self._portal.stop_async()

    @property
    def counts(self) -> Mapping[str, int]:
        """What became of the events so far, each counted once.

        `written` (an object of its own), `folded` (into a series), `dropped_full`, `dropped_spam`, `dropped_closed`,
        `failed`; what still waits is in none of them.
        """
        return {str(result): count for result, count in self._queue.counts.items()}

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now; any thread may ask."""
        component = self.reporter.controller
        yield Metric(
            "event_recorder_events",
            "counter",
            "Events, by what became of them.",
            ("result", "component"),
            [((result, component), count) for result, count in self._queue.counts.items()],
        )
        yield Metric(
            "event_recorder_requests",
            "counter",
            "Writes of events, by verb and result.",
            ("verb", "result", "component"),
            [((*labels, component), count) for labels, count in self._queue.requests.items()],
        )
        yield Metric(
            "event_recorder_series",
            "gauge",
            "Events that are remembered, to fold equal ones into them.",
            ("component",),
            [((component,), len(self._queue.table))],
        )
        yield Metric(
            "event_recorder_pending",
            "gauge",
            "Events that wait to be created.",
            ("component",),
            [((component,), self._queue.table.uncreated)],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close_async()

    def __reduce__(self) -> str:
        raise TypeError("an event recorder is bound to its process and cannot be pickled")

    @property
    def _must_flush(self) -> bool:
        return self._has_begun or self._queue.table.uncreated > 0

    def _begin_to_close(self) -> bool:
        """Return whether there is something to close: not twice, and not in a child process."""
        try:
            self._portal.check_process()
        except UsageError:
            return False
        is_first, self._is_closing = not self._is_closing, True
        self._queue.close()
        if is_first and self._metrics is not None:
            self._metrics.unregister(self)
        return is_first

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(self._writer.pump)
        elif not self._has_begun:
            self._has_begun = True
            try:
                self._portal.submit(self._begin)
            except UsageError:  # it was closed just now
                self._has_begun = False
                self._queue.close()
            except RuntimeError:  # no thread can begin, now or at the end: the next event tries again
                self._has_begun = False
                self._queue.not_woken()

    async def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer.pump()

    async def _end(self) -> None:
        if not self._is_closed:
            self._queue.close()
            await self._writer.flush(EXIT_SECONDS)
        await self._writer.stop()
        with suppress(KubeInformerError):  # there never was a connection: a certificate is missing, say
            await self._session.close()
