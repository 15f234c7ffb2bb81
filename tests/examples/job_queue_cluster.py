"""The example of a job queue, loaded from its file, and what a cluster has besides: a kubelet, a garbage collector."""

from __future__ import annotations

import asyncio
import importlib.util
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from kubeinformer import KubernetesObject, NotFound
from kubeinformer.aio import SharedInformerFactory
from kubeinformer.testing import APIServer, ControlPlane, eventually_async

EXAMPLES = Path(__file__).parents[2] / "examples"
CRD = EXAMPLES / "job_queue_crd.yaml"
WAIT = 30.0


def _load() -> Any:
    specification = importlib.util.spec_from_file_location("job_queue", EXAMPLES / "job_queue.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


job_queue = _load()


class Cluster:
    """What a cluster has besides its API server: users, a kubelet, a garbage collector; and a record of all pods."""

    def __init__(self, factory: SharedInformerFactory, namespace: str) -> None:
        self.namespace = namespace
        self.client = factory.client
        self.started: list[str] = []  # the tasks in the order of their pods
        self.pods_of: Counter[str] = Counter()  # by the uid of the task
        self.live: dict[str, KubernetesObject] = {}  # pods that run, by the name of their task
        self.most = 0
        self.tasks = factory.informer(job_queue.TASKS)
        # Each state of each pod, in the order of the server: one that is over the limit cannot be missed.
        factory.informer("pods").add_event_handler(self._added, self._updated, self._deleted)

    async def _added(self, pod: KubernetesObject) -> None:
        [owner] = pod.owner_references
        self.started.append(owner.name)
        self.pods_of[owner.uid] += 1
        self.live[owner.name] = pod
        self.most = max(self.most, len(self.live))

    async def _updated(self, _: KubernetesObject, pod: KubernetesObject) -> None:
        if job_queue.phase_of(pod) in job_queue.ENDED:
            await self._deleted(pod)

    async def _deleted(self, pod: KubernetesObject) -> None:
        self.live.pop(pod.owner_references[0].name, None)

    async def submit(self, name: str, priority: int = 0) -> None:
        spec = {"image": "busybox", "command": ["true"], "priority": priority}
        await self.client.create(job_queue.TASKS, {"metadata": {"name": name}, "spec": spec}, self.namespace)

    async def runs(self, *names: str) -> None:
        """Wait until these tasks run, and no others."""
        await self.until(lambda: set(self.live) == set(names) and self.phases(*names) == {"Running"})

    async def full(self, count: int) -> None:
        """Wait until so many pods run."""
        await self.until(lambda: len(self.live) == count)

    async def end(self, name: str, phase: str = "Succeeded") -> None:
        """Let a task's pod run and end, as its kubelet would."""
        pod = self.live[name]
        for reported in ("Running", phase):
            status = {"status": {"phase": reported}}
            await self.client.patch("pods", pod.name, status, self.namespace, subresource="status")
        await self.until(lambda: name not in self.live)

    async def end_all(
        self, tasks: int, limit: int, choose: random.Random, stop_at: int = 0
    ) -> dict[str, str]:
        """End what runs, with all places taken before each end, until all tasks have ended, or so many.

        Returns:
            How each has ended.
        """
        ends: dict[str, str] = {}
        while (ended := len(self.started) - len(self.live)) < (stop_at or tasks):
            await self.full(min(limit, tasks - ended))
            names = choose.sample(sorted(self.live), choose.randint(1, len(self.live)))
            ends |= {name: choose.choice(job_queue.ENDED) for name in names}
            await asyncio.gather(*(self.end(name, ends[name]) for name in names))
        return ends

    def phases(self, *names: str) -> set[str]:
        return {job_queue.phase_of(self.tasks.lister.get(name, self.namespace)) for name in names}

    async def ended(self, **phases: str) -> None:
        """Wait until tasks have ended so, and say when."""
        listed = self.tasks.lister.list
        await self.until(lambda: {task.name: job_queue.phase_of(task) for task in listed()} == phases)
        assert all(task["status"]["finishedAt"] for task in listed())

    async def until(self, check: Callable[[], Any]) -> None:
        def look() -> Any:
            with suppress(NotFound):
                return check()

        await eventually_async(look, WAIT)


@asynccontextmanager
async def cluster_on(server: APIServer | ControlPlane, namespace: str = "default") -> AsyncIterator[Cluster]:
    server.install_crd(CRD)
    async with SharedInformerFactory(server.config, namespaces=[namespace]) as factory:
        cluster = Cluster(factory, namespace)
        await factory.start()
        await factory.wait_for_cache_sync()
        yield cluster
