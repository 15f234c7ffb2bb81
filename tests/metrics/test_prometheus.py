"""What Prometheus scrapes, over HTTP, from a program whose server misbehaves."""

from __future__ import annotations

import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families
from tests.history import eventually

from kubeinformer import Config, Controller, EventRecorder, SharedInformerFactory
from kubeinformer.cache.informer_metrics import DEFINITIONS
from kubeinformer.metrics import Histogram, MetricsSource
from kubeinformer.prometheus import PrometheusMetrics
from kubeinformer.testing import APIServer

WAIT = 20.0
Samples = dict[str, float]


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        for name in ("a", "b"):
            running.create("configmaps", {"metadata": {"name": name}}, namespace="default")
        yield running


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def scrape(registry: CollectorRegistry) -> Iterator[Callable[[], Samples]]:
    """Ask as Prometheus does; samples by name and the labels that are not empty."""
    http, thread = start_http_server(0, addr="127.0.0.1", registry=registry)

    def ask() -> Samples:
        with urllib.request.urlopen(f"http://127.0.0.1:{http.server_port}/metrics") as answer:
            text = answer.read().decode()
        samples = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                order = [key for key in ("name", "resource", *sorted(_OWN)) if key in sample.labels]
                shown = [f"{key}={sample.labels[key]}" for key in order]
                samples[" ".join([sample.name, *shown])] = sample.value
        return samples

    yield ask
    http.shutdown()
    http.server_close()
    thread.join()


_OWN = {"reason", "end", "type", "handler", "le"}
MAPS = "name=configmaps resource=configmaps"


def test_a_scrape_tells_what_the_informers_do(
    server: APIServer, registry: CollectorRegistry, scrape: Callable[[], Samples]
) -> None:
    """Every name, with right values: a load, events, an expired version, a slow handler (runtimes' list of names)."""
    opened, entered = threading.Event(), threading.Event()

    def slow(added: object) -> None:
        entered.set()
        assert opened.wait(WAIT)

    with SharedInformerFactory(server.config, metrics=PrometheusMetrics(registry)) as factory:
        maps = factory.informer("configmaps")
        factory.start()
        factory.wait_for_cache_sync(WAIT)
        maps.add_event_handler(slow)
        assert entered.wait(WAIT)
        server.wait_for_watches(1)
        server.patch("configmaps", "a", {"data": {"x": "1"}}, namespace="default")
        server.delete("configmaps", "b", namespace="default")
        eventually(lambda: scrape().get(f"informer_events_total {MAPS} type=DELETED") == 1, WAIT, scrape)
        seen = scrape()
        assert seen[f"informer_objects {MAPS}"] == 1
        assert seen[f"informer_bytes {MAPS}"] == len(maps.lister.get("a", "default").raw)
        assert seen[f"informer_store_resource_version {MAPS}"] == int(str(maps.resource_version))
        assert seen[f"informer_lists_total {MAPS} reason=start"] == 1
        assert seen[f"informer_events_total {MAPS} type=UPDATED"] == 1
        assert seen[f"informer_decode_errors_total {MAPS}"] == 0
        assert seen[f"informer_staleness_seconds {MAPS}"] == 0
        assert 0 <= seen[f"informer_last_event_age_seconds {MAPS}"] < WAIT
        assert 0 < seen[f"informer_sync_duration_seconds {MAPS}"] < WAIT
        handler = next(key for key in seen if key.startswith("informer_handler_pending"))
        assert "configmaps-" in handler
        assert seen[handler] == 3
        assert seen[handler.replace("pending", "lag_seconds")] > 0
        assert seen[handler.replace("informer_handler_pending", "informer_coalesced_total")] == 0
        server.expire_history()
        server.create("configmaps", {"metadata": {"name": "c"}}, namespace="default")
        server.expire_history()
        eventually(lambda: f"informer_lists_total {MAPS} reason=expired" in scrape(), WAIT, scrape)
        ends = [key for key in scrape() if key.startswith(f"informer_watches_total {MAPS}")]
        assert ends
        eventually(lambda: scrape()["loop_stall_seconds_count"] > 0, WAIT, scrape)
        opened.set()
    assert scrape() == {}


def test_what_is_stopped_leaves_no_series(
    server: APIServer, registry: CollectorRegistry, scrape: Callable[[], Samples]
) -> None:
    """An informer that was stopped, and a factory; many times (Case C45)."""
    metrics = PrometheusMetrics(registry)
    with SharedInformerFactory(server.config, metrics=metrics) as factory:
        factory.informer("namespaces")
        factory.start()
        for number in range(50):
            factory.informer("configmaps", label_selector=f"n={number}").stop()
        assert {key for key in scrape() if key.startswith("informer_objects")} == {
            "informer_objects name=namespaces resource=namespaces"
        }
    for _ in range(20):
        with SharedInformerFactory(server.config, metrics=metrics) as factory:
            factory.informer("namespaces")
    assert scrape() == {}


def test_two_factories_do_not_collide(
    server: APIServer, registry: CollectorRegistry, scrape: Callable[[], Samples]
) -> None:
    """The later one's series have a number, as have two handlers of one name."""
    metrics = PrometheusMetrics(registry)
    with (
        SharedInformerFactory(server.config, metrics=metrics) as one,
        SharedInformerFactory(server.config, metrics=metrics) as other,
    ):
        for factory in (one, other):
            informer = factory.informer("configmaps")
            informer.add_event_handler(print)
            informer.add_event_handler(print)
        seen = scrape()
    assert [key for key in seen if key.startswith("informer_objects")] == [
        "informer_objects name=configmaps resource=configmaps",
        "informer_objects name=configmaps#2 resource=configmaps",
    ]
    assert len([key for key in seen if key.startswith("informer_handler_pending")]) == 4


class Sources:
    """A provider that keeps its sources."""

    def __init__(self) -> None:
        self.sources: list[MetricsSource] = []

    def register(self, source: MetricsSource) -> None:
        self.sources.append(source)

    def unregister(self, source: MetricsSource) -> None:
        self.sources.remove(source)


def test_the_page_lists_what_there_is() -> None:
    """docs/metrics.md names every metric of informers, controllers, queues, electors and recorders, and nothing else."""
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    rows = {line.split("|")[1].strip().strip("`") for line in page.splitlines() if line.startswith("| `")}
    suffix = {"counter": "_total", "gauge": "", "histogram": ""}
    others, config = Sources(), Config(server="http://127.0.0.1:1")
    Controller("name", print, metrics=others)
    others.register(EventRecorder(config, "component"))
    metrics = [metric for source in others.sources for metric in source.collect()]
    elector = [f"leader_election_{name}" for name in ("master_status", "slowpath_total")]
    informers = {each.name + suffix[each.kind] for each in DEFINITIONS} | {"loop_stall_seconds"}
    assert rows == informers | {each.name + suffix[each.kind] for each in metrics} | set(elector)
    for definition in DEFINITIONS:
        assert definition.documentation.rstrip(".") in page, definition.name


def test_a_histogram_counts_by_size() -> None:
    """Each bucket holds what is at most its bound, the last one everything."""
    histogram = Histogram((1.0, 5.0))
    for value in (0.5, 1.0, 3.0, 100.0):
        histogram.observe(value)
    assert histogram.distribution.buckets == [(1.0, 2), (5.0, 3), (float("inf"), 4)]
    assert histogram.distribution.total == 104.5


def test_without_the_extra_it_says_what_to_install() -> None:
    """And the package itself never imports it."""
    program = """
import sys
sys.modules["prometheus_client"] = None
import kubeinformer, kubeinformer.aio
try:
    import kubeinformer.prometheus
except ImportError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (
        said.stdout == "kubeinformer.prometheus needs prometheus_client: install kubeinformer[prometheus]\n"
    )
