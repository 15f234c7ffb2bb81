"""The factory as users call it, over HTTP: starting, waiting, sharing, stopping."""

from __future__ import annotations

import pickle
import signal
import sys
import threading
from collections.abc import Iterator

import pytest
from tests.history import History, eventually
from tests.programs import running

from kubeinformer import (
    BackgroundError,
    CacheSyncTimeout,
    DeletedFinalStateUnknown,
    KubernetesObject,
    NotCovered,
    SharedInformerFactory,
    UsageError,
)
from kubeinformer.testing import APIServer

WAIT = 20.0


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        for name in ("a", "b"):
            running.create(
                "configmaps", {"metadata": {"name": name, "labels": {"app": name}}}, namespace="default"
            )
        yield running


@pytest.fixture
def factory(server: APIServer) -> Iterator[SharedInformerFactory]:
    with SharedInformerFactory(server.config) as made:
        yield made


def _own_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("kubeinformer")]


def test_one_list_and_one_watch_serve_everybody(server: APIServer, factory: SharedInformerFactory) -> None:
    """Equal requests share an informer: any number of readers and handlers cost one list and one watch."""
    informers = [factory.informer("configmaps") for _ in range(3)]
    histories = [History() for _ in informers]
    for informer, history in zip(informers, histories, strict=True):
        informer.add_event_handler(history.on_add, history.on_update, history.on_delete)
    factory.start()
    factory.wait_for_cache_sync(WAIT, handlers=True)
    for _ in range(100):
        assert [len(informer.lister) for informer in informers] == [2, 2, 2]
    assert [history.calls for history in histories] == [2, 2, 2]
    assert server.requests.count("list") == 1
    server.wait_for_watches(1)
    assert server.requests.count("watch") == 1


def test_nothing_is_sent_before_start(server: APIServer, factory: SharedInformerFactory) -> None:
    """Making informers, handlers and the factory itself does no I/O, not even for a resource that does not exist."""
    factory.informer("configmaps")
    factory.informer("unicorns.example.com").add_event_handler(print)
    assert len(server.requests) == 0
    assert factory.status["unicorns.example.com"].state == "stopped"


def test_changes_reach_reader_and_handler(server: APIServer, factory: SharedInformerFactory) -> None:
    """Created, changed and deleted over HTTP with the factory's own client; a delete passes the last state."""
    deleted: list[KubernetesObject] = []
    gone = threading.Event()

    def on_delete(last: KubernetesObject) -> None:
        deleted.append(last)
        gone.set()

    informer = factory.informer("configmaps", namespaces=["default"])
    informer.add_event_handler(on_delete=on_delete)
    factory.start()
    factory.wait_for_cache_sync(WAIT)
    created = factory.client.create("configmaps", {"metadata": {"name": "c"}, "data": {"x": "1"}})
    assert created.namespace == "default"
    factory.client.patch("configmaps", "c", {"data": {"x": "2"}})
    eventually(
        lambda: "default/c" in informer.lister and informer.lister.get("c", "default")["data"]["x"] == "2",
        WAIT,
        str,
    )
    factory.client.delete("configmaps", "c")
    assert gone.wait(WAIT)
    assert deleted[0]["data"] == {"x": "2"}
    assert not isinstance(deleted[0], DeletedFinalStateUnknown)
    assert "default/c" not in informer.lister


def test_start_may_be_called_again_for_late_informers(factory: SharedInformerFactory) -> None:
    """Invariant 221: start is repeatable and starts what is not running yet."""
    factory.informer("configmaps")
    factory.start()
    factory.start()
    factory.wait_for_cache_sync(WAIT)
    late = factory.informer("namespaces")
    assert not late.has_synced
    factory.start()
    factory.wait_for_cache_sync(WAIT)
    assert late.has_synced


def test_waiting_before_start_is_an_error(factory: SharedInformerFactory) -> None:
    """Nothing would ever fill the caches: say so instead of waiting."""
    factory.informer("configmaps")
    with pytest.raises(UsageError, match="start"):
        factory.wait_for_cache_sync(WAIT)


def test_a_sync_that_cannot_finish_names_resource_and_reason(server: APIServer) -> None:
    """Case C17: the error names each resource that is not synced and why; the others work meanwhile."""
    forbidden = {
        "kind": "Status",
        "apiVersion": "v1",
        "code": 403,
        "reason": "Forbidden",
        "message": "not for you",
    }
    server.respond_next(403, forbidden, matching=lambda request: request.resource == "pods", times=99)
    errors: list[BackgroundError] = []
    with SharedInformerFactory(server.config, on_error=errors.append) as factory:
        maps, pods, unicorns = (
            factory.informer(name) for name in ("configmaps", "pods", "unicorns.example.com")
        )
        factory.start()
        with pytest.raises(CacheSyncTimeout) as raised:
            factory.wait_for_cache_sync(1.0)
        assert set(raised.value.reasons) == {"pods", "unicorns.example.com"}
        assert "403 Forbidden: not for you" in raised.value.reasons["pods"]
        assert "unicorns" in raised.value.reasons["unicorns.example.com"]
        assert isinstance(raised.value, TimeoutError)
        assert len(maps.lister) == 2
        eventually(lambda: {error.status for error in errors} == {403, 404}, WAIT, lambda: errors)
        assert not factory.healthy()
        server.disarm_faults()
        eventually(lambda: pods.has_synced, WAIT, lambda: pods.status)
        assert not unicorns.has_synced


def test_a_factory_for_namespaces_watches_each_once(server: APIServer) -> None:
    """Case C37: a namespace named twice is watched once, nodes once, and another namespace is "not covered"."""
    server.create("namespaces", {"metadata": {"name": "other"}})
    server.create("configmaps", {"metadata": {"name": "c"}}, namespace="other")
    server.create("nodes", {"metadata": {"name": "n"}})
    with SharedInformerFactory(server.config, namespaces=["default", "other", "default"]) as factory:
        maps, nodes = factory.informer("configmaps"), factory.informer("nodes")
        factory.start()
        factory.wait_for_cache_sync(WAIT)
        assert sorted(found.key for found in maps.lister.list()) == ["default/a", "default/b", "other/c"]
        assert set(maps.resource_version) == {"default", "other"}
        assert [node.name for node in nodes.lister.list()] == ["n"]
        with pytest.raises(NotCovered):
            maps.lister.get("a", "third")
    assert server.requests.count("list", "configmaps") == 2
    assert server.requests.count("list", "nodes") == 1


def test_selectors_narrow_a_cache(server: APIServer, factory: SharedInformerFactory) -> None:
    """Case C32: the server selects; an object that leaves the selector leaves the cache with one delete."""
    history = History()
    by_label = factory.informer("configmaps", label_selector="app=a")
    by_field = factory.informer("configmaps", field_selector={"metadata.name": "b"})
    by_label.add_event_handler(history.on_add, history.on_update, history.on_delete)
    factory.start()
    factory.wait_for_cache_sync(WAIT, handlers=True)
    assert [found.name for found in by_label.lister.list()] == ["a"]
    assert [found.name for found in by_field.lister.list()] == ["b"]
    server.patch("configmaps", "a", {"metadata": {"labels": {"app": "z"}}}, namespace="default")
    eventually(lambda: history.versions() == {} and history.calls == 2, WAIT, history.versions)
    assert len(by_label.lister) == 0
    assert history.faults == []


@pytest.mark.parametrize("wrong", [{"label_selector": "a in"}, {"field_selector": "a"}, {"namespaces": []}])
def test_wrong_arguments_are_named_at_once(factory: SharedInformerFactory, wrong: dict[str, str]) -> None:
    """A selector that is spelled wrong raises when the informer is asked for, not when it runs."""
    with pytest.raises(ValueError, match=r".+"):
        factory.informer("configmaps", **wrong)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ValueError, match="not a resource"):
        factory.informer("config maps")


def test_a_transform_is_what_everybody_sees(server: APIServer) -> None:
    """Invariant 177: handlers, readers and indexes get what the transform returned; None keeps an object out."""

    def keep_names(value: dict[str, object]) -> dict[str, object] | None:
        metadata = value["metadata"]
        assert isinstance(metadata, dict)
        return None if metadata["name"] == "b" else {**value, "data": {"seen": "yes"}}

    with SharedInformerFactory(server.config, transform=keep_names) as factory:
        informer = factory.informer("configmaps")
        factory.start()
        factory.wait_for_cache_sync(WAIT)
        assert [found.name for found in informer.lister.list()] == ["a"]
        assert informer.lister.get("a", "default")["data"] == {"seen": "yes"}


def test_stop_ends_threads_and_connections(server: APIServer) -> None:
    """Case C38, invariant 25: an idle watch is dropped at once, no thread is left, and the server sees it go."""
    factory = SharedInformerFactory(server.config, on_error=print)
    informer = factory.informer("configmaps")
    informer.add_event_handler(lambda added: None)
    factory.start()
    factory.wait_for_cache_sync(WAIT, handlers=True)
    server.wait_for_watches(1)
    factory.stop()
    factory.stop()
    eventually(
        lambda: server.watches == [] and _own_threads() == [], WAIT, lambda: (server.watches, _own_threads())
    )
    assert len(informer.lister) == 2
    for refused in (
        factory.start,
        lambda: factory.informer("pods"),
        lambda: informer.add_event_handler(print),
    ):
        with pytest.raises(UsageError, match="stopped"):
            refused()


def test_stop_does_not_wait_for_a_server_that_hangs(server: APIServer) -> None:
    """Case C38: a list that is never answered is given up."""
    with server.stall():
        with SharedInformerFactory(server.config) as factory:
            factory.informer("configmaps")
            factory.start()
            server.requests.wait_for(1)
        assert _own_threads() == []


def test_stop_from_inside_a_handler(server: APIServer) -> None:
    """Case C38: it signals and returns; everything ends."""
    factory = SharedInformerFactory(server.config)
    stopped = threading.Event()

    def stop(added: KubernetesObject) -> None:
        factory.stop()
        stopped.set()

    factory.informer("configmaps").add_event_handler(stop)
    factory.start()
    assert stopped.wait(WAIT)
    eventually(lambda: _own_threads() == [] and server.watches == [], WAIT, _own_threads)


def test_stop_names_user_code_that_goes_on(server: APIServer, caplog: pytest.LogCaptureFixture) -> None:
    """Decision 14: stop waits half a second for a call in flight, then says whose it is."""
    entered, release = threading.Event(), threading.Event()

    def stubborn(added: KubernetesObject) -> None:
        entered.set()
        release.wait(WAIT)

    with SharedInformerFactory(server.config) as factory:
        factory.informer("configmaps").add_event_handler(stubborn)
        factory.start()
        assert entered.wait(WAIT)
    assert "stubborn" in caplog.text
    release.set()
    eventually(lambda: _own_threads() == [], WAIT, _own_threads)


def test_one_informer_can_be_stopped_and_made_anew(server: APIServer, factory: SharedInformerFactory) -> None:
    """`informer.stop()` ends that one and forgets it; the others go on."""
    maps, spaces = factory.informer("configmaps"), factory.informer("namespaces")
    factory.start()
    factory.wait_for_cache_sync(WAIT)
    server.wait_for_watches(2)
    maps.stop()
    eventually(
        lambda: [watch.resource for watch in server.watches] == ["namespaces"], WAIT, lambda: server.watches
    )
    eventually(lambda: spaces.status.state == "watching", WAIT, lambda: spaces.status)
    assert len(maps.lister) == 2
    again = factory.informer("configmaps")
    factory.start()
    factory.wait_for_cache_sync(WAIT)
    assert len(again.lister) == 2
    assert server.requests.count("list", "configmaps") == 2


def test_a_factory_that_is_stopped_ends_a_wait(server: APIServer) -> None:
    """A thread that waits for a sync is told when the factory stops under it."""
    said: list[BaseException] = []
    with server.stall():
        factory = SharedInformerFactory(server.config)
        factory.informer("configmaps")
        factory.start()

        def wait() -> None:
            try:
                factory.wait_for_cache_sync(None)
            except UsageError as error:
                said.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        server.requests.wait_for(1)
        factory.stop()
        thread.join(WAIT)
    assert "stopped" in str(said[0])


def test_a_factory_that_never_started_stops_without_a_trace(server: APIServer) -> None:
    """The context manager stops; it never starts."""
    with SharedInformerFactory(server.config) as factory:
        factory.informer("configmaps")
        assert _own_threads() == []
    assert len(server.requests) == 0
    assert _own_threads() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_ends_in_good_order_on_a_signal(server: APIServer, number: signal.Signals) -> None:
    """`run` starts, syncs, waits, and returns after SIGINT or SIGTERM with everything stopped."""
    program = """
import logging, sys, threading
from kubeinformer import Config, SharedInformerFactory
logging.getLogger("asyncio").setLevel(logging.ERROR)  # a machine may be slow
factory = SharedInformerFactory(Config(server=sys.argv[1]))
informer = factory.informer("configmaps")
informer.add_event_handler(lambda added: print("add", added.name, flush=True))
factory.run()
print("left", len(informer.lister), threading.active_count(), flush=True)
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program, server.url]
    with running(command) as child:
        assert child.stdout is not None
        assert [child.stdout.readline() for _ in range(2)] == ["add a\n", "add b\n"]
        server.wait_for_watches(1)
        child.send_signal(number)
        out, errors = child.communicate(timeout=WAIT)
    assert (child.returncode, out, errors) == (0, "left 2 1\n", "")


def test_run_ends_when_another_thread_stops_the_factory(factory: SharedInformerFactory) -> None:
    """Outside the main thread `run` waits for `stop`."""
    informer = factory.informer("configmaps")
    thread = threading.Thread(target=factory.run)
    thread.start()
    eventually(lambda: informer.has_synced, WAIT, lambda: informer.status)
    factory.stop()
    thread.join(WAIT)
    assert not thread.is_alive()


def test_status_and_health_tell_of_an_outage(server: APIServer, factory: SharedInformerFactory) -> None:
    """Case C42: while the watch is broken health is false, with age and reason; after recovery it is true again."""
    informer = factory.informer("configmaps")
    factory.start()
    factory.wait_for_cache_sync(WAIT)
    eventually(factory.healthy, WAIT, lambda: factory.status)
    assert factory.status["configmaps"].stale_since is None
    with server.refuse_connections():
        eventually(lambda: informer.status.last_error is not None, WAIT, lambda: informer.status)
        assert not factory.healthy()
        assert factory.healthy(max_age=3600)
        assert informer.status.stale_since is not None
        assert informer.status.synced
    eventually(factory.healthy, WAIT, lambda: factory.status)


def test_what_is_bound_to_a_process_cannot_be_pickled(factory: SharedInformerFactory) -> None:
    """A clear error instead of a copy that cannot work."""
    for bound in (factory, factory.informer("pods"), factory.client):
        with pytest.raises(TypeError, match="bound to its process"):
            pickle.dumps(bound)
