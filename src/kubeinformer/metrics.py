"""The seam to metrics systems: sources say what there is when they are asked, providers ask and pass it on.

Nothing is pushed: what is counted is counted anyway, so an event costs the same with and without metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, Protocol

BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram has seen.

    Attributes:
        buckets: Upper bounds and how many observations were at most that; the last bound is infinity.
        total: The sum of all observations.
    """

    buckets: Sequence[tuple[float, int]]
    total: float


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric with all its series.

    Attributes:
        name: As Prometheus names metrics, with the unit; a counter's without `_total`.
        kind: What it is.
        documentation: What it means, in a line.
        labels: The names of its labels.
        samples: The labels' values and the value, for each series.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    documentation: str
    labels: tuple[str, ...]
    samples: Sequence[tuple[tuple[str, ...], float | Distribution]]


class MetricsSource(Protocol):
    """Something that has metrics."""

    def collect(self) -> Iterable[Metric]:
        """Return them as they are now. It may be called from any thread, and must not block."""


class MetricsProvider(Protocol):
    """A way to a metrics system. Thread-safe."""

    def register(self, source: MetricsSource) -> None:
        """Pass on what a source has, from now on."""

    def unregister(self, source: MetricsSource) -> None:
        """Forget a source, and its series with it; harmless when it is not known."""


class Histogram:
    """Counts observations by size. One thread observes, any may look."""

    def __init__(self, bounds: Sequence[float] = BUCKETS) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    @property
    def distribution(self) -> Distribution:
        """What was observed so far."""
        return Distribution(
            list(zip((*self._bounds, float("inf")), accumulate(self._counts), strict=True)), self._total
        )
