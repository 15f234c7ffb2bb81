"""A spawner in the manner of JupyterHub: who has a User object has a server of their own, while they use it.

kubectl apply -f examples/spawner_crd.yaml
python examples/spawner.py [--kubeconfig FILE] [--context NAME] [--namespace NAMESPACE]

Each User has a Secret with a token, which is made once, and a Service; and a Pod, but not while `spec.stopped`, nor once
`status.lastActivity` is `spec.idleSeconds` ago. Whoever sees the traffic (a proxy) writes that time; a new one brings the
pod back. What a User owned when it was deleted is removed by the cluster's garbage collector.

`reconcile` never asks what has happened. It compares what is there with what should be, both from the caches, does the
next step, and is called again at the next change: so it is right after crashes, lost answers and outages, too. Where a
cache is behind, the server has the last word: names are fixed, so there is no second pod; and the status is written
first, and only to the User that was read, so no pod goes whose user was active just now.
"""

import logging
import secrets
import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from kubeinformer import (
    Conflict,
    Controller,
    EventRecorder,
    Forbidden,
    Informer,
    Invalid,
    KubernetesObject,
    NotFound,
    Request,
    Result,
    SharedInformerFactory,
    TerminalError,
    load_config,
    owner_of,
    requeue_after,
    set_controller_reference,
)

USERS, LABEL = "users.spawner.example.com", "spawner.example.com/user"
PORT = 8888
RESPAWN_SECONDS = 10.0  # from one pod to the next where they fail
NEVER = float("inf")
Event = tuple[Literal["Normal", "Warning"], str, str]  # type, reason, note


class Plan(NamedTuple):
    phase: str
    again_in: float = NEVER  # seconds until the next look, if nothing changes before
    step: Literal["", "spawn", "remove"] = ""
    event: Event = ("Normal", "", "")  # recorded after the step


def plan(spec: dict[str, Any], last_activity: str | None, pod: KubernetesObject | None, now: float) -> Plan:
    """Decide what is to be done about the pod of a User."""
    idle_in = NEVER
    if last_activity and "idleSeconds" in spec:
        idle_in = seconds(last_activity) + spec["idleSeconds"] - now
    if pod is not None and pod.deletion_timestamp is not None:
        return Plan("Terminating")  # its name is taken until it is gone, which is a change
    if last_activity is None or idle_in <= 0:
        reason = "Culled" if last_activity else "Stopped"
        event: Event = ("Normal", reason, f"last activity: {last_activity}")
        return Plan("Terminating", NEVER, "remove", event) if pod else Plan(reason)
    if pod is None:
        return Plan("Pending", idle_in, "spawn", ("Normal", "Spawned", f"made a pod of {spec['image']}"))
    phase = (pod.get("status") or {}).get("phase", "Pending")
    if phase not in ("Failed", "Succeeded"):
        return Plan(phase, idle_in)
    respawn_in = seconds(pod["metadata"]["creationTimestamp"]) + RESPAWN_SECONDS - now
    if respawn_in > 0:  # some fail as soon as they are made
        return Plan(phase, min(idle_in, respawn_in))
    return Plan("Terminating", NEVER, "remove", ("Warning", "Replaced", f"the pod has ended: {phase}"))


class Spawner:
    def __init__(
        self, factory: SharedInformerFactory, recorder: EventRecorder, now: Callable[[], float] = time.time
    ) -> None:
        self.client, self.recorder, self.now = factory.client, recorder, now
        self.users = factory.informer(USERS)
        self.pods = factory.informer("pods", label_selector=LABEL)
        # Of these only the existence counts; so no token is kept in memory.
        self.services = factory.informer("services", label_selector=LABEL, metadata_only=True)
        self.secrets = factory.informer("secrets", label_selector=LABEL, metadata_only=True)
        # A User waits until the caches show what its last run wrote; else that would be tried a second time.
        self.controller = Controller("spawner", self.reconcile, workers=4, read_your_writes=True)
        self.controller.watch(self.users)
        for informer in (self.pods, self.services, self.secrets):
            self.controller.watch(informer, owner_of("spawner.example.com/v1", "User"))

    def reconcile(self, request: Request) -> Result:
        user = self.users.indexer.get_by_key(request.key)
        if user is None or user.deletion_timestamp is not None:
            return None  # what it owns is the garbage collector's now
        if self.owned(self.secrets, user) is None:
            self.create("secrets", user, stringData={"token": secrets.token_urlsafe(32)})
        if self.owned(self.services, user) is None:
            ports = [{"port": 80, "targetPort": PORT}]
            self.create("services", user, spec={"selector": {LABEL: user.name}, "ports": ports})
        spec, status, pod = user["spec"], user.get("status") or {}, self.owned(self.pods, user)
        # A start counts as activity, so that a User is not idle after a week in which it was stopped.
        last_activity = None if spec.get("stopped") else status.get("lastActivity") or timestamp(self.now())
        todo = plan(spec, last_activity, pod, self.now())
        url = f"http://{child_name(user)}.{user.namespace}.svc" if todo.phase == "Running" else None
        wanted = {"phase": todo.phase, "url": url, "lastActivity": last_activity}
        changes = {field: value for field, value in wanted.items() if status.get(field) != value}
        if (
            changes or todo.step == "remove"
        ):  # also where nothing changes: then it asks the server for its consent
            patch = {"metadata": {"resourceVersion": user.resource_version}, "status": changes}
            try:
                self.client.patch(USERS, user.name, patch, user.namespace, subresource="status")
            except (Conflict, NotFound):
                return None  # the User has changed; the cache shows it soon, and that is the next run
        if todo.step == "spawn":
            self.spawn(user)
        elif todo.step == "remove" and pod is not None:
            with suppress(NotFound):  # somebody was faster
                self.client.delete("pods", pod.name, pod.namespace, uid=pod.uid)  # this pod, not a later one
        if todo.step:
            self.recorder.event(user, *todo.event)
        return requeue_after(todo.again_in) if todo.again_in < NEVER else None

    def spawn(self, user: KubernetesObject) -> None:
        token = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": child_name(user), "key": "token"}}}
        ports = [{"containerPort": PORT}]
        server = {"name": "server", "image": user["spec"]["image"], "ports": ports, "env": [token]}
        try:
            self.create("pods", user, spec={"containers": [server], "automountServiceAccountToken": False})
        except Invalid as error:
            raise TerminalError(str(error)) from error  # only a change of the User can help

    def owned(self, informer: Informer, user: KubernetesObject) -> KubernetesObject | None:
        # That of an earlier User of the name will be collected. Until then `create` fails, and the User comes again.
        found = informer.indexer.get_by_key(f"{user.namespace}/{child_name(user)}")
        return found if found and any(owner.uid == user.uid for owner in found.owner_references) else None

    def create(self, resource: str, user: KubernetesObject, **content: Any) -> None:
        metadata = {"name": child_name(user), "namespace": user.namespace, "labels": {LABEL: user.name}}
        try:
            self.client.create(resource, set_controller_reference(user, {"metadata": metadata, **content}))
        except (Forbidden, Invalid, Conflict) as error:  # such as a quota, or somebody else's of this name
            self.recorder.event(user, "Warning", "Refused", error.message)
            raise


def child_name(user: KubernetesObject) -> str:
    return f"user-{user.name}"


def seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("--kubeconfig", help="else $KUBECONFIG, ~/.kube/config, or the pod's service account")
    parser.add_argument("--context", help="else the current one")
    parser.add_argument("--namespace", action="append", help="watch this one alone; may be given again")
    options = parser.parse_args()
    config = load_config(options.kubeconfig, options.context)
    with (
        SharedInformerFactory(config, namespaces=options.namespace) as factory,
        EventRecorder(config, "spawner") as recorder,
    ):
        Spawner(factory, recorder).controller.run()  # until Ctrl-C or SIGTERM


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    main()
