"""A real etcd and kube-apiserver for tests: what a fake says about resourceVersions, only these can prove."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from kubeinformer.testing.control_plane import users
from kubeinformer.testing.control_plane.binaries import API_SERVER, ETCD, find_binaries
from kubeinformer.testing.control_plane.cluster_access import ClusterAccess
from kubeinformer.testing.control_plane.existing_cluster import ExistingCluster
from kubeinformer.testing.control_plane.processes import ControlPlaneError
from kubeinformer.testing.control_plane.servers import PortTaken, Servers
from kubeinformer.testing.control_plane.settings import settings_of, wants_existing_cluster, wants_output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from kubeinformer.client.config import Config
    from kubeinformer.testing.certificates import KeyPair
    from kubeinformer.testing.plain_client import PlainClient

_START_ATTEMPTS = 3


class ControlPlane(ClusterAccess):
    """etcd and kube-apiserver on 127.0.0.1, ready after about 3 s, and gone for certain at the end.

        with ControlPlane() as control_plane:
            status, pods = control_plane.request("GET", "/api/v1/pods")

    The programs are those that `KUBEBUILDER_ASSETS` (or `TEST_ASSET_ETCD` and `TEST_ASSET_KUBE_APISERVER`) names, or
    were built by `python -m kubeinformer.testing.control_plane.build`; this class never builds. No other component
    runs: nothing schedules pods, makes service accounts or ends namespaces (but see `finalize_namespace`).

    With `USE_EXISTING_CLUSTER=true` it is the cluster of the current kubeconfig instead: requests, CRDs, namespaces and
    tokens work, and whatever commands the servers themselves is an error.

    If the process that holds it dies, by SIGKILL too, both servers are killed and their files removed.
    Any thread may call any method; those that start and stop the API server run one after the other.

    Args:
        version: The minor version of Kubernetes, such as `1.34`; None for what the environment names, or the newest.
        api_server_flags: Added to kube-apiserver's command line, such as `--oidc-issuer-url=...`; they win.
        etcd_flags: Added to etcd's command line.
        feature_gates: Features of kube-apiserver, such as `{"ShardedListAndWatch": True}`.
        log_folder: Where what the servers wrote is left at the end; None for nowhere. With
            `KUBEBUILDER_ATTACH_CONTROL_PLANE_OUTPUT=true` it goes to standard error as well.
        start_timeout: Seconds that each server has to become ready; None for
            `KUBEBUILDER_CONTROLPLANE_START_TIMEOUT`, or 60.
        stop_timeout: Seconds that a server has to end; None for `KUBEBUILDER_CONTROLPLANE_STOP_TIMEOUT`, or 30.
    """

    def __init__(
        self,
        *,
        version: str | None = None,
        api_server_flags: Sequence[str] = (),
        etcd_flags: Sequence[str] = (),
        feature_gates: Mapping[str, bool] | None = None,
        log_folder: str | Path | None = None,
        start_timeout: float | None = None,
        stop_timeout: float | None = None,
    ) -> None:
        self._version = version
        self._settings = settings_of(
            api_server_flags, etcd_flags, feature_gates or {}, start_timeout, stop_timeout
        )
        self._log_folder = log_folder
        self._existing: ExistingCluster | None = None
        self._life_cycle = threading.RLock()
        self._tokens = users.make_tokens()
        self._running: Servers | None = None

    @staticmethod
    def available(version: str | None = None) -> bool:
        """Return whether the programs are there, so that a start would not fail for want of them."""
        if wants_existing_cluster():
            return True
        try:
            find_binaries(version)
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
            if self._running is not None or self._existing is not None:
                raise ControlPlaneError("this control plane runs already")
            if wants_existing_cluster():
                self._existing = ExistingCluster()
                return
            for attempt in range(1, _START_ATTEMPTS + 1):
                try:
                    self._running = self._started()
                except PortTaken:
                    if attempt == _START_ATTEMPTS:
                        raise
                else:
                    return

    def _started(self) -> Servers:
        servers = Servers(find_binaries(self._version), self._tokens, self._settings)
        try:
            servers.start()
        except BaseException:
            servers.stop()
            raise
        return servers

    def stop(self) -> None:
        """Kill both servers and remove their files; returns when both are done. May be called again."""
        with self._life_cycle:
            servers, self._running = self._running, None
            existing, self._existing = self._existing, None
            if servers is not None:
                servers.keep_logs(self._log_folder, to_standard_error=wants_output())
                servers.stop()
            if existing is not None:
                existing.close()

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
        if self._existing is not None:
            raise ControlPlaneError("with USE_EXISTING_CLUSTER the servers are somebody else's")
        if servers is None:
            raise ControlPlaneError("this control plane does not run: use it as a context manager")
        return servers

    @property
    def url(self) -> str:
        """The API server's address, `https://127.0.0.1:<port>`, the same after each restart."""
        return self._client.url

    @property
    def ca_file(self) -> str:
        """Path of the PEM file that the API server's certificate is verified with."""
        return str(self._existing.ca_file or "") if self._existing else str(self._servers.ca_file)

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

        if self._existing is not None:
            return self._existing.config
        return Config(server=self.url, token=self.admin_token, ca_file=self.ca_file)

    @property
    def _client(self) -> PlainClient:
        return self._existing.client if self._existing is not None else self._servers.client

    @property
    def logs(self) -> str:
        """The last lines that both servers wrote."""
        return self._servers.logs()

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

    def client_certificate(self, name: str, groups: Sequence[str] = ()) -> KeyPair:
        """Return a certificate and key that show a client to be this user; rights are given by RBAC to its name.

        Raises:
            ControlPlaneError: `cryptography` is not installed: `pip install kubeinformer[testing]`.
        """
        authority = self._servers.client_authority
        if authority is None:
            raise ControlPlaneError("client certificates need cryptography: install kubeinformer[testing]")
        return authority.for_client(name, groups)

    def user_config(self, name: str) -> Config:
        """Return the connection of a user, as `user` takes it, by their token."""
        from kubeinformer.client.config import Config

        return Config(server=self.url, token=self.user(name), ca_file=self.ca_file)
