"""What a queue tells of itself."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from kubeinformer.metrics import Distribution, MetricsSource
from kubeinformer.prometheus import PrometheusMetrics
from kubeinformer.testing.fake_clock import FakeClock
from kubeinformer.workqueue.queue import WorkQueue


class Sources:
    """A provider that keeps its sources."""

    def __init__(self) -> None:
        self.sources: list[MetricsSource] = []

    def register(self, source: MetricsSource) -> None:
        self.sources.append(source)

    def unregister(self, source: MetricsSource) -> None:
        if source in self.sources:
            self.sources.remove(source)

    def values(self) -> dict[str, Any]:
        return {
            metric.name.removeprefix("workqueue_"): metric.samples[0][1]
            for source in self.sources
            for metric in source.collect()
        }


def observed(distribution: object) -> tuple[int, float]:
    assert isinstance(distribution, Distribution)
    return distribution.buckets[-1][1], distribution.total


def test_metrics_follow_the_life_of_keys() -> None:
    """Invariant 252: adds that count, depth, time in the queue, time in work; all from the queue's clock."""
    clock, sources = FakeClock(), Sources()
    queue: WorkQueue[str] = WorkQueue("things", metrics=sources, clock=clock)
    queue.add("foo")
    assert (sources.values()["adds"], sources.values()["depth"]) == (1, 1)
    clock.advance(0.5)
    queue.get(timeout=0)
    assert (sources.values()["depth"], observed(sources.values()["queue_duration_seconds"])) == (0, (1, 0.5))
    for _ in range(5):
        queue.add("foo")
    values = sources.values()
    assert (values["adds"], values["depth"]) == (2, 1)
    clock.advance(0.25)
    values = sources.values()
    assert (values["unfinished_work_seconds"], values["longest_running_processor_seconds"]) == (0.25, 0.25)
    queue.done("foo")
    values = sources.values()
    assert observed(values["work_duration_seconds"]) == (1, 0.25)
    assert (values["depth"], values["adds"], values["unfinished_work_seconds"]) == (1, 2, 0)
    clock.advance(0.125)
    queue.get(timeout=0)  # what was added in work has waited since then
    assert observed(sources.values()["queue_duration_seconds"]) == (2, 0.5 + 0.375)


def test_delayed_keys_count_as_retries_at_once_and_as_adds_when_due() -> None:
    """Each `add_after` and each `add_rate_limited` counts; a debounce, which is no retry, does not."""
    clock, sources = FakeClock(), Sources()
    queue: WorkQueue[str] = WorkQueue("things", metrics=sources, clock=clock)
    queue.add_after("a", 1)
    queue.add_after("a", 2)
    queue.add_rate_limited("b")
    queue.add_after("c", 1, retry=False)
    assert (sources.values()["retries"], sources.values()["adds"]) == (3, 0)
    clock.advance(2)
    assert {queue.get(timeout=0) for _ in range(3)} == {"a", "b", "c"}
    assert sources.values()["adds"] == 3


def test_keys_that_fall_due_while_all_workers_hang_show() -> None:
    """Invariant 252: `depth` and `adds` grow with what is due, also where nobody adds or takes anything for long."""
    clock, sources = FakeClock(), Sources()
    queue: WorkQueue[str] = WorkQueue("things", metrics=sources, clock=clock)
    queue.add("hangs")
    queue.get(timeout=0)
    queue.add_after("hangs", 10)
    for number in range(1000):
        queue.add_after(f"key-{number}", 10)
    assert (sources.values()["depth"], sources.values()["adds"]) == (0, 1)
    clock.advance(30)
    values = sources.values()
    assert (values["depth"], values["adds"], values["unfinished_work_seconds"]) == (1001, 1002, 30)
    queue.done("hangs")
    values = sources.values()
    assert (values["depth"], values["adds"]) == (1001, 1002)
    while len(queue):
        queue.done(queue.get(timeout=0))
    assert observed(sources.values()["queue_duration_seconds"]) == (1002, 1001 * 20.0)


def test_metrics_end_with_the_queue() -> None:
    """Invariant 253: once it is shut down and idle its series are gone; after a shut-down nothing is counted."""
    sources = Sources()
    queue: WorkQueue[str] = WorkQueue("things", metrics=sources)
    queue.add("a")
    queue.get()
    queue.shut_down()
    queue.add("b")
    queue.add_after("b", 1)
    queue.add_rate_limited("b")
    assert (sources.values()["adds"], sources.values()["retries"], queue.num_requeues("b")) == (1, 0, 0)
    queue.done("a")
    assert not sources.sources


def test_a_queue_without_a_name_has_no_metrics() -> None:
    """Nothing is registered for it."""
    sources = Sources()
    WorkQueue(metrics=sources)
    assert not sources.sources


def test_prometheus_shows_the_names_of_client_go() -> None:
    """The dashboards that exist for Go controllers fit."""
    registry = CollectorRegistry()
    queue: WorkQueue[str] = WorkQueue("things", metrics=PrometheusMetrics(registry))
    with_key = queue.processing
    queue.add("a")
    with with_key():
        pass
    text = generate_latest(registry).decode()
    for line in (
        'workqueue_depth{name="things"} 0.0',
        'workqueue_adds_total{name="things"} 1.0',
        'workqueue_retries_total{name="things"} 0.0',
        'workqueue_queue_duration_seconds_count{name="things"} 1.0',
        'workqueue_work_duration_seconds_count{name="things"} 1.0',
        'workqueue_unfinished_work_seconds{name="things"} 0.0',
        'workqueue_longest_running_processor_seconds{name="things"} 0.0',
    ):
        assert line in text
