"""Four informers of different kinds, on both faces, behind one relay, and a server that is written to at random."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

from tests.history import History, eventually
from tests.relay import Relay

from kubeinformer import BackgroundError, SharedInformerFactory, aio
from kubeinformer.fronts.informer import InformerFront
from kubeinformer.testing.control_plane import ControlPlane
from kubeinformer.testing.control_plane.processes import ControlPlaneError

GROUP = "faults.example.com"
CRD = {
    "kind": "CustomResourceDefinition",
    "apiVersion": "apiextensions.k8s.io/v1",
    "metadata": {"name": f"widgets.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}


@dataclasses.dataclass
class Kind:
    """One resource: how it is written, and the cache of it."""

    resource: str
    path: str
    body: dict[str, Any]
    informer: InformerFront
    history: History


class FaultWorld:
    """Writes and caches of ConfigMaps and Widgets (blocking face), Secrets and Nodes (asyncio face).

    Secrets are loaded by a watch and as metadata only; Nodes have no namespace; Widgets are custom resources.
    """

    def __init__(self, control_plane: ControlPlane, namespace: str, relay: Relay, seed: int) -> None:
        self.control_plane = control_plane
        self.relay = relay
        self.random = random.Random(seed)
        self.errors: list[BackgroundError] = []
        self.kinds: list[Kind] = []
        self._namespace = namespace
        self._config = dataclasses.replace(
            control_plane.config, server=f"https://127.0.0.1:{relay.port}", user_agent="fault-run"
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start both factories, and stop them at the end."""
        self.control_plane.install_crd(CRD)
        with (
            self._asyncio_face(),
            SharedInformerFactory(
                self._config, namespaces=[self._namespace], on_error=self.errors.append
            ) as factory,
        ):
            for resource, group in (("configmaps", "api/v1"), (f"widgets.{GROUP}", f"apis/{GROUP}/v1")):
                path = f"/{group}/namespaces/{self._namespace}/{resource.split('.')[0]}"
                informer = factory.informer(resource)
                kind = self._add(resource, path, informer)
                informer.add_event_handler(
                    kind.history.on_add, kind.history.on_update, kind.history.on_delete
                )
            factory.start()
            factory.wait_for_cache_sync(60)
            yield

    @contextmanager
    def _asyncio_face(self) -> Iterator[None]:
        started: Future[None] = Future()
        stop: Future[None] = Future()
        thread = threading.Thread(target=lambda: asyncio.run(self._live(started, stop)), name="aio-face")
        thread.start()
        try:
            started.result(60)
            yield
        finally:
            stop.set_result(None)
            thread.join(60)
            assert not thread.is_alive()

    async def _live(self, started: Future[None], stop: Future[None]) -> None:
        try:
            async with aio.SharedInformerFactory(self._config, on_error=self.errors.append) as factory:
                secrets = factory.informer(
                    "secrets", namespaces=[self._namespace], load="watch", metadata_only=True
                )
                self._add_async("secrets", f"/api/v1/namespaces/{self._namespace}/secrets", secrets)
                nodes = factory.informer("nodes", strip_managed_fields=True)
                self._add_async("nodes", "/api/v1/nodes", nodes)
                await factory.start()
                await factory.wait_for_cache_sync(60)
                started.set_result(None)
                await asyncio.wrap_future(stop)
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise

    def _add_async(self, resource: str, path: str, informer: aio.Informer) -> None:
        history = self._add(resource, path, informer).history

        async def on_add(added: Any) -> None:
            history.on_add(added)

        async def on_update(old: Any, new: Any) -> None:
            await asyncio.sleep(0)
            history.on_update(old, new)

        async def on_delete(deleted: Any) -> None:
            history.on_delete(deleted)

        informer.add_event_handler(on_add, on_update, on_delete)

    def _add(self, resource: str, path: str, informer: InformerFront) -> Kind:
        typed = {"kind": "Widget", "apiVersion": f"{GROUP}/v1"} if resource.startswith("widgets") else {}
        kind = Kind(resource, path, typed, informer, History())
        self.kinds.append(kind)
        return kind

    def write(self, count: int) -> None:
        """Create, change, delete and re-create objects of all kinds; what fails while a server is down is left."""
        for number in range(count):
            try:
                self._write(
                    self.random.choice(self.kinds), f"object-{self.random.randrange(30)}", str(number)
                )
            except (OSError, HTTPException):
                threading.Event().wait(0.1)

    def _write(self, kind: Kind, name: str, value: str) -> None:
        request, body = (
            self.control_plane.request,
            {"metadata": {"name": name, "labels": {"v": value}}, **kind.body},
        )
        match self.random.randrange(5):
            case 0:
                request("DELETE", f"{kind.path}/{name}")
            case 1:
                request("DELETE", f"{kind.path}/{name}")
                request("POST", kind.path, body)
            case _:
                if request("PATCH", f"{kind.path}/{name}", {"metadata": body["metadata"]})[0] == 404:
                    request("POST", kind.path, body)

    # -- faults -------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Reset every connection."""
        self.relay.cut()

    def stall(self) -> None:
        """Let no byte through for a moment."""
        self.relay.stall()
        self.write(20)
        self.relay.flow()

    def refuse(self) -> None:
        """Refuse connections for a moment, after a cut."""
        self.relay.refuses = True
        self.relay.cut()
        self.write(40)
        self.relay.refuses = False

    def kill_api_server(self) -> None:
        """Kill the API server and start it again."""
        self.control_plane.kill_api_server()
        self._start(self.control_plane.start_api_server)

    def pause_api_server(self) -> None:
        """Halt the API server for a moment."""
        self.control_plane.pause_api_server()
        threading.Event().wait(2.0)
        self.control_plane.resume_api_server()

    def kill_etcd(self) -> None:
        """Kill etcd and start it again."""
        self.control_plane.kill_etcd()
        threading.Event().wait(1.0)
        self._start(self.control_plane.start_etcd)

    def pause_etcd(self) -> None:
        """Halt etcd for a moment."""
        self.control_plane.pause_etcd()
        threading.Event().wait(2.0)
        self.control_plane.resume_etcd()

    def expire_history(self) -> None:
        """Make every version that was handed out answer 410."""
        self.control_plane.expire_history()

    @property
    def faults(self) -> list[Callable[[], None]]:
        """All of them."""
        return [
            self.cut,
            self.stall,
            self.refuse,
            self.kill_api_server,
            self.pause_api_server,
            self.kill_etcd,
            self.pause_etcd,
            self.expire_history,
        ]

    def _start(self, start: Callable[[], None]) -> None:
        try:
            start()
        except ControlPlaneError:  # a server that was killed can need a second start
            start()

    # -- quiet points -------------------------------------------------------------------------------------------

    def settle(self, bound: float) -> None:
        """Wait until server, caches and what handlers were told are the same; fail after `bound` seconds."""
        for kind in self.kinds:
            expected = self._on_server(kind)
            eventually(
                lambda kind=kind, expected=expected: (  # type: ignore[misc]  # bound at once
                    _versions(kind) == expected == kind.history.versions()
                ),
                bound,
                lambda kind=kind, expected=expected: (  # type: ignore[misc]  # bound at once
                    kind.resource,
                    kind.informer.status,
                    set(expected.items()) ^ set(_versions(kind).items()),
                ),
            )
            assert kind.history.faults == [], kind.resource

    def _on_server(self, kind: Kind) -> dict[str, str]:
        answers: list[dict[str, Any]] = []

        def is_answered() -> bool:
            try:
                status, listed = self.control_plane.request("GET", kind.path)
            except (OSError, HTTPException):
                return False
            answers.append(listed)
            return status == 200

        eventually(is_answered, 60, str)
        found = [item["metadata"] for item in answers[-1]["items"]]
        return {
            "/".join(part for part in (item.get("namespace"), item["name"]) if part): item["resourceVersion"]
            for item in found
        }


def _versions(kind: Kind) -> dict[str, str]:
    return {found.key: found.resource_version for found in kind.informer.lister.list()}
