"""A small in-memory Kubernetes API server over real HTTP, and its troubles on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from kubeinformer.clock import Clock, SystemClock
from kubeinformer.resources import Resource
from kubeinformer.testing.api_server.built_in_resources import built_in_resources
from kubeinformer.testing.api_server.discovery_documents import version_document
from kubeinformer.testing.api_server.fault_control import FaultControl
from kubeinformer.testing.api_server.faults import Faults, Predicate, any_request
from kubeinformer.testing.api_server.http_handlers import HttpHandlers
from kubeinformer.testing.api_server.object_access import ObjectAccess
from kubeinformer.testing.api_server.object_storage import ObjectStorage
from kubeinformer.testing.api_server.registry import Registry
from kubeinformer.testing.api_server.request_log import RequestLog, RequestRecord
from kubeinformer.testing.api_server.resource_table import ResourceTable
from kubeinformer.testing.api_server.served_resources import ServedResource
from kubeinformer.testing.api_server.server_access import ServerAccess
from kubeinformer.testing.api_server.server_information import ServerInformation
from kubeinformer.testing.api_server.server_life import ServerLife
from kubeinformer.testing.api_server.server_thread import ServerThread
from kubeinformer.testing.api_server.watch_streams import WatchHub
from kubeinformer.testing.fake_clock import FakeClock


class APIServer(ObjectAccess, ServerAccess, FaultControl, ServerLife):
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
        clock: Measures bookmarks, the ends of watches, timestamps and faults; a FakeClock is moved by `advance`.

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
        clock: Clock | None = None,
    ) -> None:
        lock = threading.RLock()
        self._clock = clock or SystemClock()
        self._hub = WatchHub(lock)
        table = ResourceTable((*built_in_resources(version), *resources))
        self._information = ServerInformation(table, version)
        storage = ObjectStorage(history_limit, on_change=self._hub.notify)
        registry = Registry(storage, table, self._clock.time)
        ObjectAccess.__init__(self, table, storage, registry, lock)
        ServerAccess.__init__(self, tls=tls, anonymous=anonymous)
        self.requests = RequestLog()
        faults = Faults(self._clock.now)
        FaultControl.__init__(self, faults, self._on_loop, self._clock.now)
        self._handlers = HttpHandlers(
            table,
            self._information,
            self._access,
            storage,
            registry,
            lock=lock,
            hub=self._hub,
            faults=faults,
            log=self.requests,
            bookmark_interval=bookmark_interval,
            clock=self._clock,
        )
        self.version = version
        server = ServerThread(self._handlers.handle, on_loop=self._hub.attach, tls=self._server_tls())
        ServerLife.__init__(self, server, self._hub, storage, registry, lock)

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
        """Answer the next requests that match with this: `next_request(times, matching=...).answers(...)`."""
        wanted = self.next_request(times, matching=matching)
        wanted.answers(status, body, headers=headers, content_type=content_type)

    def cut_next(self, *, matching: Predicate = any_request, times: int = 1) -> None:
        """Reset the connection of the next requests that match: `next_request(times, matching=...).resets()`."""
        self.next_request(times, matching=matching).resets()

    def advance(self, seconds: float) -> None:
        """Move the server's FakeClock: bookmarks and watches that are due come and end now.

        Raises:
            TypeError: The server has another clock.
        """
        clock = self._clock
        if not isinstance(clock, FakeClock):
            raise TypeError("only a FakeClock can be moved: APIServer(clock=FakeClock())")
        self._on_loop(lambda: clock.advance(seconds))

    def _on_loop(self, function: Callable[[], object]) -> object:
        return self._server.call(function)
