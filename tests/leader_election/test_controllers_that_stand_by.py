"""Controllers that work only while their replica leads."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from tests.hasty_clock import HastyClock
from tests.leader_election.test_elector import LEASES, holder

from kubeinformer import (
    Controller,
    LeaderElector,
    LeadershipLost,
    Request,
    SharedInformerFactory,
    aio,
    run_all,
)
from kubeinformer.testing import APIServer
from kubeinformer.testing.waiting import eventually


def a_map(name: str) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": "default"}}


def test_a_standby_has_warm_caches_and_takes_over(server: APIServer, clock: HastyClock) -> None:
    """It lists and watches while it waits, reconciles nothing; when the leader ends it goes on without a list."""
    server.create("configmaps", a_map("a"))
    seen: dict[str, list[str]] = {"one": [], "two": []}
    controllers, threads, electors = {}, {}, {}
    with SharedInformerFactory(server.config) as first, SharedInformerFactory(server.config) as second:
        for who, factory in (("one", first), ("two", second)):
            controllers[who] = Controller(who, lambda request, who=who: seen[who].append(request.key))
            controllers[who].watch(factory.informer("configmaps"))
            electors[who] = elector = LeaderElector(server.config, "lock", "default", who, clock=clock)
            threads[who] = threading.Thread(
                target=run_all, args=(controllers[who],), kwargs={"leader_election": elector}, daemon=True
            )
            threads[who].start()
            eventually(lambda: server.requests.count("watch", "configmaps") == len(threads))
            eventually(lambda: electors["one"].is_leading)
        eventually(lambda: seen["one"] == ["default/a"])
        assert not seen["two"]
        server.create("configmaps", a_map("b"))
        eventually(lambda: seen["one"] == ["default/a", "default/b"])
        controllers["one"].stop()
        eventually(lambda: sorted(seen["two"]) == ["default/a", "default/b"])
        assert server.requests.count("list", "configmaps") == 2
        controllers["two"].stop()
        for thread in threads.values():
            thread.join(30)
    assert holder(server) == ""


def test_a_lost_lease_stops_the_workers(server: APIServer, clock: HastyClock) -> None:
    """No run begins any more, those under way are cut off, and the run ends in LeadershipLost."""
    cut_off: list[str] = []

    async def reconcile(request: Request) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut_off.append(request.key)
            raise

    with SharedInformerFactory(server.config) as factory:
        overruns: list[str] = []
        controller = Controller("led", reconcile, grace_period=3600)
        controller.watch(factory.informer("configmaps"))
        server.create("configmaps", a_map("a"))
        server.create("configmaps", a_map("b"))
        elector = LeaderElector(
            server.config, "lock", "default", "me", clock=clock, on_overrun=overruns.append
        )

        def take() -> None:
            eventually(lambda: bool(controller._reconciling.runs))
            server.patch(LEASES, "lock", {"spec": {"holderIdentity": "thief"}}, "default")

        thief = threading.Thread(target=take, daemon=True)
        thief.start()
        with pytest.raises(LeadershipLost, match="held by thief"):
            controller.run(leader_election=elector)
        thief.join(30)
    assert len(cut_off) == 1
    assert not overruns
    assert holder(server) == "thief"


def test_a_leader_asks_its_clock_before_each_run(server: APIServer) -> None:
    """Regression 27: where everything stood still for longer than the lease, nobody has to tell the workers."""

    class Suspended(HastyClock):
        offset = 0.0

        def now(self) -> float:
            return time.monotonic() + self.offset

    clock = Suspended()
    seen: list[str] = []
    with SharedInformerFactory(server.config) as factory:
        controller = Controller("led", lambda request: seen.append(request.key))
        controller.watch(factory.informer("configmaps"))
        elector = LeaderElector(server.config, "lock", "default", "me", clock=clock, on_overrun=seen.append)
        ended: list[BaseException] = []

        def run() -> None:
            try:
                controller.run(leader_election=elector)
            except LeadershipLost as error:
                ended.append(error)

        running = threading.Thread(target=run, daemon=True)
        running.start()
        server.create("configmaps", a_map("before"))
        eventually(lambda: seen == ["default/before"])
        with server.every_request(resource=LEASES).hangs():
            clock.offset += 12  # the machine was suspended; no timer has noticed
            server.create("configmaps", a_map("after"))
            running.join(30)
        assert not running.is_alive()
    assert "default/after" not in seen
    assert len(ended) == 1


def test_the_asyncio_face_does_the_same(server: APIServer, clock: HastyClock) -> None:
    """`await run_all(..., leader_election=...)`: stopped from outside, the lease is free."""

    async def main() -> None:
        seen: list[str] = []

        async def reconcile(request: Request) -> None:
            seen.append(request.key)
            controller.enqueue("again")
            if request.key == "again":
                await controller.stop()

        async with aio.SharedInformerFactory(server.config) as factory:
            controller = aio.Controller("led", reconcile)
            controller.watch(factory.informer("configmaps"))
            controller.enqueue("first")
            elector = aio.LeaderElector(server.config, "lock", "default", "me", clock=clock)
            await aio.run_all(controller, factory, leader_election=elector)
        assert seen[:2] == ["first", "again"]
        assert holder(server) == ""

    asyncio.run(main())


def test_ending_while_it_stands_by_leaves_the_lease_alone(server: APIServer, clock: HastyClock) -> None:
    """The one who waits may go at any time."""
    with (
        LeaderElector(server.config, "lock", "default", "leader", clock=clock),
        SharedInformerFactory(server.config) as factory,
    ):
        controller = Controller("waiting", lambda _: None)
        controller.watch(factory.informer("configmaps"))
        elector = LeaderElector(server.config, "lock", "default", "standby", clock=clock)
        controller.start(leader_election=elector)
        eventually(lambda: elector.leader == "leader")
        controller.stop()
        assert holder(server) == "leader"


def test_a_lease_is_not_given_up_over_work_that_goes_on(server: APIServer, clock: HastyClock) -> None:
    """Case C47: a thread that outlasts the grace period is still the leader's: it is renewed for, then released."""
    begun, may_end = threading.Event(), threading.Event()

    def reconcile(_: Request) -> None:
        begun.set()
        may_end.wait(30)

    with SharedInformerFactory(server.config) as factory:
        controller = Controller("slow", reconcile, grace_period=0.01)
        controller.watch(factory.informer("configmaps"))
        server.create("configmaps", a_map("a"))
        elector = LeaderElector(server.config, "lock", "default", "me", clock=clock)
        controller.start(leader_election=elector)
        assert begun.wait(30)
        stopping = threading.Thread(target=controller.stop, daemon=True)
        stopping.start()
        renewals = server.requests.count("update", LEASES)
        eventually(lambda: server.requests.count("update", LEASES) > renewals + 2)
        assert holder(server) == "me"
        may_end.set()
        stopping.join(30)
        assert holder(server) == ""
