"""A real etcd and kube-apiserver for tests: what a fake says about resourceVersions, only these can prove."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from kubeinformer.testing.control_plane import cluster_duties, users
from kubeinformer.testing.control_plane.binaries import API_SERVER, ETCD, find_binaries
from kubeinformer.testing.control_plane.processes import ControlPlaneError
from kubeinformer.testing.control_plane.servers import PortTaken, Servers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from kubeinformer.client.config import Config

_START_ATTEMPTS = 3


class ControlPlane:
    """etcd and kube-apiserver on 127.0.0.1, ready after about 3 s, and gone for certain at the end.

        with ControlPlane() as control_plane:
            status, pods = control_plane.request("GET", "/api/v1/pods")

    The programs come from the folder named by `KUBEBUILDER_ASSETS`, or were built by
    `python -m kubeinformer.testing.control_plane.build`; this class never builds. No other component runs: nothing
    schedules pods, makes service accounts or ends namespaces (but see `finalize_namespace`).

    If the process that holds it dies, by SIGKILL too, both servers are killed and their files removed.
    Any thread may call any method; those that start and stop the API server run one after the other.

    Args:
        api_server_flags: Added to kube-apiserver's command line, such as `--feature-gates=...`.
        start_timeout: Seconds that each server has to become ready.
    """

    def __init__(self, *, api_server_flags: Sequence[str] = (), start_timeout: float = 60.0) -> None:
        self._api_server_flags = tuple(api_server_flags)
        self._start_timeout = start_timeout
        self._life_cycle = threading.RLock()
        self._tokens = users.make_tokens()
        self._running: Servers | None = None

    @staticmethod
    def available() -> bool:
        """Return whether the programs are there, so that a start would not fail for want of them."""
        try:
            find_binaries()
        except ControlPlaneError:
            return False
        return True

    def start(self) -> None:
        """Start both servers and return when the API server is ready.

        Raises:
            ControlPlaneError: There are no programs to start, or one ended or was not ready in time; the message
                has the last lines of both logs.
        """
        with self._life_cycle:
            if self._running is not None:
                raise ControlPlaneError("this control plane runs already")
            for attempt in range(1, _START_ATTEMPTS + 1):
                try:
                    self._running = self._started()
                except PortTaken:
                    if attempt == _START_ATTEMPTS:
                        raise
                else:
                    return

    def _started(self) -> Servers:
        servers = Servers(find_binaries(), self._tokens, self._api_server_flags, self._start_timeout)
        try:
            servers.start_etcd()
            servers.start_api_server()
        except BaseException:
            servers.stop()
            raise
        return servers

    def stop(self) -> None:
        """Kill both servers and remove their files; returns when both are done. May be called again."""
        with self._life_cycle:
            servers, self._running = self._running, None
            if servers is not None:
                servers.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _servers(self) -> Servers:
        servers = self._running
        if servers is None:
            raise ControlPlaneError("this control plane does not run: use it as a context manager")
        return servers

    @property
    def url(self) -> str:
        """The API server's address, `https://127.0.0.1:<port>`, the same after each restart."""
        return self._servers.url

    @property
    def ca_file(self) -> str:
        """Path of the PEM file that the API server's certificate is verified with."""
        return str(self._servers.ca_file)

    @property
    def kubeconfig(self) -> str:
        """Path of a kubeconfig file with a context for each user: `admin` (the current one), `restricted`, ..."""
        return str(self._servers.kubeconfig)

    @property
    def admin_token(self) -> str:
        """Bearer token of a user who may do everything (group `system:masters`)."""
        return self._tokens[users.ADMIN]

    @property
    def config(self) -> Config:
        """The admin's connection; another user's is the same with the token that `user` returns."""
        from kubeinformer.client.config import Config

        return Config(server=self.url, token=self.admin_token, ca_file=self.ca_file)

    @property
    def logs(self) -> str:
        """The last lines that both servers wrote."""
        return self._servers.logs()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        token: str | None = None,
        content_type: str | None = None,
    ) -> tuple[int, Any]:
        """Send one plain request and return its status and its answer (decoded JSON, else text).

        Args:
            method: Such as `POST`.
            path: Path and query, percent-encoded.
            body: Sent as JSON; None for nothing.
            token: Whose request this is; the admin's by default, "" for an anonymous one.
            content_type: Of the body; by default JSON, and a merge patch for PATCH.

        Raises:
            OSError: The API server is down, or did not answer within 30 s.
        """
        return self._servers.client.request(method, path, body, token=token, content_type=content_type)

    def kill_api_server(self) -> None:
        """End the API server by SIGKILL: open watches are cut without a word. etcd keeps the data."""
        with self._life_cycle:
            self._servers.end(API_SERVER, signal.SIGKILL)

    def stop_api_server(self) -> None:
        """End the API server by SIGTERM, as an upgrade does: open watches end in good order. About 1 s."""
        with self._life_cycle:
            self._servers.end(API_SERVER, signal.SIGTERM)

    def start_api_server(self) -> None:
        """Start the API server again, on the same port with the same data; returns when it is ready.

        Raises:
            ControlPlaneError: It runs already, it ended, or it was not ready in time.
        """
        with self._life_cycle:
            self._servers.start_api_server()

    def restart_api_server(self) -> None:
        """Stop and start the API server; it comes back with an empty watch cache."""
        with self._life_cycle:
            self.stop_api_server()
            self.start_api_server()

    def pause_api_server(self) -> None:
        """Halt the API server (SIGSTOP): connections stay open and say nothing, as behind a dead network."""
        self._servers.send_signal(API_SERVER, signal.SIGSTOP)

    def resume_api_server(self) -> None:
        """Let a paused API server go on (SIGCONT)."""
        self._servers.send_signal(API_SERVER, signal.SIGCONT)

    def kill_etcd(self) -> None:
        """End etcd by SIGKILL: the API server answers reads from its cache, and errors to everything else."""
        with self._life_cycle:
            self._servers.end(ETCD, signal.SIGKILL)

    def start_etcd(self) -> None:
        """Start etcd again, on the same port with the same data; returns when it is ready.

        Raises:
            ControlPlaneError: It runs already, it ended, or it was not ready in time.
        """
        with self._life_cycle:
            self._servers.start_etcd()

    def pause_etcd(self) -> None:
        """Halt etcd (SIGSTOP): what the API server asks it has no answer."""
        self._servers.send_signal(ETCD, signal.SIGSTOP)

    def resume_etcd(self) -> None:
        """Let a paused etcd go on (SIGCONT)."""
        self._servers.send_signal(ETCD, signal.SIGCONT)

    def snapshot(self) -> None:
        """Keep a copy of all data, in place of an earlier one. etcd is down for about 1 s."""
        with self._life_cycle:
            self._servers.end(ETCD, signal.SIGTERM)
            self._servers.save_data()
            self._servers.start_etcd()

    def restore(self) -> None:
        """Go back to the snapshot, as after a disaster: objects and resourceVersions are those of then. About 4 s.

        Raises:
            ControlPlaneError: There is no snapshot.
        """
        with self._life_cycle:
            self._servers.end(API_SERVER, signal.SIGKILL)
            self._servers.end(ETCD, signal.SIGTERM)
            try:
                self._servers.restore_data()
            finally:
                self._servers.start_etcd()
                self._servers.start_api_server()

    def expire_history(self) -> None:
        """Make every resourceVersion and continue token handed out so far answer 410 Gone. About 3 s.

        etcd is compacted and the API server restarted: after a compaction alone its watch cache would still answer.
        """
        with self._life_cycle:
            self.stop_api_server()
            self._servers.compact()
            self.start_api_server()

    def user(
        self,
        name: str = "restricted",
        rules: Sequence[Mapping[str, Any]] | None = None,
        namespace: str | None = None,
    ) -> str:
        """Return the token of a user, after giving them these rights; they hold on return.

        Args:
            name: `restricted` or `user-1` to `user-8`. They begin with no rights but discovery.
            rules: RBAC rules such as `{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}`, in
                place of those given before for the same scope; an empty list revokes them. None changes nothing.
            namespace: Where they hold; None for cluster-wide.

        Raises:
            ValueError: There is no such user.
            StatusError: A rule is malformed, or the namespace does not exist.
        """
        if name not in users.USERS:
            raise ValueError(f"no user {name!r}, only {', '.join(users.USERS)}")
        token = self._tokens[name]
        if rules is not None:
            users.grant(self._servers.client, name, token, rules, namespace)
        return token

    def install_crd(self, *crds: Mapping[str, Any]) -> None:
        """Create or update CustomResourceDefinitions; returns when their objects are served.

        Raises:
            StatusError: The server refused one.
            ControlPlaneError: One was not served within 30 s.
        """
        for crd in crds:
            cluster_duties.install_crd(self._servers.client, crd)

    def finalize_namespace(self, name: str) -> None:
        """Delete a namespace and what is in it, as the namespace controller would; it is gone on return.

        Raises:
            StatusError: There is no such namespace, or the server protects it.
            ControlPlaneError: The namespace has finalizers in its metadata, so it stays.
        """
        cluster_duties.finalize_namespace(self._servers.client, name)
