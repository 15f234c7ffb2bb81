"""The spawner of the examples, on both servers, with no more rights than its role gives it.

Neither server runs a kubelet: the tests say themselves how pods are. Neither runs a garbage collector: what a deleted
User owned stays until a test removes it.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from examples.spawner import RESPAWN_SECONDS, USERS, timestamp
from tests.examples.spawner_hub import CRD, EXAMPLES, KINDS, NAME, ROLE, Hub
from tests.programs import running

from kubeinformer import Invalid
from kubeinformer.testing import APIServer, ControlPlane, eventually

HOUR = 3600


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
    hub.eventually_equal(hub.events, ["Spawned"])


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
    hub.eventually_equal(hub.events, ["Spawned"])  # twice, which is one series


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
    hub.eventually(lambda: 1 < hub.due_in() <= RESPAWN_SECONDS)
    assert hub.pod_uid() == first.uid
    hub.skip(RESPAWN_SECONDS)
    hub.wait_for_pod(after=first.uid)
    hub.wait_for_phase("Pending")
    hub.eventually_equal(hub.events, ["Spawned", "Replaced"])


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
    hub.eventually_equal(hub.events, ["Spawned", "Stopped"])


def test_an_idle_user_is_culled_until_there_is_activity(hub: Hub) -> None:
    """The next look is due when it would be idle; what the proxy writes postpones that, and brings the pod back."""
    hub.create_user(idleSeconds=HOUR)
    first = hub.wait_for_pod()
    hub.set_pod_phase("Running")
    hub.eventually(lambda: HOUR / 2 < hub.due_in() <= HOUR)
    hub.skip(HOUR / 2)
    hub.see_activity()
    hub.skip(HOUR / 2 + 60)  # after the start that is more than an hour
    hub.reconcile_once()
    assert hub.pod_uid() == first.uid
    hub.skip(HOUR)
    hub.wait_for_phase("Culled")
    assert hub.existing() == {"pods": 0, "services": 1, "secrets": 1}
    hub.see_activity()
    hub.wait_for_pod()
    hub.wait_for_phase("Pending")
    hub.eventually_equal(hub.events, ["Spawned", "Culled"])


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
    hub.eventually_equal(hub.due_in, 0.0)
    assert "error" not in hub.results()
    if in_memory:
        refusal.lift()
    hub.change_user(image="notebook:2")
    hub.wait_for_pod()
    hub.eventually_equal(hub.events, ["Refused", "Spawned"])


def test_what_a_deleted_user_owned_is_left_to_the_garbage_collector(hub: Hub) -> None:
    """Case C34: nothing is made for a User that is gone; one of the same name waits for what has its names."""
    hub.create_user()
    first, token = hub.wait_for_pod(), hub.token()
    hub.client.delete(USERS, "ada", hub.namespace)
    hub.eventually(lambda: hub.key not in hub.spawner.users.lister)
    hub.client.delete("pods", NAME, hub.namespace, grace_period_seconds=0)  # we are the garbage collector
    hub.see_pod_go()
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
    hub.eventually(lambda: hub.spawner.users.lister.get("ada", hub.namespace).deletion_timestamp)
    hub.client.delete("pods", NAME, hub.namespace, grace_period_seconds=0)
    hub.see_pod_go()
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
    hub.eventually(lambda: hub.due_in() > HOUR / 2)
    assert (hub.pod_uid(), hub.status("phase")) == (pod.uid, "Running")


@pytest.mark.kubernetes_servers("memory")
def test_a_pod_that_could_not_be_removed_is_asked_about_again(hub: Hub) -> None:
    """Its User may be active by then: what the status says already is no consent of the server's."""
    server = hub.server
    assert isinstance(server, APIServer)
    hub.create_user(idleSeconds=HOUR)
    pod = hub.wait_for_pod()
    hub.set_pod_phase("Running")
    with server.every_request(verb="delete", resource="pods").answers(500) as fault:
        hub.skip(HOUR + 1)
        hub.eventually(lambda: fault.hits and hub.status("phase") == "Terminating")
        hub.reconcile_once()  # so the cache has that phase
        with server.every_request(verb="watch", resource=USERS).answers(503):
            server.close_watches(USERS)
            server.patch(USERS, "ada", {"status": {"lastActivity": timestamp(hub.now())}}, hub.namespace)
            hub.reconcile_once()  # after a run that had the server's consent just before
            deletions = fault.hits
            hub.reconcile_once()
            assert fault.hits == deletions
    hub.wait_for_phase("Running")
    assert hub.pod_uid() == pod.uid


def test_what_cannot_be_made_is_told(hub: Hub) -> None:
    """As where somebody else has the name: by an event, and it is tried again."""
    secret = {"metadata": {"name": NAME}}
    hub.client.create("secrets", secret, hub.namespace)
    hub.create_user()
    hub.wait_for_result("error")
    hub.eventually(lambda: "Refused" in hub.events())
    hub.client.delete("secrets", NAME, hub.namespace)
    hub.controller.enqueue(hub.key)  # nothing tells of what is not its own
    hub.wait_for_pod()


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
    hub.eventually(lambda: hub.pod_uid() not in {"", first.uid})
    token = hub.token()
    hub.change_user(stopped=True)
    hub.wait_for_phase("Stopped")
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
