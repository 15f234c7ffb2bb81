"""The metrics of a queue, under client-go's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from kubeinformer.metrics import Distribution, Histogram, Metric

SECONDS: Final = tuple(10.0**exponent for exponent in range(-8, 2))
"""The bounds of client-go's histograms, 10 ns to 10 s."""


class QueueFigures(NamedTuple):
    """What a queue says of itself at a moment.

    Attributes:
        depth: How many runs are due.
        adds: How many adds there were.
        retries: How many adds were for later.
        ages: For how many seconds each key that is handed out has been.
    """

    depth: int
    adds: int
    retries: int
    ages: list[float]


class QueueMetrics:
    """A source of the metrics of one queue. What is observed is observed under the queue's lock.

    Args:
        name: The name of the queue.
        figures: Returns what the queue says of itself.

    Attributes:
        queue_duration: Seconds from an add to the hand-out.
        work_duration: Seconds from the hand-out to `done`.
    """

    def __init__(self, name: str, figures: Callable[[], QueueFigures]) -> None:
        self.queue_duration = Histogram(SECONDS)
        self.work_duration = Histogram(SECONDS)
        self._labels = (name,)
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        figures = self._figures()
        yield self._metric("depth", "Runs that are due.", figures.depth)
        yield self._count("adds", "Keys added; a key that waits already does not count.", figures.adds)
        yield self._count("retries", "Keys added for later, after failures or on request.", figures.retries)
        yield self._histogram("queue_duration_seconds", "Seconds from add to get.", self.queue_duration)
        yield self._histogram("work_duration_seconds", "Seconds from get to done.", self.work_duration)
        yield self._metric(
            "unfinished_work_seconds",
            "Seconds that keys in work have been in work, summed up.",
            sum(figures.ages),
        )
        yield self._metric(
            "longest_running_processor_seconds",
            "Seconds that the key longest in work has been in work.",
            max(figures.ages, default=0.0),
        )

    def _metric(self, name: str, documentation: str, value: float) -> Metric:
        return Metric(f"workqueue_{name}", "gauge", documentation, ("name",), [(self._labels, value)])

    def _count(self, name: str, documentation: str, value: int) -> Metric:
        return Metric(f"workqueue_{name}", "counter", documentation, ("name",), [(self._labels, value)])

    def _histogram(self, name: str, documentation: str, histogram: Histogram) -> Metric:
        samples: list[tuple[tuple[str, ...], float | Distribution]] = [(self._labels, histogram.distribution)]
        return Metric(f"workqueue_{name}", "histogram", documentation, ("name",), samples)
