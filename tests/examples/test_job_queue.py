"""The example of a job queue: on the in-memory server, and two replicas of it on the real one, too."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest
from tests.examples.job_queue_cluster import EXAMPLES, WAIT, Cluster, cluster_on, job_queue
from tests.programs import running

from kubeinformer import Config, NotFound
from kubeinformer.aio import LeaderElector, SharedInformerFactory, run_all
from kubeinformer.testing import APIServer, ControlPlane, FakeClock, eventually_async

LEASE_DURATION, RETRY_PERIOD = 3.0, 0.4
START = 10.0  # seconds that a replica gets to start on a machine that is busy


@asynccontextmanager
async def queue_on(config: Config, limit: int) -> AsyncIterator[Any]:
    async with (
        SharedInformerFactory(config, namespaces=["default"]) as factory,
        job_queue.JobQueue(factory, limit).controller as controller,
    ):
        yield controller


def _is_watch_of_a_queue(request: Any) -> bool:
    return (request.verb, request.resource) == ("watch", "pods") and "labelSelector" in request.query


@pytest.fixture
def server() -> Any:
    with APIServer(clock=FakeClock()) as running_server:
        yield running_server


@pytest.mark.parametrize("seed", range(2))
def test_never_more_than_so_many_run_and_the_most_urgent_first(server: APIServer, seed: int) -> None:
    """Of 50 tasks never more than four run, they start by priority, and each ends as its only pod did."""

    async def scene() -> None:
        choose = random.Random(seed)
        async with cluster_on(server) as cluster:
            names = [f"task-{number:02}" for number in range(50)]
            for name in choose.sample(names, len(names)):
                server.advance(choose.choice((0, 1)))
                await cluster.submit(name, choose.randint(-2, 2))
            queued = [
                (-task["spec"]["priority"], task["metadata"]["creationTimestamp"], task["metadata"]["name"])
                for task in server.list_objects(job_queue.TASKS)
            ]
            async with queue_on(server.config, 4):
                ends = await cluster.end_all(50, 4, choose)
                await cluster.ended(**ends)
        assert cluster.started == [name for *_, name in sorted(queued)]
        assert cluster.most == 4
        assert set(cluster.pods_of.values()) == {1}
        assert set(ends.values()) == {"Succeeded", "Failed"}

    asyncio.run(scene())


def test_the_limit_holds_while_the_cache_is_behind(server: APIServer) -> None:
    """As long as the cache does not show the pods that were made, nothing is made of the places that it shows."""

    async def scene() -> None:
        async with cluster_on(server) as cluster, queue_on(server.config, 1) as controller:
            server.wait_for_watches(2, "pods")
            with server.stall(_is_watch_of_a_queue):
                await cluster.submit("first")
                await cluster.full(1)
                await cluster.submit("urgent", 9)
                await cluster.until(lambda: "urgent" in controller.explain("default").next_reason)
                assert controller.explain("default").running_for is None
            await cluster.runs("first")
            await cluster.end("first")
            await cluster.runs("urgent")
        assert cluster.most == 1

    asyncio.run(scene())


def test_places_are_given_to_the_most_urgent_then_the_oldest(server: APIServer) -> None:
    """A task that comes late and is urgent overtakes those that wait, not those that run; among equals age counts."""

    async def scene() -> None:
        async with cluster_on(server) as cluster, queue_on(server.config, 1):
            await cluster.submit("running")
            await cluster.runs("running")
            for name in ("old", "new"):
                await cluster.submit(name)
                server.advance(1)
            await cluster.submit("an-urgent-one", 5)
            await cluster.until(lambda: cluster.phases("old", "new", "an-urgent-one") == {"Queued"})
            for name, following in (("running", "an-urgent-one"), ("an-urgent-one", "old"), ("old", "new")):
                await cluster.end(name)
                await cluster.runs(following)
        assert cluster.most == 1

    asyncio.run(scene())


def test_a_task_that_is_deleted_keeps_its_place_until_its_pod_is_gone(server: APIServer) -> None:
    """The next one does not start when a running task is deleted, but when its pod is; a queued one just goes."""

    async def scene() -> None:
        async with cluster_on(server) as cluster, queue_on(server.config, 1):
            await cluster.submit("deleted", 1)
            await cluster.runs("deleted")
            await cluster.submit("dropped", 1)
            await cluster.submit("next")
            await cluster.until(lambda: cluster.phases("dropped", "next") == {"Queued"})
            for name in ("deleted", "dropped"):
                await cluster.client.delete(job_queue.TASKS, name, "default")
            await cluster.submit("last", -1)  # a change that makes the queue look again
            await cluster.until(lambda: cluster.phases("next", "last") == {"Queued"})
            assert list(cluster.live) == ["deleted"]
            await cluster.client.delete("pods", cluster.live["deleted"].name, "default")  # by its owner's end
            await cluster.runs("next")
            await cluster.end("next")
            await cluster.runs("last")
        assert cluster.started == ["deleted", "next", "last"]
        assert cluster.most == 1

    asyncio.run(scene())


def test_a_task_that_is_submitted_again_is_another_one(server: APIServer) -> None:
    """A name that was used before gets a pod of its own, though the pod from then is still there."""

    async def scene() -> None:
        async with cluster_on(server) as cluster, queue_on(server.config, 1):
            for phase in job_queue.ENDED:
                await cluster.submit("again")
                await cluster.runs("again")
                await cluster.end("again", phase)
                await cluster.ended(again=phase)
                await cluster.client.delete(job_queue.TASKS, "again", "default")
                await cluster.until(lambda: not cluster.tasks.lister.list())
        assert list(cluster.pods_of.values()) == [1, 1]

    asyncio.run(scene())


def test_a_task_whose_pod_cannot_be_or_is_deleted_has_failed(server: APIServer) -> None:
    """It says why, it is not tried again, and the next one gets its place."""

    async def scene() -> None:
        status = {"kind": "Status", "reason": "Invalid", "message": "no such image", "code": 422}
        server.next_request(verb="create", resource="pods").answers(422, status)
        async with cluster_on(server) as cluster, queue_on(server.config, 1):
            await cluster.submit("refused")
            await cluster.until(lambda: cluster.phases("refused") == {"Failed"})
            await cluster.submit("evicted")
            await cluster.runs("evicted")
            await cluster.client.delete("pods", cluster.live["evicted"].name, "default")
            await cluster.until(lambda: cluster.phases("evicted") == {"Failed"})
            await cluster.submit("next")
            await cluster.runs("next")
            messages = {task.name: task["status"].get("message") for task in cluster.tasks.lister.list()}
        assert messages == {"refused": "no such image", "evicted": "its pod was deleted", "next": None}
        assert cluster.started == ["evicted", "next"]

    asyncio.run(scene())


@pytest.mark.parametrize("fault", [500, 403, "reset"])
def test_a_pod_that_could_not_be_made_is_tried_again(server: APIServer, fault: int | str) -> None:
    """A server that fails or refuses for a while costs no task its pod."""

    async def scene() -> None:
        requests = server.next_request(2, verb="create", resource="pods")
        requests.resets() if fault == "reset" else requests.answers(int(fault))
        async with cluster_on(server) as cluster, queue_on(server.config, 1):
            await cluster.submit("first")
            await cluster.submit("second")
            await cluster.end_all(2, 1, random.Random(1))
        assert cluster.most == 1
        assert set(cluster.pods_of.values()) == {1}

    asyncio.run(scene())


def test_a_pod_that_was_made_without_an_answer_counts(server: APIServer) -> None:
    """Where the answer to its creation was lost, a pod takes its place before the cache shows it."""

    async def scene() -> None:
        async with cluster_on(server) as cluster, queue_on(server.config, 1):
            await asyncio.to_thread(server.wait_for_watches, 2, "pods", WAIT)
            with server.stall(_is_watch_of_a_queue):
                server.next_request(verb="create", resource="pods").breaks_off(10)
                await cluster.submit("first")
                await cluster.full(1)
                await cluster.submit("urgent", 9)
                # Two caches have loaded, and the queue has caught up at the start, and after the fault.
                await cluster.until(lambda: server.requests.count("list", "pods") == 4)
            await cluster.runs("first")
            await cluster.end("first")
            await cluster.runs("urgent")
        assert cluster.most == 1

    asyncio.run(scene())


def test_a_conflict_is_not_taken_for_a_pod(server: APIServer) -> None:
    """A server answers so where many count against a quota at once: nothing was made."""

    async def scene() -> None:
        status = {"kind": "Status", "reason": "Conflict", "message": "resourcequotas: try again", "code": 409}
        server.next_request(verb="create", resource="pods").answers(409, status)
        async with cluster_on(server) as cluster, queue_on(server.config, 1):
            await cluster.submit("only")
            await cluster.runs("only")

    asyncio.run(scene())


def test_a_pod_without_an_owner_keeps_its_place(server: APIServer) -> None:
    """As after `kubectl delete task --cascade=orphan`: it runs, whoever it belongs to."""

    async def scene() -> None:
        async with cluster_on(server) as cluster, queue_on(server.config, 1):
            await cluster.submit("orphaned")
            await cluster.runs("orphaned")
            [pod] = server.list_objects("pods")
            server.patch("pods", pod["metadata"]["name"], {"metadata": {"ownerReferences": None}})
            await cluster.client.delete(job_queue.TASKS, "orphaned", "default")
            await cluster.submit("next")
            await cluster.until(lambda: cluster.phases("next") == {"Queued"})
            assert server.count("pods") == 1
            server.patch("pods", pod["metadata"]["name"], {"status": {"phase": "Succeeded"}})
            await cluster.until(lambda: server.count("pods") == 2)

    asyncio.run(scene())


def test_pods_come_before_the_statuses_of_those_that_wait(server: APIServer) -> None:
    """However many were submitted, the first of them is not kept waiting until all are written to."""

    async def scene() -> None:
        count = 2 * job_queue.WRITES_AT_ONCE + 10
        async with cluster_on(server) as cluster:
            for number in range(count):
                await cluster.submit(f"task-{number}")
            async with queue_on(server.config, 1):
                await cluster.until(lambda: len(cluster.tasks.lister.list()) == count)
                names = [task.name for task in cluster.tasks.lister.list()]
                await cluster.until(lambda: cluster.phases(*names) == {"Running", "Queued"})
        requests = [(each.verb, each.resource) for each in server.requests]
        assert requests.index(("create", "pods")) < requests.index(("patch", job_queue.TASKS))

    asyncio.run(scene())


def test_a_new_leader_catches_up_with_the_one_before(server: APIServer) -> None:
    """A leader whose cache has missed the last pods of the leader before it makes none in their places."""

    async def replica(identity: str) -> None:
        elector = LeaderElector(server.config, "job-queue", "default", identity, retry_period=0.1)
        async with SharedInformerFactory(server.config, namespaces=["default"]) as factory:
            await run_all(job_queue.JobQueue(factory, 1).controller, leader_election=elector)

    async def scene() -> None:
        async with cluster_on(server) as cluster:
            watch_of_a, watch_of_b = 2, 3
            old = asyncio.create_task(replica("a"))
            await asyncio.to_thread(server.wait_for_watches, watch_of_a, "pods", WAIT)
            await cluster.until(lambda: server.get("leases", "job-queue")["spec"]["holderIdentity"] == "a")
            before = [record for record in server.watches if _is_watch_of_a_queue(record)]
            new = asyncio.create_task(replica("b"))
            await asyncio.to_thread(server.wait_for_watches, watch_of_b, "pods", WAIT)
            with server.stall(lambda record: _is_watch_of_a_queue(record) and record not in before):
                await cluster.submit("first")
                await cluster.runs("first")
                await cluster.submit("second")
                await cluster.until(lambda: cluster.phases("second") == {"Queued"})
                lists = server.requests.count("list", "pods")
                old.cancel()
                await cluster.until(lambda: server.requests.count("list", "pods") > lists)
            await cluster.end("first")
            await cluster.runs("second")
            new.cancel()
            await asyncio.gather(old, new, return_exceptions=True)
        assert cluster.most == 1

    asyncio.run(scene())


@contextmanager
def replica_on(cluster: Cluster, kubeconfig: str, identity: str) -> Iterator[subprocess.Popen[str]]:
    options = {
        "kubeconfig": kubeconfig,
        "namespace": cluster.namespace,
        "running": 3,
        "identity": identity,
        "lease-duration": LEASE_DURATION,
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    with running([sys.executable, str(EXAMPLES / "job_queue.py"), *words]) as program:
        yield program


def test_another_replica_goes_on_where_the_leader_ends(
    kubernetes_server: APIServer | ControlPlane, kubernetes_namespace: str
) -> None:
    """Case C49: killed, its lease runs out; ended, it gives it up; the limit holds, and every task has one pod."""

    async def leader(cluster: Cluster) -> str:
        lease = await cluster.client.get("leases.coordination.k8s.io", "job-queue", cluster.namespace)
        return lease["spec"].get("holderIdentity") or ""

    async def elected(cluster: Cluster, timeout: float, *candidates: str) -> str:
        async def look() -> str:
            with suppress(NotFound):
                return found if (found := await leader(cluster)) in candidates else ""
            return ""

        return await eventually_async(look, timeout)

    async def scene() -> None:
        choose = random.Random(7)
        names = [f"task-{number:02}" for number in range(14)]
        async with cluster_on(kubernetes_server, kubernetes_namespace) as cluster:
            kubeconfig = kubernetes_server.kubeconfig
            for name in names:
                await cluster.submit(name, choose.randint(0, 3))
            with (
                replica_on(cluster, kubeconfig, "a") as a,
                replica_on(cluster, kubeconfig, "b") as b,
                ExitStack() as later,
            ):
                killed = await elected(cluster, WAIT, "a", "b")
                ends = await cluster.end_all(len(names), 3, choose, stop_at=4)
                (a if killed == "a" else b).send_signal(signal.SIGKILL)
                ends |= dict.fromkeys(list(cluster.live), "Succeeded")
                for name in list(cluster.live):  # while nobody leads
                    await cluster.end(name)
                takeover = LEASE_DURATION + 1.25 * RETRY_PERIOD + START
                second = await elected(cluster, takeover, *{"a", "b"} - {killed})
                await cluster.full(3)
                later.enter_context(replica_on(cluster, kubeconfig, "c"))
                program = a if second == "a" else b
                program.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(program.wait, WAIT) == 0
                assert await leader(cluster) in ("", "c")  # given up, or taken already
                ends |= await cluster.end_all(len(names), 3, choose)
                await cluster.ended(**ends)
        assert sorted(cluster.started) == names
        assert set(cluster.pods_of.values()) == {1}
        assert cluster.most == 3

    asyncio.run(scene())
