"""How etcd and kube-apiserver are started for tests (quick, quiet, on 127.0.0.1 alone), stopped and started again."""

from __future__ import annotations

import base64
import secrets
import shutil
import signal
from http.client import HTTPException
from typing import TYPE_CHECKING

from kubeinformer.testing.control_plane.binaries import API_SERVER, ETCD, Binaries
from kubeinformer.testing.control_plane.processes import (
    ControlPlaneError,
    Processes,
    ReservedPort,
    wait_until,
)
from kubeinformer.testing.control_plane.users import ADMIN, write_kubeconfig, write_token_file
from kubeinformer.testing.plain_client import PlainClient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TOKEN_FILE = "tokens.csv"  # noqa: S105 - a file's name
SERVICE_ACCOUNT_KEY = "service-account.key"
CERTIFICATES = "certificates"

_PORT_TAKEN = "address already in use"
_PROBE_SECONDS = 2.0
_STOP_SECONDS = 30.0

# ECPrivateKey of RFC 5915: version 1, a 32-byte key, the curve P-256; the public half may be left out.
_EC_KEY_HEAD = bytes.fromhex("30310201010420")
_EC_KEY_TAIL = bytes.fromhex("a00a06082a8648ce3d030107")


class PortTaken(ControlPlaneError):
    """A server ended because somebody else listens on its port; another port may do."""


class Servers:
    """One etcd, one kube-apiserver, their files and their ports. Starting and stopping is for one thread at a time.

    Attributes:
        url: The API server's address, the same after each restart.
        ca_file: The certificate that signs the API server's; made by it when it first starts.
        kubeconfig: A kubeconfig file with a context for each user.
        client: Requests to the API server as its admin.
        etcd: Requests to etcd's JSON gateway.
    """

    def __init__(
        self, binaries: Binaries, tokens: Mapping[str, str], flags: Sequence[str], start_timeout: float
    ) -> None:
        self._binaries = binaries
        self._flags = flags
        self._start_timeout = start_timeout
        self._etcd_port, self._peer_port, self._port = ReservedPort(), ReservedPort(), ReservedPort()
        self._processes = Processes()
        directory = self._processes.directory
        self._data, self._saved = directory / "etcd", directory / "etcd-snapshot"
        self.url = f"https://127.0.0.1:{self._port.number}"
        self.ca_file = directory / CERTIFICATES / "apiserver.crt"
        self.kubeconfig = directory / "kubeconfig"
        self.client = PlainClient(self.url, ca_file=self.ca_file, token=tokens[ADMIN])
        self.etcd = PlainClient(f"http://127.0.0.1:{self._etcd_port.number}")
        self._probe = PlainClient(self.url, ca_file=self.ca_file, token=tokens[ADMIN], timeout=_PROBE_SECONDS)
        write_service_account_key(directory / SERVICE_ACCOUNT_KEY)
        write_token_file(directory / TOKEN_FILE, tokens)
        write_kubeconfig(self.kubeconfig, self.url, self.ca_file, tokens)

    def start_etcd(self) -> None:
        """Start etcd and return when it serves.

        Raises:
            PortTaken: Somebody else listens on its port.
            ControlPlaneError: It runs already, it ended, or it was not ready in time.
        """
        if self._processes.is_running(ETCD):
            raise ControlPlaneError("etcd runs already")
        command = etcd_command(
            self._binaries.etcd,
            self._data,
            port=self._etcd_port.number,
            peer_port=self._peer_port.number,
        )
        self._processes.start(ETCD, command)
        self._wait_until_ready(ETCD, self.etcd)

    def start_api_server(self) -> None:
        """Start the API server and return when it is ready.

        Raises:
            PortTaken: Somebody else listens on its port.
            ControlPlaneError: It runs already, it ended, or it was not ready in time.
        """
        if self._processes.is_running(API_SERVER):
            raise ControlPlaneError("the API server runs already")
        command = api_server_command(
            self._binaries.api_server,
            self._processes.directory,
            port=self._port.number,
            etcd_url=self.etcd.url,
            extra=self._flags,
        )
        self._processes.start(API_SERVER, command)
        self._wait_until_ready(API_SERVER, self._probe)

    def _wait_until_ready(self, name: str, probe: PlainClient) -> None:
        def is_settled() -> bool:
            return not self._processes.is_running(name) or _is_ready(probe)

        if not wait_until(is_settled, self._start_timeout):
            raise ControlPlaneError(f"{name} was not ready after {self._start_timeout:g} s\n{self.logs()}")
        if not self._processes.is_running(name):
            kind = PortTaken if _PORT_TAKEN in self._processes.log(name) else ControlPlaneError
            raise kind(f"{name} ended with {self._processes.exit_code(name)}\n{self.logs()}")

    def send_signal(self, name: str, number: signal.Signals) -> None:
        """Send a server a signal; harmless when it does not run."""
        self._processes.signal(name, number)

    def end(self, name: str, number: signal.Signals) -> None:
        """End a server by this signal, wait until it is gone, and kill it if that takes over 30 s."""
        self.send_signal(name, number)
        self.send_signal(name, signal.SIGCONT)  # a paused process takes no SIGTERM
        if not wait_until(lambda: not self._processes.is_running(name), _STOP_SECONDS):
            self.send_signal(name, signal.SIGKILL)
            wait_until(lambda: not self._processes.is_running(name), _STOP_SECONDS)

    def save_data(self) -> None:
        """Keep a copy of etcd's data, in place of an earlier one; etcd must not run."""
        shutil.rmtree(self._saved, ignore_errors=True)
        shutil.copytree(self._data, self._saved)

    def restore_data(self) -> None:
        """Put the copy in the place of etcd's data; etcd must not run.

        Raises:
            ControlPlaneError: There is no copy.
        """
        if not self._saved.exists():
            raise ControlPlaneError("there is no snapshot to restore")
        shutil.rmtree(self._data)
        shutil.copytree(self._saved, self._data)

    def compact(self) -> None:
        """Make etcd forget every revision up to now; it writes a key of its own first, so that now is new."""
        key = base64.b64encode(b"kubeinformer/compacted").decode()
        revision = self.etcd.call("POST", "/v3/kv/put", {"key": key})["header"]["revision"]
        self.etcd.call("POST", "/v3/kv/compaction", {"revision": revision, "physical": True})

    def logs(self) -> str:
        """Return the last lines of both servers."""
        return "\n".join(f"--- {name}\n{self._processes.log(name)}" for name in (ETCD, API_SERVER))

    def stop(self) -> None:
        """Kill both, remove their files, free their ports. May be called again."""
        self._processes.stop()
        for port in (self._etcd_port, self._peer_port, self._port):
            port.release()


def _is_ready(probe: PlainClient) -> bool:
    try:
        return probe.request("GET", "/readyz")[0] == 200
    except (OSError, HTTPException):
        return False


def write_service_account_key(path: Path) -> None:
    """Write the private key that the API server signs service account tokens with.

    A P-256 key is 32 random bytes in a fixed frame, so this needs neither openssl nor a cryptography package.
    """
    key = base64.encodebytes(_EC_KEY_HEAD + secrets.token_bytes(32) + _EC_KEY_TAIL).decode()
    path.write_text(f"-----BEGIN EC PRIVATE KEY-----\n{key}-----END EC PRIVATE KEY-----\n")


def etcd_command(binary: Path, data: Path, *, port: int, peer_port: int) -> list[str]:
    """Return the command line of an etcd of one member, which writes to disk but does not wait for it."""
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        str(binary),
        "--name=default",
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server_command(
    binary: Path, directory: Path, *, port: int, etcd_url: str, extra: Sequence[str] = ()
) -> list[str]:
    """Return the command line of a kube-apiserver; `extra` flags come last, so they win.

    Without controllers nothing makes service accounts, so the admission plugin that demands them is off, and
    nobody serves the `kubernetes` Service, so no endpoints are kept for it. etcd is compacted only on request:
    by default the API server would do it every five minutes, in the middle of a long test.
    """
    key = directory / SERVICE_ACCOUNT_KEY
    return [
        str(binary),
        f"--etcd-servers={etcd_url}",
        "--etcd-compaction-interval=0",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={directory / CERTIFICATES}",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        f"--token-auth-file={directory / TOKEN_FILE}",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        "--shutdown-delay-duration=0",
        "--shutdown-watch-termination-grace-period=1s",  # without it an open watch holds up the end for 30 s
        "--profiling=false",
        *extra,
    ]
