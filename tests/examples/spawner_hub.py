"""The spawner of the examples at work, and what a cluster has besides: users, a proxy, a kubelet."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from examples.spawner import USERS, Spawner, timestamp

from kubeinformer import (
    Client,
    EventRecorder,
    KubernetesObject,
    NotFound,
    Request,
    Result,
    SharedInformerFactory,
)
from kubeinformer.testing import APIServer, ControlPlane, eventually
from kubeinformer.testing.yaml_documents import all_from_yaml

T = TypeVar("T")
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
CRD = EXAMPLES / "spawner_crd.yaml"
WAIT = 30.0  # seconds, on a machine that is busy
KINDS = ("pods", "services", "secrets")
NAME = "user-ada"  # of what belongs to the User ada
[ROLE] = [each for each in all_from_yaml(CRD.read_bytes()) if each["kind"] == "ClusterRole"]


class CountedSpawner(Spawner):
    """Counts its runs as they begin. There is one User, so they come one after the other."""

    begun = 0

    def reconcile(self, request: Request) -> Result:
        self.begun += 1
        return super().reconcile(request)


class Hub:
    """A namespace with the User ada, and the spawner at work in it."""

    def __init__(self, server: APIServer | ControlPlane, namespace: str, stack: ExitStack) -> None:
        self.server, self.namespace, self.key, self.skipped = server, namespace, f"{namespace}/ada", 0.0
        server.install_crd(CRD)
        server.user("restricted", ROLE["rules"], namespace)
        config = server.user_config("restricted")
        self.client = stack.enter_context(Client(server.config))
        factory = stack.enter_context(SharedInformerFactory(config, namespaces=[namespace]))
        self.recorder = stack.enter_context(EventRecorder(config, "spawner"))
        self.spawner = CountedSpawner(factory, self.recorder, self.now)
        self.controller = stack.enter_context(self.spawner.controller)

    def now(self) -> float:
        return time.time() + self.skipped

    def skip(self, seconds: float) -> None:
        """Let the spawner's time go on, and let it look: its timers keep to the real one."""
        self.skipped += seconds
        self.controller.enqueue(self.key)

    # -- the user --------------------------------------------------------------------------------------------------

    def create_user(self, **spec: Any) -> KubernetesObject:
        user = {"metadata": {"name": "ada"}, "spec": {"image": "notebook:1", **spec}}
        return self.client.create(USERS, user, self.namespace)

    def change_user(self, **spec: Any) -> None:
        self.client.patch(USERS, "ada", {"spec": spec}, self.namespace)

    def user(self) -> KubernetesObject:
        return self.client.get(USERS, "ada", self.namespace)

    def status(self, field: str) -> Any:
        return (self.user().get("status") or {}).get(field)

    def wait_for_phase(self, phase: str) -> None:
        self.eventually_equal(lambda: self.status("phase"), phase)

    def see_activity(self) -> None:
        """Do what a proxy does."""
        status = {"status": {"lastActivity": timestamp(self.now())}}
        seen = self.client.patch(USERS, "ada", status, self.namespace, subresource="status")
        self.spawner.users.wait_for(seen)

    # -- what belongs to it ----------------------------------------------------------------------------------------

    def find(self, kind: str) -> KubernetesObject | None:
        try:
            return self.client.get(kind, NAME, self.namespace)
        except NotFound:
            return None

    def existing(self) -> dict[str, int]:
        return {kind: len(self.client.list(kind, self.namespace)) for kind in KINDS}

    def token(self) -> Any:
        secret = self.client.get("secrets", NAME, self.namespace)
        return secret.get("data") or secret.get("stringData")

    def pod_uid(self) -> str:
        pod = self.find("pods")
        return "" if pod is None else pod.uid

    def wait_for_pod(self, *, after: str = "") -> KubernetesObject:
        """Wait for a pod that is not the one whose uid is `after`."""
        self.eventually(lambda: self.pod_uid() not in {"", after})
        return self.client.get("pods", NAME, self.namespace)

    def set_pod_phase(self, phase: str) -> None:
        """Do what a kubelet does."""
        status = {"status": {"phase": phase}}
        self.client.patch("pods", NAME, status, self.namespace, subresource="status")
        self.wait_for_phase(phase)

    def hold_pod(self) -> None:
        """Let a deletion take time, as a grace period does."""
        self._set_finalizers(["example.com/hold"])

    def let_pod_go(self) -> None:
        self._set_finalizers([])

    def _set_finalizers(self, finalizers: list[str]) -> None:
        self.client.patch("pods", NAME, {"metadata": {"finalizers": finalizers}}, self.namespace)

    # -- the spawner -----------------------------------------------------------------------------------------------

    def eventually(self, check: Callable[[], T], timeout: float = WAIT) -> T:
        """Wait until it is so; a failure tells what the spawner has done."""
        try:
            return eventually(check, timeout)
        except AssertionError as error:
            explanation = self.controller.explain(self.key)
            runs = "\n".join(map(str, explanation.history))
            raise AssertionError(f"{error}\n{explanation}\nits runs, the latest first:\n{runs}") from error

    def eventually_equal(self, get: Callable[[], T], expected: T, timeout: float = WAIT) -> None:
        """Wait until it is what is expected."""

        def is_equal() -> bool:
            found = get()
            assert found == expected
            return True

        self.eventually(is_equal, timeout)

    def results(self) -> set[str]:
        """Return how the runs so far have ended, but for wishes to come again."""
        history = self.controller.explain(self.key).history
        return {run.result.replace("requeue_after", "success") for run in history}

    def due_in(self) -> float:
        """Return in how many seconds it looks again, 0 where it does not."""
        return self.controller.explain(self.key).due_in or 0.0

    def reconcile_once(self) -> None:
        """Wait for the end of a run that begins from now on; one that is under way does not count."""
        begun = self.spawner.begun
        self.controller.enqueue(self.key)
        self.eventually(lambda: len(self.controller.explain(self.key).history) > begun)

    def see_pod_go(self) -> None:
        """Wait until the spawner's cache has the pod no more, and it has looked at that."""
        self.eventually(lambda: f"{self.namespace}/{NAME}" not in self.spawner.pods.lister)
        self.reconcile_once()

    def wait_for_result(self, result: str) -> None:
        self.eventually(lambda: result in self.results())

    def events(self) -> list[str]:
        """Return the reasons of what was recorded, in their order."""
        assert self.recorder.flush(20)
        found = self.client.list("events.events.k8s.io", self.namespace)
        return [event["reason"] for event in sorted(found, key=lambda event: str(event["eventTime"]))]
