"""A small in-memory Kubernetes API server over real HTTP, and its troubles on demand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from kubeinformer.resources import Resource
from kubeinformer.testing.api_server.built_in_resources import built_in_resources
from kubeinformer.testing.api_server.discovery_documents import version_document
from kubeinformer.testing.api_server.faults import (
    Action,
    CutConnection,
    Fault,
    Faults,
    Predicate,
    Respond,
    Stall,
    any_request,
)
from kubeinformer.testing.api_server.http_handlers import HttpHandlers
from kubeinformer.testing.api_server.object_access import ObjectAccess
from kubeinformer.testing.api_server.object_documents import encode
from kubeinformer.testing.api_server.object_storage import ObjectStorage
from kubeinformer.testing.api_server.registry import Registry
from kubeinformer.testing.api_server.request_log import RequestLog, RequestRecord
from kubeinformer.testing.api_server.resource_table import ResourceTable
from kubeinformer.testing.api_server.served_resources import ServedResource
from kubeinformer.testing.api_server.server_access import ServerAccess
from kubeinformer.testing.api_server.server_information import ServerInformation
from kubeinformer.testing.api_server.server_thread import ServerThread
from kubeinformer.testing.api_server.watch_streams import RunningWatch, WatchHub


class APIServer(ObjectAccess, ServerAccess):
    """Everything that kube-apiserver has, and what else it is given, on 127.0.0.1; ready in milliseconds.

        with APIServer() as server:
            server.create("configmaps", {"metadata": {"name": "settings"}, "data": {"color": "blue"}})
            factory = SharedInformerFactory(server.config)

    It behaves as kube-apiserver 1.37 does in what informers and controllers see: discovery, lists with their versions
    and pages, watches, conflicts, finalizers, namespaces and CRDs that come and go, Status objects. It fills in no
    defaults and checks no schemas; docs/not_emulated.md has the list. Any thread may call any method.

    Args:
        resources: More resources; a plain Resource follows the rules of custom resources.
        history_limit: The number of changes kept for each resource. Lists and watches from before get 410 Expired.
        bookmark_interval: Seconds between the bookmarks of a watch.
        version: What /version says, such as `v1.37.2`.
        tls: Whether it speaks HTTPS, and takes client certificates; needs `kubeinformer[testing]`.
        anonymous: Whether requests without known credentials are answered, as a user's who may do everything. If
            not, they get 401; `.config` and `.kubeconfig` have credentials in any case.

    Attributes:
        requests: All requests that came over HTTP.
    """

    def __init__(
        self,
        *,
        resources: Iterable[Resource | ServedResource] = (),
        history_limit: int = 10_000,
        bookmark_interval: float = 60.0,
        version: str = "v1.37.2",
        tls: bool = False,
        anonymous: bool = True,
    ) -> None:
        lock = threading.RLock()
        self._hub = WatchHub(lock)
        table = ResourceTable((*built_in_resources(version), *resources))
        self._information = ServerInformation(table, version)
        storage = ObjectStorage(history_limit, on_change=self._hub.notify)
        registry = Registry(storage, table)
        ObjectAccess.__init__(self, table, storage, registry, lock)
        ServerAccess.__init__(self, tls=tls, anonymous=anonymous)
        self.requests = RequestLog()
        self._faults = Faults()
        self._handlers = HttpHandlers(
            table,
            self._information,
            self._access,
            storage,
            registry,
            lock=lock,
            hub=self._hub,
            faults=self._faults,
            log=self.requests,
            bookmark_interval=bookmark_interval,
            wall_time=time.time,
        )
        self.version = version
        self._server = ServerThread(self._handlers.handle, on_loop=self._hub.attach, tls=self._server_tls())

    def start(self) -> None:
        """Serve on a free port; when this returns, connections are accepted.

        Raises:
            RuntimeError: It runs already.
        """
        self._server.start()

    def stop(self) -> None:
        """Cut all connections and end; the objects stay. Harmless when it does not run."""
        self._server.stop()
        self._remove_files()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it serves, such as `http://127.0.0.1:40001`.

        Raises:
            RuntimeError: It does not run.
        """
        if not self._server.running:
            raise RuntimeError("this server does not run: enter it with `with`, or start() it")
        return f"{self._server.scheme}://127.0.0.1:{self._server.port}"

    @property
    def version(self) -> str:
        """What /version says, such as `v1.37.2`; may be set at any time."""
        return self._information.version

    @version.setter
    def version(self, version: str) -> None:
        version_document(version)
        self._information.version = version

    @property
    def watches(self) -> list[RequestRecord]:
        """The requests of the watches that run."""
        return [watch.record for watch in self._hub.running()]

    def wait_for_watches(self, count: int = 1, resource: str | None = None, timeout: float = 5.0) -> None:
        """Wait until at least `count` watches run, of one resource (`pods`, `deployments.apps`) or all.

        Raises:
            TimeoutError: They did not in `timeout` seconds; the message shows those that do.
        """
        self._hub.wait_for(count, resource, timeout)

    def send_bookmarks(self, resource: str | None = None) -> None:
        """Send a bookmark now to each watch that asked for bookmarks."""
        self._for_watches(resource, RunningWatch.send_bookmark)

    def send_raw_to_watches(self, data: bytes, resource: str | None = None) -> None:
        """Send bytes as they are to each running watch, after everything written so far."""
        self._for_watches(resource, lambda watch: watch.send_raw(data))

    def close_watches(self, resource: str | None = None) -> None:
        """End the running watches cleanly: they tell what was written so far, and nothing later."""
        self._for_watches(resource, RunningWatch.end)

    def expire_history(self) -> None:
        """Forget everything before the present and end the running watches; older versions get 410 Expired."""
        self._server.call(lambda: self._end_watches_and(self._storage.compact))

    def restart(self) -> None:
        """Do what a restart of a real server shows: all connections end, and its watch window is gone.

        Objects, versions and pages stay. A watch from before gets 410 Expired if anything was written since.
        """
        self._server.stop_listening()
        self._server.call(lambda: self._end_watches_and(self._storage.forget_watch_window))
        self._server.close_connections()
        self._server.listen_again()

    def cut_connections(self, *, reset: bool = True) -> None:
        """Break all TCP connections in mid-body: by RST, or by FIN where `reset` is false."""
        self._server.cut_connections(reset=reset)

    def stop_listening(self) -> None:
        """Refuse new connections; open ones stay open, and the port stays ours."""
        self._server.stop_listening()

    def listen_again(self) -> None:
        """Accept connections again, on the same port."""
        self._server.listen_again()

    @contextmanager
    def refuse_connections(self) -> Iterator[None]:
        """Be down for the length of a block: connections are cut, and new ones refused."""
        self.stop_listening()
        self.cut_connections()
        try:
            yield
        finally:
            self.listen_again()

    def respond_next(
        self,
        status: int = 200,
        body: bytes | str | Mapping[str, Any] = b"",
        *,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        matching: Predicate = any_request,
        times: int = 1,
    ) -> None:
        """Answer the next `times` requests that match with this, instead of the truth.

        Args:
            status: The HTTP status.
            body: Bytes or text as they are, or a mapping to be sent as JSON.
            headers: Such as `{"Retry-After": "1"}`.
            content_type: The type of the body.
            matching: Takes a request's record and says whether it is meant. It runs on the server's loop.
            times: How often.
        """
        raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else encode(body)
        self._arm(Respond(status, raw, content_type, headers or {}), matching, times)

    def cut_next(self, *, matching: Predicate = any_request, times: int = 1) -> None:
        """Reset the connection of the next `times` requests that match, instead of an answer."""
        self._arm(CutConnection(), matching, times)

    @contextmanager
    def stall(self, matching: Predicate = any_request) -> Iterator[None]:
        """Be silent for the length of a block: matching requests wait, and running watches say nothing.

        Connections stay open and new ones are accepted, as when the server hangs or packets are dropped.
        """
        stall = Stall(matching)
        self._server.call(lambda: self._faults.stall(stall))
        try:
            yield
        finally:
            self._server.call(lambda: self._faults.lift(stall))

    def disarm_faults(self) -> None:
        """Forget what `respond_next` and `cut_next` still hold ready, and lift all stalls."""
        self._server.call(self._faults.disarm_all)

    def _arm(self, action: Action, matching: Predicate, times: int) -> None:
        self._server.call(lambda: self._faults.arm(Fault(action, matching, times)))

    def _for_watches(self, resource: str | None, action: Callable[[RunningWatch], object]) -> None:
        def act() -> None:
            for watch in self._hub.running(resource):
                action(watch)

        self._server.call(act)

    def _end_watches_and(self, action: Callable[[], object]) -> None:
        with self._lock:
            for watch in self._hub.running():
                watch.end()
            action()
