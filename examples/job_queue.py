"""A queue of jobs: at most N Tasks of a namespace run at a time, the highest priority first, then the oldest.

kubectl apply -f examples/job_queue_crd.yaml
python examples/job_queue.py --namespace NAMESPACE --running N

Start it as often as you like: one replica leads, and when it ends another one goes on. A Task that is admitted gets a
Pod, which it owns, and its status follows the Pod's. Why there are never more than N:

- The queue is one key, not one for each Task: who gets a free place depends on all of them, and no key is ever
  reconciled twice at a time.
- `read_your_writes`: the key waits until the caches show the Pods that its last run has made, also where it got no answer.
- What others have written, such as the leader before this one, the caches may not show yet: so it catches up first.
  (A request that a leader sent before it died may still arrive after that. Where a Pod too many would be a disaster, let
  the server count: by a ResourceQuota.)

And no Task has two Pods at a time: the name of its Pod holds its uid, so the server refuses a second one.
"""

import asyncio
import logging
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from kubeinformer.aio import (
    CacheSyncTimeout,
    Conflict,
    Controller,
    Invalid,
    KubernetesObject,
    LeaderElector,
    LeadershipLost,
    NotFound,
    Request,
    SharedInformerFactory,
    load_config,
    owner_reference,
    run_all,
)

TASKS = "tasks.queue.example.com"
LABELS = {"app.kubernetes.io/managed-by": "job-queue"}
ENDED = ("Succeeded", "Failed")
WRITES_AT_ONCE = 50


class JobQueue:
    def __init__(self, factory: SharedInformerFactory, running: int) -> None:
        self._running = running
        self._client = factory.client
        self._tasks = factory.informer(TASKS)
        self._pods = factory.informer("pods", label_selector=LABELS)
        self._caught_up = False
        self.controller = Controller("job-queue", self._reconcile, read_your_writes=True)
        for informer in (self._tasks, self._pods):
            self.controller.watch(informer, lambda changed: changed.namespace)

    async def _reconcile(self, request: Request) -> None:
        namespace = request.key
        if not self._caught_up:
            await self._catch_up()
        pods = self._pods.lister.list(namespace)
        pod_of = {owner.uid: pod for pod in pods for owner in pod.owner_references}
        waiting = []
        for task in self._tasks.lister.list(namespace):
            if is_waiting(task) and task.uid not in pod_of:
                waiting.append(task)
            else:
                await self._write(task, status_of(task, pod_of.get(task.uid)))
        waiting.sort(key=rank)
        # Counted are Pods, not Tasks: where a Task was deleted, its Pod takes its place until it is gone.
        places = max(0, self._running - sum(phase_of(pod) not in ENDED for pod in pods))
        for task in waiting[:places]:
            await self._admit(task)
        # Some at a time, which bring about the next run: places that come free do not wait for ten thousand writes.
        new = [task for task in waiting[places:] if not phase_of(task)]
        for task in new[:WRITES_AT_ONCE]:
            await self._write(task, status_of(task, None))

    async def _catch_up(self) -> None:
        """Wait until the caches show what the server has: what the leader before this one wrote, too."""
        for informer in (self._tasks, self._pods):
            await informer.catch_up()
        self._caught_up = True

    async def _admit(self, task: KubernetesObject) -> None:
        """Make the Pod. The status follows in the next run, which that brings about."""
        try:
            await self._client.create("pods", pod_for(task))
        except Conflict as error:
            if error.reason != "AlreadyExists":  # its name is this Task's alone: then it is there
                raise
        except Invalid as error:  # no other try would help, and others wait
            await self._write(task, failed(error.message))
        else:
            logging.info("%s is admitted", task.key)

    async def _write(self, task: KubernetesObject, status: dict[str, Any]) -> None:
        before = task.get("status") or {}
        if before == {**before, **status}:
            return
        patch = {"metadata": {"resourceVersion": task.resource_version}, "status": status}
        with suppress(Conflict, NotFound):  # it was changed or deleted: that brings about the next run
            await self._client.patch(TASKS, task.name, patch, task.namespace, subresource="status")


def phase_of(task_or_pod: KubernetesObject) -> str:
    return str((task_or_pod.get("status") or {}).get("phase", ""))


def is_waiting(task: KubernetesObject) -> bool:
    return phase_of(task) in ("", "Queued") and task.deletion_timestamp is None


def rank(task: KubernetesObject) -> tuple[Any, ...]:
    return -task["spec"].get("priority", 0), task.creation_timestamp, task.name


def status_of(task: KubernetesObject, pod: KubernetesObject | None) -> dict[str, Any]:
    """Return what a Task's status is to say: Queued, then Running, then Succeeded or Failed for ever."""
    if phase_of(task) in ENDED:
        return {}
    if pod is None:
        return failed("its pod was deleted") if phase_of(task) == "Running" else {"phase": "Queued"}
    started = {"startedAt": pod["metadata"]["creationTimestamp"]}
    if phase_of(pod) in ENDED:
        return {"phase": phase_of(pod), "finishedAt": now(), **started}
    return {"phase": "Running", **started}


def failed(message: str) -> dict[str, Any]:
    return {"phase": "Failed", "message": message, "finishedAt": now()}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def pod_for(task: KubernetesObject) -> dict[str, Any]:
    container = {"name": "task", "image": task["spec"]["image"], "command": task["spec"].get("command", [])}
    return {
        "metadata": {
            "name": f"{task.name}-{task.uid}",
            "namespace": task.namespace,
            "labels": LABELS,
            "ownerReferences": [owner_reference(task)],  # with the Task goes the Pod
        },
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }


async def run(options: Namespace) -> None:
    config = load_config(options.kubeconfig, options.context)
    namespace = options.namespace or config.namespace or "default"
    lease = options.lease_duration
    times = {"lease_duration": lease, "renew_deadline": lease * 2 / 3, "retry_period": lease * 2 / 15}
    elector = LeaderElector(config, "job-queue", namespace, options.identity, **times)
    async with SharedInformerFactory(config, namespaces=[namespace]) as factory:
        await run_all(JobQueue(factory, options.running).controller, leader_election=elector)


def main() -> None:
    parser = ArgumentParser(description="Run the Tasks of a namespace, so many at a time.")
    parser.add_argument("--kubeconfig", help="else $KUBECONFIG, ~/.kube/config, or the pod's service account")
    parser.add_argument("--context", help="else the current one")
    parser.add_argument("--namespace", help="else the one of the context")
    parser.add_argument("--running", type=int, default=2, metavar="N", help="how many Tasks run at a time")
    parser.add_argument("--identity", help="of this replica, unlike all others; else one is made up")
    parser.add_argument("--lease-duration", type=float, default=15, metavar="SECONDS")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    try:
        asyncio.run(run(options))
    except (LeadershipLost, CacheSyncTimeout) as error:
        raise SystemExit(str(error)) from None  # what restarts it lets it stand for election again


if __name__ == "__main__":
    main()
