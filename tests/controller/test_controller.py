"""The controller: which keys are reconciled when, how often, and with what."""

from __future__ import annotations

import threading

import pytest
from tests.controller.conftest import Noting, config_map

from kubeinformer import (
    Controller,
    KubernetesObject,
    NotFound,
    Request,
    SharedInformerFactory,
    TerminalError,
    changed,
    owner_of,
    requeue_after,
)
from kubeinformer.controller.requests import Result
from kubeinformer.testing import APIServer
from kubeinformer.testing.waiting import eventually, eventually_equal
from kubeinformer.workqueue.queue_core import LOW_PRIORITY


def test_every_object_and_every_change_is_reconciled(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """By its own key, with a reason; a deleted object as a key whose lister says NotFound."""
    server.create("configmaps", config_map("a"))
    maps = factory.informer("configmaps")
    found: dict[str, str] = {}

    def read(request: Request) -> None:
        try:
            found[request.key] = maps.lister.get(request.name, request.namespace).resource_version
        except NotFound:
            found[request.key] = "gone"

    reconcile = Noting(read)
    controller = Controller("all", reconcile)
    controller.watch(maps)
    with controller:
        eventually_equal(lambda: reconcile.counts["default/a"], 1)
        created = server.create("configmaps", config_map("b"))
        eventually_equal(lambda: found.get("default/b"), created["metadata"]["resourceVersion"])
        changed_map = server.patch("configmaps", "a", {"data": {"k": "v"}}, "default")
        eventually_equal(lambda: found["default/a"], changed_map["metadata"]["resourceVersion"])
        server.delete("configmaps", "a", "default")
        eventually_equal(lambda: found["default/a"], "gone")
    reasons = {request.reason: request.priority for request in reconcile.requests}
    assert reasons == {
        "configmaps default/a is there": LOW_PRIORITY,
        "configmaps default/b was added": 0,
        "configmaps default/a was updated": 0,
        "configmaps default/a was deleted": 0,
    }
    first = reconcile.requests[0]
    assert (first.namespace, first.name, first.attempt) == ("default", "a", 1)


def test_failures_come_again_later_each_time(server: APIServer, factory: SharedInformerFactory) -> None:
    """Regression 18: growing delays by key, attempts that are counted, a clean slate after success."""
    server.create("configmaps", config_map("a"))
    fails = {"default/a": 3}

    def fail(request: Request) -> Result:
        fails[request.key] -= 1
        if fails[request.key] >= 0:
            raise RuntimeError("not yet")
        return None

    reconcile = Noting(fail)
    controller = Controller("failing", reconcile)
    controller.watch(factory.informer("configmaps"))
    with controller:
        eventually_equal(lambda: [request.attempt for request in reconcile.requests], [1, 2, 3, 4])
        eventually(lambda: controller.explain("default/a").last is not None)
        fails["default/a"] = 1
        server.patch("configmaps", "a", {"data": {"k": "v"}}, "default")
        eventually_equal(lambda: [request.attempt for request in reconcile.requests[4:]], [1, 2])
    results = [run.result for run in reversed(controller.explain("default/a").history)]
    assert results == ["error", "error", "error", "success", "error", "success"]
    assert reconcile.requests[1].reason == "attempt 1 failed"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_no_exception_ends_a_worker(
    server: APIServer, factory: SharedInformerFactory, error: BaseException
) -> None:
    """Also not one that is meant to end programs: it is logged, counted, and the key comes again."""
    server.create("configmaps", config_map("a"))

    def fail(request: Request) -> None:
        if request.attempt == 1:
            raise error

    reconcile = Noting(fail)
    controller = Controller("raising", reconcile)
    controller.watch(factory.informer("configmaps"))
    with controller:
        eventually_equal(lambda: len(reconcile.requests), 2)
        eventually(lambda: len(controller.explain("default/a").history) == 2)
    first = controller.explain("default/a").history[1]
    assert (first.result, first.error.partition(":")[0]) == ("error", type(error).__name__)


def test_a_terminal_error_is_not_tried_again(
    server: APIServer, factory: SharedInformerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """It waits for the next change; the log names key, attempt and reason."""
    server.create("configmaps", config_map("a"))

    def fail(_: Request) -> None:
        raise TerminalError("this will never do")

    reconcile = Noting(fail)
    controller = Controller("terminal", reconcile)
    controller.watch(factory.informer("configmaps"))
    with controller:
        eventually(lambda: controller.explain("default/a").last is not None)
        assert controller.explain("default/a").due_in is None
        server.patch("configmaps", "a", {"data": {"k": "v"}}, "default")
        eventually_equal(lambda: [request.attempt for request in reconcile.requests], [1, 1])
    expected = "terminal: default/a failed for good (attempt 1, configmaps default/a is there): "
    assert any(record.message.startswith(expected) for record in caplog.records)


def test_a_reconcile_that_returns_something_else_is_told(
    server: APIServer, factory: SharedInformerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """None or requeue_after(...): anything else is a mistake that trying again does not mend."""
    server.create("configmaps", config_map("a"))
    reconcile = Noting(lambda _: {"done": True})  # type: ignore[arg-type,return-value]  # the mistake
    controller = Controller("wrong", reconcile)
    controller.watch(factory.informer("configmaps"))
    with controller:
        eventually(lambda: controller.explain("default/a").last is not None)
    assert "a reconcile returns requeue_after(...) or None, not dict" in caplog.text


def test_a_wish_to_come_again_is_granted_or_overtaken(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """`requeue_after`: in so many seconds, or at the next change; `explain` says when."""
    server.create("configmaps", config_map("soon"))
    server.create("configmaps", config_map("later"))
    reconcile = Noting(lambda request: requeue_after(0.01 if request.name == "soon" else 3600))
    controller = Controller("again", reconcile)
    controller.watch(factory.informer("configmaps"))
    with controller:
        eventually(lambda: reconcile.counts["default/soon"] > 3)
        eventually(lambda: controller.explain("default/later").due_in is not None)
        later = controller.explain("default/later")
        assert later.due_in is not None
        assert 3500 < later.due_in <= 3600
        assert later.next_reason == "requeue after 3600 s"
        assert "next in 3" in str(later)
        server.patch("configmaps", "later", {"data": {"k": "v"}}, "default")
        eventually_equal(lambda: reconcile.counts["default/later"], 2)
    with pytest.raises(ValueError, match="wants seconds"):
        requeue_after(-1)


def test_a_key_is_never_reconciled_twice_at_a_time(server: APIServer, factory: SharedInformerFactory) -> None:
    """Changes during a run lead to one more run after it, on whichever worker."""
    server.create("configmaps", config_map("a"))
    begun, may_end = threading.Event(), threading.Event()

    def wait(_: Request) -> None:
        begun.set()
        may_end.wait(30)

    reconcile = Noting(wait)
    maps = factory.informer("configmaps")
    controller = Controller("slow", reconcile, workers=4)
    controller.watch(maps)
    with controller:
        assert begun.wait(30)
        for number in range(5):
            last = server.patch("configmaps", "a", {"data": {"k": str(number)}}, "default")
        maps.wait_for(last["metadata"]["resourceVersion"])
        eventually(lambda: controller.explain("default/a").due_in == 0)
        assert controller.explain("default/a").running_for is not None
        may_end.set()
        eventually_equal(lambda: reconcile.counts["default/a"], 2)
    assert not reconcile.doubled


def test_a_moved_relation_concerns_both_owners(server: APIServer, factory: SharedInformerFactory) -> None:
    """Regression 23: of an update the object before and after are both mapped."""
    server.create("configmaps", config_map("child", annotations={"parent": "one"}))
    reconcile = Noting()
    controller = Controller("mapped", reconcile)
    controller.watch(factory.informer("configmaps"), lambda child: child.annotations.get("parent"))
    with controller:
        eventually_equal(lambda: reconcile.keys, ["one"])
        server.patch("configmaps", "child", {"metadata": {"annotations": {"parent": "two"}}}, "default")
        eventually_equal(lambda: sorted(reconcile.keys), ["one", "one", "two"])


def test_owners_are_found_in_the_namespace_of_the_object(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """The managing owner of the kind, across versions of its group; any owner where that is asked for."""
    owners = [
        {"apiVersion": "batch/v1beta1", "kind": "Job", "name": "managing", "uid": "1", "controller": True},
        {"apiVersion": "batch/v1", "kind": "Job", "name": "other", "uid": "2"},
        {"apiVersion": "example.com/v1", "kind": "Job", "name": "foreign", "uid": "3", "controller": False},
    ]
    server.create("configmaps", config_map("child", ownerReferences=owners))
    managing, every_owner, cluster = Noting(), Noting(), Noting()
    controllers = [
        Controller(str(number), each) for number, each in enumerate((managing, every_owner, cluster))
    ]
    maps = factory.informer("configmaps")
    controllers[0].watch(maps, owner_of("batch/v1", "Job"))
    controllers[1].watch(maps, owner_of("batch/v1", "Job", controller_only=False))
    controllers[2].watch(maps, owner_of("batch/v1", "Job", namespaced=False))
    with controllers[0], controllers[1], controllers[2]:
        eventually_equal(lambda: managing.keys, ["default/managing"])
        eventually_equal(lambda: sorted(every_owner.keys), ["default/managing", "default/other"])
        eventually_equal(lambda: cluster.keys, ["managing"])


def test_an_owned_object_that_went_unseen_concerns_its_owner(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """Regression 2: a child deleted while the watch was broken and its history expired enqueues its owner."""
    owners = [{"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": "1", "controller": True}]
    server.create("configmaps", config_map("child", ownerReferences=owners))
    reconcile = Noting()
    controller = Controller("owning", reconcile)
    controller.watch(factory.informer("configmaps"), owner_of("batch/v1", "Job"))
    with controller:
        eventually_equal(lambda: reconcile.keys, ["default/job"])
        with server.stall():
            server.close_watches()
            server.delete("configmaps", "child", "default")
            server.expire_history()
        eventually_equal(lambda: reconcile.keys, ["default/job", "default/job"])
    assert server.requests.count("list", "configmaps") == 2  # what was missed came from its difference


def test_predicates_choose_among_updates_alone(server: APIServer, factory: SharedInformerFactory) -> None:
    """What appears or goes always counts; of updates, those that change what is asked for."""
    reconcile = Noting()
    controller = Controller("choosy", reconcile)
    maps = factory.informer("configmaps")
    controller.watch(maps, when=changed(lambda found: found.labels))
    with controller:
        server.create("configmaps", config_map("a"))
        eventually_equal(lambda: len(reconcile.keys), 1)
        server.patch("configmaps", "a", {"data": {"k": "v"}}, "default")
        server.patch("configmaps", "a", {"metadata": {"labels": {"k": "v"}}}, "default")
        eventually_equal(lambda: len(reconcile.keys), 2)
        server.patch("configmaps", "a", {"data": {"k": "w"}}, "default")
        server.delete("configmaps", "a", "default")
        eventually_equal(lambda: len(reconcile.keys), 3)
    assert [request.reason.rpartition(" ")[2] for request in reconcile.requests] == [
        "added",
        "updated",
        "deleted",
    ]


def test_mappers_and_predicates_that_raise_cost_nothing_else(
    server: APIServer, factory: SharedInformerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """A mapper costs that one mapping; a predicate lets the update count. Both are logged."""
    server.create("configmaps", config_map("a"))
    server.create("configmaps", config_map("b"))
    reconcile = Noting()
    controller = Controller("careless", reconcile)

    def mapper(found):  # type: ignore[no-untyped-def]  # what careless people write
        return found.key if found.name == "a" else found["no"]["such"]["field"]

    def predicate(_, new):  # type: ignore[no-untyped-def]  # what careless people write
        return new["spec"]["replicas"] > 1

    controller.watch(factory.informer("configmaps"), mapper, when=predicate)
    with controller:
        eventually_equal(lambda: reconcile.keys, ["default/a"])
        server.patch("configmaps", "a", {"data": {"k": "v"}}, "default")
        eventually_equal(lambda: reconcile.keys, ["default/a", "default/a"])
    assert "careless: the mapper of configmaps, for default/b raised KeyError('no')" in caplog.text
    assert "careless: the predicate of configmaps, for default/a raised KeyError('spec')" in caplog.text


def test_a_debounce_collects_the_changes_of_a_key(server: APIServer, factory: SharedInformerFactory) -> None:
    """What changes often is reconciled once in a while, and counts as no retry."""
    reconcile = Noting()
    maps = factory.informer("configmaps")
    controller = Controller("calm", reconcile, debounce=0.5)
    controller.watch(maps)
    with controller:
        server.create("configmaps", config_map("a"))
        for number in range(50):
            last = server.patch("configmaps", "a", {"data": {"k": str(number)}}, "default")
        maps.wait_for(last["metadata"]["resourceVersion"])
        eventually(lambda: bool(reconcile.requests))
        eventually(lambda: controller.explain("default/a").due_in is None)
    assert len(reconcile.requests) < 25


def test_an_object_that_came_and_went_unseen_concerns_its_owner(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """A child that a reconcile made, and somebody deleted before the watch told of it, is made anew."""
    children = factory.informer("secrets")
    mapping, may_map = threading.Event(), threading.Event()

    def mapper(found: KubernetesObject) -> str | None:
        mapping.set()
        may_map.wait(30)
        return "default/parent" if found.name == "child" else None

    def reconcile(_: Request) -> None:
        if children.indexer.get_by_key("default/child") is None:
            factory.client.create("secrets", config_map("child"))

    controller = Controller("owning", reconcile)
    controller.watch(factory.informer("configmaps"))
    controller.watch(children, mapper)
    with controller:
        server.create("secrets", config_map("other"))
        assert mapping.wait(30)
        server.create("configmaps", config_map("parent"))
        eventually(lambda: controller.explain("default/parent").last is not None)
        server.delete("secrets", "child", "default")
        last = server.create("secrets", config_map("another"))
        children.wait_for(last["metadata"]["resourceVersion"])
        may_map.set()
        eventually(lambda: server.count("secrets") == 3)


def test_every_state_in_between_is_mapped(server: APIServer, factory: SharedInformerFactory) -> None:
    """Regression 23: what belonged to one owner for a moment concerned it, however slow the mapper is."""
    may_map = threading.Event()
    reconcile = Noting()
    controller = Controller("mapped", reconcile)

    def mapper(child: KubernetesObject) -> str | None:
        may_map.wait(30)
        return child.annotations.get("parent")

    maps = factory.informer("configmaps")
    controller.watch(maps, mapper)
    starting = threading.Thread(target=controller.start, daemon=True)
    server.create("configmaps", config_map("child", annotations={"parent": "one"}))
    starting.start()
    eventually(lambda: maps.has_synced)
    for parent in ("two", "three"):
        last = server.patch(
            "configmaps", "child", {"metadata": {"annotations": {"parent": parent}}}, "default"
        )
    maps.wait_for(last["metadata"]["resourceVersion"])
    may_map.set()
    starting.join(30)
    eventually(lambda: set(reconcile.keys) == {"one", "two", "three"})
    controller.stop()
