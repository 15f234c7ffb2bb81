"""Metrics for Prometheus: `SharedInformerFactory(metrics=PrometheusMetrics())`; needs `kubeinformer[prometheus]`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

try:
    from prometheus_client.core import (
        REGISTRY,
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )
    from prometheus_client.core import (
        Metric as Family,
    )
    from prometheus_client.registry import Collector, CollectorRegistry
except ImportError as error:
    raise ImportError(
        "kubeinformer.prometheus needs prometheus_client: install kubeinformer[prometheus]"
    ) from error

from kubeinformer.metrics import Distribution, Metric, MetricsSource

_Labels = tuple[str, ...]


class PrometheusMetrics(Collector):
    """Shows what its sources have at every scrape of a registry. Thread-safe.

    One may serve several factories: where two have a series in common, the later one's `name` (or last label) ends
    in `#2`.

    Args:
        registry: Where it registers itself; the client's own by default.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._lock = threading.Lock()
        self._sources: tuple[MetricsSource, ...] = ()
        registry.register(self)

    def register(self, source: MetricsSource) -> None:
        """Show what a source has, from now on."""
        with self._lock:
            self._sources = (*self._sources, source)

    def unregister(self, source: MetricsSource) -> None:
        """Forget a source, and its series with it; harmless when it is not known."""
        with self._lock:
            self._sources = tuple(other for other in self._sources if other is not source)

    def describe(self) -> Iterable[Family]:
        """Return nothing: what there is shows at the scrape."""
        return ()

    def collect(self) -> Iterator[Family]:
        """Yield the metrics of all sources, each name once; the registry calls this."""
        families: dict[str, Family] = {}
        seen: set[tuple[str, _Labels]] = set()
        for source in self._sources:
            for metric in source.collect():
                family = families.setdefault(metric.name, _family(metric))
                for labels, value in metric.samples:
                    unique = _unique(metric.name, labels, seen)
                    _add(family, unique, value)
        yield from families.values()


def _family(metric: Metric) -> Family:
    kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
    family: Family = kinds[metric.kind](metric.name, metric.documentation, labels=metric.labels)
    return family


def _unique(name: str, labels: _Labels, seen: set[tuple[str, _Labels]]) -> _Labels:
    found, number = labels, 1
    while (name, found) in seen and labels:
        number += 1
        found = (*labels[:-1], f"{labels[-1]}#{number}")
    seen.add((name, found))
    return found


def _add(family: Family, labels: _Labels, value: float | Distribution) -> None:
    if isinstance(family, HistogramMetricFamily):
        assert isinstance(value, Distribution)
        buckets = [("+Inf" if bound == float("inf") else str(bound), count) for bound, count in value.buckets]
        family.add_metric(labels, buckets, value.total)
    else:
        assert isinstance(family, CounterMetricFamily | GaugeMetricFamily)
        assert isinstance(value, int | float)
        family.add_metric(labels, value)
