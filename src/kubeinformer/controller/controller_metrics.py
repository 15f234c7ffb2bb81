"""The metrics of a controller, under controller-runtime's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from kubeinformer.metrics import Histogram, Metric

SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    *(1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60),
)
"""The bounds of controller-runtime's histogram."""

_RESULTS: Final = ("success", "error", "requeue_after")


class ControllerMetrics:
    """Counts of one controller, and a source of them. What counts holds the controller's lock.

    Args:
        name: The controller's name.
        workers: How many it has.
        active: Returns how many of them are at work.
    """

    def __init__(self, name: str, workers: int, active: Callable[[], int]) -> None:
        self._labels = (name,)
        self._workers = workers
        self._active = active
        self._results = dict.fromkeys(_RESULTS, 0)
        self._terminal_errors = self._panics = self._timeouts = self._mapper_errors = 0
        self._seconds = Histogram(SECONDS)

    def reconciled(self, result: str, seconds: float, *, panic: bool = False) -> None:
        """Count a run that is over; `panic`: what it raised is no Exception."""
        if result != "cancelled":  # it has no result
            self._results[result if result in self._results else "error"] += 1
        self._terminal_errors += result == "terminal_error"
        self._panics += panic
        self._seconds.observe(seconds)

    def timed_out(self) -> None:
        """Count a run that takes longer than it may."""
        self._timeouts += 1

    def mapper_failed(self) -> None:
        """Count a mapper, or a source, that raised."""
        self._mapper_errors += 1

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        results = [((*self._labels, result), count) for result, count in self._results.items()]
        yield Metric(
            "controller_runtime_reconcile", "counter", "Runs, by result.", ("controller", "result"), results
        )
        yield self._one("counter", "reconcile_errors", "Runs that failed.", self._results["error"])
        yield self._one(
            "counter",
            "terminal_reconcile_errors",
            "Runs that are not tried again.",
            self._terminal_errors,
        )
        yield self._one(
            "counter",
            "reconcile_panics",
            "Runs that raised what is no Exception.",
            self._panics,
        )
        yield self._one("counter", "reconcile_timeouts", "Runs that took too long.", self._timeouts)
        yield self._one("counter", "mapper_errors", "Mappers and sources that raised.", self._mapper_errors)
        yield self._one("gauge", "max_concurrent_reconciles", "Workers.", self._workers)
        yield self._one("gauge", "active_workers", "Workers at work.", self._active())
        documentation = "Seconds that runs took."
        samples = [(self._labels, self._seconds.distribution)]
        name = "controller_runtime_reconcile_time_seconds"
        yield Metric(name, "histogram", documentation, ("controller",), samples)

    def _one(self, kind: str, name: str, documentation: str, value: float) -> Metric:
        assert kind in ("counter", "gauge")
        samples = [(self._labels, value)]
        if kind == "counter":
            return Metric(f"controller_runtime_{name}", "counter", documentation, ("controller",), samples)
        return Metric(f"controller_runtime_{name}", "gauge", documentation, ("controller",), samples)
