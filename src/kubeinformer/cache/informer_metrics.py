"""The metrics of a factory's informers, as they are when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.clock import Clock, sleep
from kubeinformer.metrics import Histogram, Metric

_PROBE_PERIOD = 1.0  # seconds
_Value = Callable[[SharedIndexInformer, float], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class _Definition:
    """A metric of an informer: from the informer and the time of day to values, by those of one more label."""

    name: str
    kind: Literal["counter", "gauge"]
    documentation: str
    label: str
    value: _Value


def _lone(value: Callable[[SharedIndexInformer, float], float | None]) -> _Value:
    """Return the values of a metric without a label of its own; none where there is none yet."""

    def values(informer: SharedIndexInformer, now: float) -> Mapping[str, float]:
        found = value(informer, now)
        return {} if found is None else {"": found}

    return values


def _of_handlers(attribute: str) -> _Value:
    def values(informer: SharedIndexInformer, _: float) -> Mapping[str, float]:
        return {name: float(getattr(handler, attribute)) for name, handler in informer.handlers.items()}

    return values


def _age(now: float, moment: float | None) -> float | None:
    return None if moment is None else max(0.0, now - moment)


DEFINITIONS = (
    _Definition("informer_objects", "gauge", "Objects in the cache.", "", _lone(lambda each, _: each.size)),
    _Definition(
        "informer_bytes",
        "gauge",
        "Bytes of JSON of the objects in the cache.",
        "",
        _lone(lambda each, _: each.bytes),
    ),
    _Definition(
        "informer_store_resource_version",
        "gauge",
        "The version that the cache has reached, where it is a number; of several namespaces the lowest.",
        "",
        _lone(lambda each, _: each.numeric_version),
    ),
    _Definition(
        "informer_last_event_age_seconds",
        "gauge",
        "Seconds since the server last sent something.",
        "",
        _lone(lambda each, now: _age(now, each.status.last_contact)),
    ),
    _Definition(
        "informer_staleness_seconds",
        "gauge",
        "Seconds for which changes may have been missed; 0 while every watch is open.",
        "",
        _lone(lambda each, now: _age(now, each.status.stale_since) or 0.0),
    ),
    _Definition(
        "informer_sync_duration_seconds",
        "gauge",
        "Seconds that the first load took.",
        "",
        _lone(lambda each, _: each.sync_duration),
    ),
    _Definition(
        "informer_lists", "counter", "Lists, by the reason.", "reason", lambda each, _: each.counts.lists
    ),
    _Definition(
        "informer_watches",
        "counter",
        "Watches that are over, by how they ended.",
        "end",
        lambda each, _: each.counts.watches,
    ),
    _Definition(
        "informer_events",
        "counter",
        "What watches brought, by type.",
        "type",
        lambda each, _: each.counts.events,
    ),
    _Definition(
        "informer_decode_errors",
        "counter",
        "Lines and objects that could not be read.",
        "",
        _lone(lambda each, _: each.counts.decode_errors),
    ),
    _Definition(
        "informer_handler_lag_seconds",
        "gauge",
        "Seconds for which something has waited for a handler.",
        "handler",
        _of_handlers("lag"),
    ),
    _Definition(
        "informer_handler_pending",
        "gauge",
        "Notifications that wait for a handler.",
        "handler",
        _of_handlers("pending"),
    ),
    _Definition(
        "informer_coalesced",
        "counter",
        "Notifications that were merged into others.",
        "handler",
        _of_handlers("merged"),
    ),
)


class InformerMetrics:
    """A source of metrics for all informers of a factory. `collect` may be called from any thread.

    Args:
        informers: Returns them.
        clock: Time.
    """

    def __init__(self, informers: Callable[[], list[SharedIndexInformer]], clock: Clock) -> None:
        self._informers = informers
        self._clock = clock
        self._stalls = Histogram()

    async def watch_the_loop(self) -> None:
        """Measure how late the loop wakes, until cancelled: what runs on it holds up every cache."""
        while True:
            due = self._clock.now() + _PROBE_PERIOD
            await sleep(self._clock, _PROBE_PERIOD)
            self._stalls.observe(max(0.0, self._clock.now() - due))

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        informers = self._informers()
        for definition in DEFINITIONS:
            yield self._metric(definition, informers)
        documentation = "How late the loop of the engine woke."
        yield Metric("loop_stall_seconds", "histogram", documentation, (), [((), self._stalls.distribution)])

    def _metric(self, definition: _Definition, informers: list[SharedIndexInformer]) -> Metric:
        now = self._clock.time()
        own = (definition.label,) if definition.label else ()
        samples = [
            ((*_labels(informer), label) if own else _labels(informer), value)
            for informer in informers
            for label, value in definition.value(informer, now).items()
        ]
        labels = ("group", "version", "resource", "name", *own)
        return Metric(definition.name, definition.kind, definition.documentation, labels, samples)


def _labels(informer: SharedIndexInformer) -> tuple[str, ...]:
    resource, options = informer.resource, informer.options
    if resource is None:  # nobody knows yet what it is
        return "", "", options.reference.name, options.name
    return resource.group, resource.version, resource.name, options.name
