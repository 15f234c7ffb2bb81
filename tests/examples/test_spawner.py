"""The spawner of the examples, on both servers, with no more rights than its role gives it.

Neither server runs a kubelet: the tests say themselves how pods are. Neither runs a garbage collector: what a deleted
User owned stays until a test removes it.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from examples.spawner import RESPAWN_SECONDS, USERS, Spawner, timestamp
from tests.programs import running

from kubeinformer import Client, EventRecorder, Invalid, KubernetesObject, NotFound, SharedInformerFactory
from kubeinformer.testing import APIServer, ControlPlane, eventually, eventually_equal
from kubeinformer.testing.yaml_documents import all_from_yaml

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
CRD = EXAMPLES / "spawner_crd.yaml"
KINDS = ("pods", "services", "secrets")
HOUR = 3600
NAME = "user-ada"  # of what belongs to the User ada
[ROLE] = [each for each in all_from_yaml(CRD.read_bytes()) if each["kind"] == "ClusterRole"]


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
        self.spawner = Spawner(factory, self.recorder, self.now)
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
        eventually_equal(lambda: self.status("phase"), phase)

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
        eventually(lambda: self.pod_uid() not in {"", after})
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

    def results(self) -> set[str]:
        """Return how the runs so far have ended, but for wishes to come again."""
        history = self.controller.explain(self.key).history
        return {run.result.replace("requeue_after", "success") for run in history}

    def due_in(self) -> float:
        """Return in how many seconds it looks again, 0 where it does not."""
        return self.controller.explain(self.key).due_in or 0.0

    def reconcile_once(self) -> None:
        """Let it look once more, and wait for the end of that."""
        runs = len(self.controller.explain(self.key).history)
        self.controller.enqueue(self.key)
        eventually(lambda: len(self.controller.explain(self.key).history) > runs)

    def wait_for_reason(self, reason: str) -> None:
        """Wait for the end of a run that had this reason."""
        eventually(lambda: reason in {run.reason for run in self.controller.explain(self.key).history})

    def wait_for_result(self, result: str) -> None:
        eventually(lambda: result in self.results())

    def events(self) -> list[str]:
        """Return the reasons of what was recorded, in their order."""
        assert self.recorder.flush(20)
        found = self.client.list("events.events.k8s.io", self.namespace)
        return [event["reason"] for event in sorted(found, key=lambda event: str(event["eventTime"]))]


@pytest.fixture
def hub(kubernetes_server: APIServer | ControlPlane, kubernetes_namespace: str) -> Iterator[Hub]:
    with ExitStack() as stack:
        yield Hub(kubernetes_server, kubernetes_namespace, stack)


def test_a_user_gets_one_of_each_however_often_something_happens(hub: Hub) -> None:
    """Invariant 235: a hundred changes are worth one pod, one service and one secret, all owned by the User."""
    user = hub.create_user()
    for number in range(100):
        annotations = {"metadata": {"annotations": {"number": str(number)}}}
        hub.client.patch(USERS, "ada", annotations, hub.namespace)
        hub.controller.enqueue(hub.key)
    hub.wait_for_pod()
    hub.set_pod_phase("Running")
    assert hub.status("url") == f"http://{NAME}.{hub.namespace}.svc"
    assert hub.existing() == dict.fromkeys(KINDS, 1)
    assert hub.results() == {"success"}  # it would be an error to create something a second time
    for kind in KINDS:
        found = hub.find(kind)
        assert found is not None
        [owner] = found.owner_references
        assert (owner.uid, owner.kind, owner.controller) == (user.uid, "User", True)
    eventually_equal(hub.events, ["Spawned"])


def test_nothing_is_written_where_nothing_differs(hub: Hub) -> None:
    """However often a key is reconciled."""
    hub.create_user()
    hub.wait_for_pod()
    hub.set_pod_phase("Running")
    before = hub.user().resource_version
    for _ in range(5):
        hub.reconcile_once()
    assert hub.user().resource_version == before


def test_a_pod_that_is_lost_is_made_again(hub: Hub) -> None:
    """Deleted by force, as when a node is gone; the token stays what it was."""
    hub.create_user()
    first, token = hub.wait_for_pod(), hub.token()
    hub.client.delete("pods", NAME, hub.namespace, grace_period_seconds=0)
    second = hub.wait_for_pod(after=first.uid)
    hub.set_pod_phase("Running")
    assert second.uid != first.uid
    assert hub.token() == token
    eventually_equal(hub.events, ["Spawned"])  # twice, which is one series


def test_a_pod_that_is_being_deleted_is_waited_for(hub: Hub) -> None:
    """Its name is taken until it is gone."""
    hub.create_user()
    first = hub.wait_for_pod()
    hub.hold_pod()
    hub.client.delete("pods", NAME, hub.namespace)
    hub.wait_for_phase("Terminating")
    assert hub.results() == {"success"}  # nobody has tried to make another one
    hub.let_pod_go()
    hub.wait_for_pod(after=first.uid)
    hub.wait_for_phase("Pending")


def test_a_pod_that_has_failed_is_replaced_after_a_while(hub: Hub) -> None:
    """Not at once: some pods fail as soon as they are made."""
    hub.create_user()
    first = hub.wait_for_pod()
    hub.set_pod_phase("Failed")
    eventually(lambda: 1 < hub.due_in() <= RESPAWN_SECONDS)
    assert hub.pod_uid() == first.uid
    hub.skip(RESPAWN_SECONDS)
    hub.wait_for_pod(after=first.uid)
    hub.wait_for_phase("Pending")
    eventually_equal(hub.events, ["Spawned", "Replaced"])


def test_a_user_that_is_stopped_keeps_the_secret(hub: Hub) -> None:
    """And the service; when it may run again there is a new pod, with the old token."""
    hub.create_user(idleSeconds=HOUR)
    first, token = hub.wait_for_pod(), hub.token()
    hub.change_user(stopped=True)
    hub.wait_for_phase("Stopped")
    assert hub.existing() == {"pods": 0, "services": 1, "secrets": 1}
    assert (hub.status("url"), hub.status("lastActivity")) == (None, None)
    hub.skip(2 * HOUR)  # more than it may be idle
    hub.change_user(stopped=False)
    hub.wait_for_pod(after=first.uid)
    hub.wait_for_phase("Pending")
    assert hub.token() == token
    eventually_equal(hub.events, ["Spawned", "Stopped"])


def test_an_idle_user_is_culled_until_there_is_activity(hub: Hub) -> None:
    """The next look is due when it would be idle; what the proxy writes postpones that, and brings the pod back."""
    hub.create_user(idleSeconds=HOUR)
    first = hub.wait_for_pod()
    hub.set_pod_phase("Running")
    eventually(lambda: HOUR / 2 < hub.due_in() <= HOUR)
    hub.skip(HOUR - 10)
    hub.see_activity()
    hub.skip(60)
    hub.reconcile_once()
    assert hub.pod_uid() == first.uid
    hub.skip(HOUR)
    hub.wait_for_phase("Culled")
    assert hub.existing() == {"pods": 0, "services": 1, "secrets": 1}
    hub.see_activity()
    hub.wait_for_pod()
    hub.wait_for_phase("Pending")
    eventually_equal(hub.events, ["Spawned", "Culled"])


def test_the_idle_are_culled_by_the_clock_alone(hub: Hub) -> None:
    """Nothing else has to happen."""
    hub.create_user(idleSeconds=1)
    hub.wait_for_phase("Culled")
    assert hub.existing()["pods"] == 0


def test_a_pod_that_the_server_refuses_is_not_tried_for_ever(hub: Hub) -> None:
    """An event says why, and the next change of the User may help."""
    in_memory = isinstance(hub.server, APIServer)
    if isinstance(hub.server, APIServer):  # it takes any spec
        refusal = hub.server.every_request(verb="create", resource="pods").answers(422)
    hub.create_user(image=" blank")
    hub.wait_for_result("terminal_error")
    eventually_equal(hub.due_in, 0.0)
    assert "error" not in hub.results()
    if in_memory:
        refusal.lift()
    hub.change_user(image="notebook:2")
    hub.wait_for_pod()
    eventually_equal(hub.events, ["Refused", "Spawned"])


def test_what_a_deleted_user_owned_is_left_to_the_garbage_collector(hub: Hub) -> None:
    """Case C34: nothing is made for a User that is gone; one of the same name waits for what has its names."""
    hub.create_user()
    first, token = hub.wait_for_pod(), hub.token()
    hub.client.delete(USERS, "ada", hub.namespace)
    eventually(lambda: hub.key not in hub.spawner.users.lister)
    hub.client.delete("pods", NAME, hub.namespace, grace_period_seconds=0)  # we are the garbage collector
    hub.wait_for_reason(f"pods {hub.key.replace('ada', NAME)} was deleted")
    assert hub.existing() == {"pods": 0, "services": 1, "secrets": 1}
    user = hub.create_user()
    hub.wait_for_result("error")  # the secret's name is taken
    assert hub.token() == token
    for kind in ("services", "secrets"):
        hub.client.delete(kind, NAME, hub.namespace)
    second = hub.wait_for_pod(after=first.uid)
    assert [owner.uid for owner in second.owner_references] == [user.uid]
    hub.wait_for_phase("Pending")
    assert hub.token() != token


def test_a_user_that_is_being_deleted_is_left_alone(hub: Hub) -> None:
    """As when its deletion is to wait for what it owns: a pod made now would keep it."""
    hub.create_user()
    hub.wait_for_pod()
    finalizers = {"metadata": {"finalizers": ["example.com/hold"]}}
    hub.client.patch(USERS, "ada", finalizers, hub.namespace)
    hub.client.delete(USERS, "ada", hub.namespace)
    eventually(lambda: hub.spawner.users.lister.get("ada", hub.namespace).deletion_timestamp)
    hub.client.delete("pods", NAME, hub.namespace, grace_period_seconds=0)
    hub.wait_for_reason(f"pods {hub.key.replace('ada', NAME)} was deleted")
    assert hub.pod_uid() == ""
    hub.client.patch(USERS, "ada", {"metadata": {"finalizers": []}}, hub.namespace)


@pytest.mark.kubernetes_servers("memory")
def test_nobody_is_culled_by_a_cache_that_is_behind(hub: Hub) -> None:
    """The server knows of an activity, and the cache does not yet: the pod stays."""
    server = hub.server
    assert isinstance(server, APIServer)
    hub.create_user(idleSeconds=HOUR)
    pod = hub.wait_for_pod()
    hub.set_pod_phase("Running")
    hub.reconcile_once()
    with server.every_request(verb="watch", resource=USERS).answers(503):
        server.close_watches(USERS)
        hub.skipped += HOUR + 1
        server.patch(USERS, "ada", {"status": {"lastActivity": timestamp(hub.now())}}, hub.namespace)
        hub.reconcile_once()
        server.requests.assert_at_most(0, "delete")
    eventually(lambda: hub.due_in() > HOUR / 2)
    assert (hub.pod_uid(), hub.status("phase")) == (pod.uid, "Running")


@pytest.mark.kubernetes_servers("memory")
def test_a_server_that_fails_for_a_while_delays_it_and_no_more(hub: Hub) -> None:
    """Refusals and cuts; answers that are lost after a pod was made, or deleted; a history that has expired."""
    server = hub.server
    assert isinstance(server, APIServer)
    faults = [
        server.next_request(2, verb="create", resource="secrets").answers(503),
        server.next_request(2, verb="create", resource="services").resets(),
        server.next_request(verb="create", resource="pods").breaks_off(0),
        server.next_request(2, verb="patch", resource=USERS).answers(429),
        server.next_request(verb="delete", resource="pods").breaks_off(0),
    ]
    hub.create_user()
    first = hub.wait_for_pod()
    hub.wait_for_phase("Pending")
    assert hub.existing() == dict.fromkeys(KINDS, 1)
    with server.refuse_connections():
        hub.controller.enqueue(hub.key)
        server.delete("pods", NAME, hub.namespace)
    server.expire_history()
    eventually(lambda: hub.pod_uid() not in {"", first.uid}, 30)
    token = hub.token()
    hub.change_user(stopped=True)
    eventually_equal(lambda: hub.status("phase"), "Stopped", 30)
    assert hub.existing() == {"pods": 0, "services": 1, "secrets": 1}
    assert hub.token() == token
    assert [fault.hits for fault in faults] == [2, 2, 1, 2, 1]
    assert "error" in hub.results()


@pytest.mark.kubernetes_servers("real")
def test_the_definition_refuses_what_could_not_be_spawned(hub: Hub) -> None:
    """A name that is no part of a DNS label, and a User without an image."""
    for name, spec in (("ada.lovelace", {"image": "notebook:1"}), ("ada", {})):
        with pytest.raises(Invalid):
            hub.client.create(USERS, {"metadata": {"name": name}, "spec": spec}, hub.namespace)


def test_the_program_runs_until_it_is_told_to_end(
    kubernetes_api_server: APIServer, kubernetes_namespace: str
) -> None:
    """From the command line, by the name of a context."""
    server = kubernetes_api_server
    server.install_crd(CRD)
    server.user("restricted", ROLE["rules"], kubernetes_namespace)
    options = ["--kubeconfig", server.kubeconfig, "--context", "restricted"]
    command = [sys.executable, str(EXAMPLES / "spawner.py"), *options, "--namespace", kubernetes_namespace]
    with running(command) as program:
        user = {"metadata": {"name": "ada"}, "spec": {"image": "notebook:1"}}
        server.create(USERS, user, kubernetes_namespace)
        eventually(lambda: server.count("pods") == 1, 30)
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=20)
    assert (program.returncode, errors) == (0, "")
    assert [event["reason"] for event in server.list_objects("events.events.k8s.io")] == ["Spawned"]
