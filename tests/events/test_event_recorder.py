"""The event recorder over HTTP: what arrives, what a server in trouble costs (nothing), and how it ends."""

from __future__ import annotations

import asyncio
import logging
import pickle
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.hasty_clock import HastyClock

from kubeinformer import Config, ConfigurationError, aio
from kubeinformer.events.event_recorder import EventRecorder
from kubeinformer.metrics import MetricsSource
from kubeinformer.prometheus import PrometheusMetrics
from kubeinformer.testing import APIServer, eventually

EVENTS = "events.events.k8s.io"
HASTE = 20.0
WAIT = 60.0
LONG = WAIT * HASTE


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running


@pytest.fixture
def recorder(server: APIServer) -> Iterator[EventRecorder]:
    with EventRecorder(server.config, "shopkeeper") as made:
        yield made


@pytest.fixture
def hasty_recorder(server: APIServer) -> Iterator[EventRecorder]:
    """A recorder whose pauses are short; so are its time-outs."""
    with EventRecorder(server.config, "shopkeeper", clock=HastyClock(HASTE)) as made:
        yield made


def pod(name: str = "web") -> dict[str, Any]:
    """Return a pod, as a dict."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}}


def stored(server: APIServer) -> list[dict[str, Any]]:
    """Return the events on the server, by name."""
    return sorted(server.list_objects(EVENTS), key=lambda event: str(event["metadata"]["name"]))


def threads() -> list[str]:
    """Return the threads of recorders."""
    return [thread.name for thread in threading.enumerate() if thread.name == "kubeinformer-events"]


def test_an_event_and_its_series(server: APIServer, recorder: EventRecorder) -> None:
    """Invariants 288, 300: the first is created, the second patched with a count of 2; another action is another one."""
    recorder.event(pod(), "Warning", "ImageMissing", "there is no image", action="Pull")
    assert recorder.flush(WAIT)
    recorder.event(pod(), "Warning", "ImageMissing", "still none", action="Pull")
    assert recorder.flush(WAIT)
    recorder.event(pod(), "Warning", "ImageMissing", "no image to start", action="Start")
    assert recorder.flush(WAIT)
    first, second = stored(server)
    assert (first["series"]["count"], first["note"], first["action"]) == (2, "there is no image", "Pull")
    assert ("series" in second, second["action"]) == (False, "Start")
    assert first["reportingInstance"] == f"shopkeeper-{socket.gethostname()}"
    server.requests.assert_counts({("create", EVENTS): 2, ("patch", EVENTS): 1})
    counts = dict(recorder.counts)
    assert (counts.pop("written"), counts.pop("folded"), set(counts.values())) == (2, 1, {0})


def test_any_thread_and_any_loop(server: APIServer, recorder: EventRecorder) -> None:
    """Invariant 287: threads, and coroutines on several loops, record beside each other; nothing is lost."""

    async def coroutine(number: int) -> None:
        recorder.event(pod(f"c{number}"), "Normal", "Made", "in a coroutine")
        await asyncio.sleep(0)
        recorder.event(pod("shared"), "Normal", "Made", "in a coroutine")

    def thread(number: int) -> None:
        recorder.event(pod(f"t{number}"), "Normal", "Made", "in a thread")
        asyncio.run(coroutine(number))

    running = [threading.Thread(target=thread, args=(number,)) for number in range(8)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    assert recorder.flush(WAIT)
    by_pod = {event["regarding"]["name"]: event for event in stored(server)}
    assert len(by_pod) == len(stored(server)) == 17
    assert by_pod["shared"]["series"]["count"] == 8
    assert threads() == ["kubeinformer-events"]


def test_in_asyncio_it_is_closed_by_the_block(server: APIServer) -> None:
    """`async with` writes what waits; a handler of an async informer records what it gets, metadata only or not."""

    async def main() -> None:
        server.create("configmaps", {"metadata": {"name": "settings"}}, namespace="default")
        seen = asyncio.Event()
        async with (
            EventRecorder(server.config, "shopkeeper") as recorder,
            aio.SharedInformerFactory(server.config) as factory,
        ):

            async def added(obj: aio.KubernetesObject) -> None:
                recorder.event(obj, "Normal", "Seen", "a config map", related=pod())
                seen.set()

            factory.informer("configmaps", metadata_only=True).add_event_handler(added)
            await factory.start()
            await asyncio.wait_for(seen.wait(), 10)
            assert await recorder.flush_async(WAIT)
        await recorder.close_async()
        assert not await recorder.flush_async(WAIT)

    asyncio.run(main())
    [event] = stored(server)
    assert (event["regarding"]["kind"], event["regarding"]["name"]) == ("ConfigMap", "settings")
    assert (event["related"]["kind"], event["type"]) == ("Pod", "Normal")
    assert event["regarding"]["uid"]
    assert threads() == []


def test_closing_leaves_nothing_and_takes_nothing_more(server: APIServer) -> None:
    """Invariants 286, 287: what waits is written, the thread ends, later events are counted and dropped, twice is once."""
    recorder = EventRecorder(server.config, "shopkeeper")
    assert threads() == []
    recorder.event(pod(), "Normal", "Made", "first")
    for _ in range(4):
        recorder.event(pod(), "Normal", "Made", "again")
    recorder.close()
    recorder.event(pod("late"), "Normal", "Made", "too late")
    recorder.close()
    assert threads() == []
    assert [event.get("series", {"count": 1})["count"] for event in stored(server)] == [5]
    assert recorder.counts["dropped_closed"] == 1
    assert not recorder.flush(WAIT)


def test_a_recorder_that_was_never_used_costs_nothing(server: APIServer) -> None:
    """No thread, no request, and every way to end it is harmless."""
    with EventRecorder(server.config, "shopkeeper") as recorder:
        assert recorder.flush(WAIT)
        assert asyncio.run(recorder.flush_async(WAIT))
        assert threads() == []
    asyncio.run(recorder.close_async())
    assert list(server.requests) == []


def test_a_second_recorder_knows_nothing_of_the_first(server: APIServer) -> None:
    """Invariant 294: what one has seen is not folded into by another."""
    for _ in range(2):
        with EventRecorder(server.config, "shopkeeper") as recorder:
            recorder.event(pod(), "Normal", "Made", "words")
    assert len(stored(server)) == 2


def test_a_server_that_hangs_holds_up_nobody(server: APIServer, caplog: pytest.LogCaptureFixture) -> None:
    """Invariant 291: 2,000 events return; a thousand wait, the rest is counted; a close ends though nothing answers."""
    with server.stall(lambda record: record.resource == EVENTS):
        recorder = EventRecorder(server.config, "shopkeeper")
        for number in range(2000):
            recorder.event(pod(f"p{number}"), "Normal", "Made", "words")
        server.requests.wait_for(8, "create", EVENTS)
        assert recorder.counts["dropped_full"] == 1000
        assert not recorder.flush(0.01)
        recorder.close(0.01)
    assert recorder.counts["failed"] == 1000
    assert threads() == []
    assert server.requests.count("create", EVENTS) == 8
    assert "1000 events were not written" in caplog.text


def test_a_server_in_trouble_gets_it_later(server: APIServer, hasty_recorder: EventRecorder) -> None:
    """Invariants 289, 292: 500, 429, resets and no answers at first; each event arrives once."""
    server.next_request(3, resource=EVENTS).answers(500)
    server.next_request(2, resource=EVENTS).answers(429, headers={"Retry-After": "1"})
    server.next_request(2, resource=EVENTS).resets()
    for number in range(20):
        hasty_recorder.event(pod(f"p{number}"), "Normal", "Made", "words")
    assert hasty_recorder.flush(LONG)
    assert len(stored(server)) == 20
    assert hasty_recorder.counts["written"] == 20
    assert server.requests.count("create", EVENTS) >= 27


def test_an_answer_that_is_lost_doubles_nothing(server: APIServer, hasty_recorder: EventRecorder) -> None:
    """Invariant 290: the event was created, the connection broke: the next try finds it there."""
    server.next_request(verb="create", resource=EVENTS).breaks_off(0)
    hasty_recorder.event(pod(), "Normal", "Made", "words")
    hasty_recorder.event(pod(), "Normal", "Made", "words")
    assert hasty_recorder.flush(LONG)
    [event] = stored(server)
    assert event["series"]["count"] == 2
    assert hasty_recorder.counts["failed"] == 0


def test_an_event_that_expired_begins_anew(server: APIServer, recorder: EventRecorder) -> None:
    """Invariant 290: the server forgets events after an hour; a series that goes on is created with all its count."""
    recorder.event(pod(), "Normal", "Made", "words")
    assert recorder.flush(WAIT)
    [event] = stored(server)
    server.delete(EVENTS, event["metadata"]["name"], namespace="default")
    recorder.event(pod(), "Normal", "Made", "words")
    assert recorder.flush(WAIT)
    [again] = stored(server)
    assert again["series"]["count"] == 2
    assert again["eventTime"] == event["eventTime"]
    assert again["metadata"]["uid"] != event["metadata"]["uid"]


@pytest.mark.parametrize("verb", ["create", "patch"])
def test_a_missing_permission_is_a_log_line(
    server: APIServer, hasty_recorder: EventRecorder, verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It names the verb, once; the rest is counted; and with the permission the count of an event is made good."""
    with server.deny((verb,), (EVENTS,)):
        for number in range(3):
            hasty_recorder.event(pod(f"p{number}"), "Normal", "Made", f"p{number}")
        assert hasty_recorder.flush(LONG)
        hasty_recorder.event(pod("p0"), "Normal", "Made", "words")
        assert hasty_recorder.flush(LONG)
    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert f"shopkeeper may not {verb} {EVENTS}" in line
    hasty_recorder.event(pod("p0"), "Normal", "Made", "words")
    eventually(
        lambda: [e.get("series", {}).get("count") for e in stored(server) if e["note"] == "p0"] == [3],
        WAIT,
    )


def test_a_namespace_that_is_not_there_is_a_log_line(
    server: APIServer, recorder: EventRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is raised, nothing is tried again, the event counts as failed."""
    server.next_request(resource=EVENTS).answers(404, {"kind": "Status", "code": 404, "reason": "NotFound"})
    recorder.event(pod(), "Normal", "Made", "words")
    assert recorder.flush(WAIT)
    assert (recorder.counts["failed"], server.requests.count("create", EVENTS)) == (1, 1)
    assert "the event is given up" in caplog.text


def test_a_connection_that_cannot_be_made_is_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """A file that is missing shows when the first event is written: nobody's reconcile hears of it."""
    config = Config(server="https://127.0.0.1:1", ca_file="no-such-file.pem")
    with EventRecorder(config, "shopkeeper") as recorder:
        recorder.event(pod(), "Normal", "Made", "words")
        assert recorder.flush(WAIT)
        assert recorder.counts["failed"] == 1
    assert "no-such-file.pem" in caplog.text


def test_mistakes_of_the_program_are_raised(server: APIServer, recorder: EventRecorder) -> None:
    """At the call that makes them, without a trace at the server; a recorder is not pickled."""
    with pytest.raises(ValueError, match="neither 'Normal' nor 'Warning'"):
        recorder.event(pod(), "Error", "Made", "words")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(ValueError, match=r"metadata\.name"):
        recorder.event({"apiVersion": "v1", "kind": "Pod", "metadata": {}}, "Normal", "Made", "words")
    with pytest.raises(ValueError, match="my-controller"):
        EventRecorder(server.config, "not a name")
    with pytest.raises(TypeError, match="bound to its process"):
        pickle.dumps(recorder)
    assert list(server.requests) == []


def test_it_finds_its_configuration(monkeypatch: pytest.MonkeyPatch, server: APIServer) -> None:
    """None is what `load_config` finds, and an error where there is nothing."""
    monkeypatch.setenv("KUBECONFIG", server.kubeconfig)
    with EventRecorder(None, "shopkeeper") as recorder:
        recorder.event(pod(), "Normal", "Made", "words")
    assert len(stored(server)) == 1
    monkeypatch.setenv("KUBECONFIG", "no-such-file")
    with pytest.raises(ConfigurationError):
        EventRecorder(None, "shopkeeper")


def test_metrics_say_what_became_of_events(server: APIServer) -> None:
    """Counters by result and by verb, gauges of what is kept; two recorders of one component are told apart."""
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry)
    one = EventRecorder(server.config, "shopkeeper", metrics=metrics)
    with one, EventRecorder(server.config, "shopkeeper", metrics=metrics):
        for _ in range(3):
            one.event(pod(), "Normal", "Made", "words")
            assert one.flush(WAIT)

        def value(name: str, **labels: str) -> float | None:
            return registry.get_sample_value(f"event_recorder_{name}", {"component": "shopkeeper", **labels})

        assert value("events_total", result="written") == 1
        assert value("events_total", result="folded") == 2
        assert value("events_total", result="dropped_spam") == 0
        assert value("requests_total", verb="create", result="written") == 1
        assert value("requests_total", verb="patch", result="written") == 2
        assert value("requests_total", verb="patch", result="failed") == 0
        assert (value("series"), value("pending")) == (1, 0)
        assert value("events_total", component="shopkeeper#2", result="written") == 0
    assert value("series") is None


def test_metrics_are_there_while_the_recorder_is(server: APIServer) -> None:
    """It registers itself with the provider it is given, and goes when it is closed."""
    sources: list[MetricsSource] = []

    class Provider:
        def register(self, source: MetricsSource) -> None:
            sources.append(source)

        def unregister(self, source: MetricsSource) -> None:
            sources.remove(source)

    with EventRecorder(server.config, "shopkeeper", metrics=Provider()) as recorder:
        assert sources == [recorder]
    assert sources == []
