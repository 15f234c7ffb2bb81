"""How etcd and kube-apiserver are started for tests (quick, quiet, on 127.0.0.1 alone), stopped and started again."""

from __future__ import annotations

import base64
import secrets
import shutil
import signal
import sys
from http.client import HTTPException
from pathlib import Path
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

    from kubeinformer.testing.certificates import CertificateAuthority
    from kubeinformer.testing.control_plane.settings import ServerSettings

TOKEN_FILE = "tokens.csv"  # noqa: S105 - a file's name
SERVICE_ACCOUNT_KEY = "service-account.key"
CERTIFICATES = "certificates"
CLIENT_AUTHORITY = "client-ca.crt"

_PORT_TAKEN = "address already in use"
_PROBE_SECONDS = 2.0

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
        client_authority: Signs the certificates of clients; None without the package that it needs.
    """

    def __init__(self, binaries: Binaries, tokens: Mapping[str, str], settings: ServerSettings) -> None:
        self._binaries = binaries
        self._settings = settings
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
        self.client_authority = _client_authority()
        if self.client_authority is not None:
            (directory / CLIENT_AUTHORITY).write_bytes(self.client_authority.certificate)
        write_service_account_key(directory / SERVICE_ACCOUNT_KEY)
        write_token_file(directory / TOKEN_FILE, tokens)
        write_kubeconfig(self.kubeconfig, self.url, self.ca_file, tokens)

    def start(self) -> None:
        """Start both at once, and return when the API server is ready; it waits for etcd by itself.

        Raises:
            PortTaken: Somebody else listens on a port.
            ControlPlaneError: One ended, or was not ready in time.
        """
        self._launch_etcd()
        self._launch_api_server()
        self._wait_until_ready(ETCD, self.etcd)
        self._wait_until_ready(API_SERVER, self._probe)

    def start_etcd(self) -> None:
        """Start etcd and return when it serves.

        Raises:
            PortTaken: Somebody else listens on its port.
            ControlPlaneError: It runs already, it ended, or it was not ready in time.
        """
        if self._processes.is_running(ETCD):
            raise ControlPlaneError("etcd runs already")
        self._launch_etcd()
        self._wait_until_ready(ETCD, self.etcd)

    def _launch_etcd(self) -> None:
        command = etcd_command(
            self._binaries.etcd,
            self._data,
            port=self._etcd_port.number,
            peer_port=self._peer_port.number,
            extra=self._settings.etcd_flags,
        )
        self._processes.start(ETCD, command)

    def start_api_server(self) -> None:
        """Start the API server and return when it is ready.

        Raises:
            PortTaken: Somebody else listens on its port.
            ControlPlaneError: It runs already, it ended, or it was not ready in time.
        """
        if self._processes.is_running(API_SERVER):
            raise ControlPlaneError("the API server runs already")
        self._launch_api_server()
        self._wait_until_ready(API_SERVER, self._probe)

    def _launch_api_server(self) -> None:
        flags = self._settings.all_api_server_flags
        if self.client_authority is not None:
            flags = [f"--client-ca-file={self._processes.directory / CLIENT_AUTHORITY}", *flags]
        command = api_server_command(
            self._binaries.api_server,
            self._processes.directory,
            port=self._port.number,
            etcd_url=self.etcd.url,
            extra=flags,
        )
        self._processes.start(API_SERVER, command)

    def _wait_until_ready(self, name: str, probe: PlainClient) -> None:
        def is_settled() -> bool:
            return not self._processes.is_running(name) or _is_ready(probe)

        seconds = self._settings.start_timeout
        if not wait_until(is_settled, seconds):
            raise ControlPlaneError(f"{name} was not ready after {seconds:g} s\n{self.logs()}")
        if not self._processes.is_running(name):
            kind = PortTaken if _PORT_TAKEN in self._processes.log(name) else ControlPlaneError
            raise kind(f"{name} ended with {self._processes.exit_code(name)}\n{self.logs()}")

    def send_signal(self, name: str, number: signal.Signals) -> None:
        """Send a server a signal; harmless when it does not run."""
        self._processes.signal(name, number)

    def end(self, name: str, number: signal.Signals) -> None:
        """End a server by this signal, wait until it is gone, and kill it if that takes too long."""
        self.send_signal(name, number)
        self.send_signal(name, signal.SIGCONT)  # a paused process takes no SIGTERM
        if not wait_until(lambda: not self._processes.is_running(name), self._settings.stop_timeout):
            self.send_signal(name, signal.SIGKILL)
            wait_until(lambda: not self._processes.is_running(name), self._settings.stop_timeout)

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

    def keep_logs(self, folder: str | Path | None, *, to_standard_error: bool) -> None:
        """Leave everything that the servers wrote in a folder, and on standard error."""
        for name in (ETCD, API_SERVER):
            log = self._processes.directory / f"{name}.log"
            if not log.exists():
                continue
            if folder is not None:
                Path(folder).mkdir(parents=True, exist_ok=True)
                shutil.copy(log, folder)
            if to_standard_error:
                sys.stderr.write(f"--- {name}\n{log.read_text(errors='replace')}")

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


def _client_authority() -> CertificateAuthority | None:
    try:
        from kubeinformer.testing.certificates import CertificateAuthority
    except ImportError:
        return None
    return CertificateAuthority("kubeinformer-clients")


def write_service_account_key(path: Path) -> None:
    """Write the private key that the API server signs service account tokens with.

    A P-256 key is 32 random bytes in a fixed frame, so this needs neither openssl nor a cryptography package.
    """
    key = base64.encodebytes(_EC_KEY_HEAD + secrets.token_bytes(32) + _EC_KEY_TAIL).decode()
    path.write_text(f"-----BEGIN EC PRIVATE KEY-----\n{key}-----END EC PRIVATE KEY-----\n")


def etcd_command(
    binary: Path, data: Path, *, port: int, peer_port: int, extra: Sequence[str] = ()
) -> list[str]:
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
        *extra,
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
