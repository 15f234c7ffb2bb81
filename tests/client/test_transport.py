"""Who is talked to and as whom: certificates that fit or do not, and tokens that are renewed."""

from __future__ import annotations

import asyncio
import datetime
import gc
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubeinformer.client.answers import Response
from kubeinformer.client.config import Config
from kubeinformer.client.transport import Connection
from kubeinformer.clock import SystemClock
from kubeinformer.errors import NetworkError, Unauthorized


class Handler(BaseHTTPRequestHandler):
    """Answers `{}` to whoever shows the accepted token, 401 to others."""

    accepted: ClassVar[str] = "T1"
    seen: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        token = self.headers.get("Authorization")
        self.seen.append(token)
        self.send_response(200 if token == f"Bearer {self.accepted}" else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


class Authority:
    """A certificate authority that signs itself, and others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.file = self._write("ca.pem", self._sign(self._name, self._key.public_key(), None))

    def issue(self, name: str, *names: x509.GeneralName) -> tuple[Path, Path]:
        """Return the files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key.public_key(), list(names))
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self._folder / f"{name}.key").write_bytes(secret)
        return self._write(f"{name}.pem", certificate), self._folder / f"{name}.key"

    def _sign(self, subject: x509.Name, key: Any, names: list[x509.GeneralName] | None) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        path = self._folder / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[tuple[str, ssl.SSLContext]]:
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate, key = authority.issue("server", address, x509.DNSName("api.example.com"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority.file)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # refused handshakes are expected
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Handler.accepted = "T1"
    Handler.seen.clear()
    yield f"https://127.0.0.1:{server.server_port}", context
    server.shutdown()
    server.server_close()
    thread.join(10)


def get(**settings: Any) -> Response:
    """Send one request on a connection of its own."""

    async def run() -> Response:
        connection = Connection(Config(**{"token": "T1", **settings}), SystemClock())
        try:
            return await connection.request("GET", "/api", verb="discover", resource="")
        finally:
            await connection.close()

    return asyncio.run(run())


def test_the_right_authority_is_trusted(tls_server: tuple[str, ssl.SSLContext], authority: Authority) -> None:
    """From a file or as data, and whoever answers where one says so."""
    url, _ = tls_server
    assert get(server=url, ca_file=authority.file).status == 200
    assert get(server=url, ca_data=authority.file.read_text()).status == 200
    assert get(server=url, insecure_skip_tls_verify=True).status == 200


def test_the_wrong_authority_never_sees_the_token(
    tls_server: tuple[str, ssl.SSLContext], tmp_path: Path
) -> None:
    """A certificate that does not fit is a NetworkError that names the server."""
    url, _ = tls_server
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1"):
        get(server=url, ca_file=Authority(tmp_path).file)
    with pytest.raises(NetworkError):
        get(server=url)
    assert Handler.seen == []


def test_the_servers_name_can_be_given(tls_server: tuple[str, ssl.SSLContext], authority: Authority) -> None:
    """Case C25: tls-server-name is what the certificate must be for."""
    url, _ = tls_server
    assert get(server=url, ca_file=authority.file, tls_server_name="api.example.com").status == 200
    with pytest.raises(NetworkError):
        get(server=url, ca_file=authority.file, tls_server_name="other.example.com")


def test_a_client_certificate_is_shown(tls_server: tuple[str, ssl.SSLContext], authority: Authority) -> None:
    """As files or as data, to a server that demands one."""
    url, context = tls_server
    context.verify_mode = ssl.CERT_REQUIRED
    certificate, key = authority.issue("client")
    common = {"server": url, "ca_file": authority.file}
    assert get(**common, client_certificate=certificate, client_key=key).status == 200
    data = {"client_certificate_data": certificate.read_text(), "client_key_data": key.read_text()}
    assert get(**common, **data).status == 200
    with pytest.raises(NetworkError):
        get(**common)


def test_a_renewed_token_file_is_read_on_401(
    tls_server: tuple[str, ssl.SSLContext], authority: Authority, tmp_path: Path
) -> None:
    """Case C21: trimmed, tried once more with the new one; an empty file keeps the last good token; 401 for good is told."""
    url, _ = tls_server
    file = tmp_path / "token"
    file.write_text("T1\r\n")

    async def run() -> None:
        connection = Connection(Config(server=url, ca_file=authority.file, token_file=file), SystemClock())
        try:
            await connection.request("GET", "/api", verb="discover", resource="")
            Handler.accepted = "T2"
            file.write_text("\ufeffT2\n", encoding="utf-8")
            await connection.request("GET", "/api", verb="discover", resource="")
            file.write_text("")
            await connection.request("GET", "/api", verb="discover", resource="")
            Handler.accepted = "T3"
            with pytest.raises(Unauthorized) as raised:
                await connection.request("GET", "/api", verb="discover", resource="")
            assert "T2" not in str(raised.value)
        finally:
            await connection.close()

    asyncio.run(run())
    assert Handler.seen[:4] == ["Bearer T1", "Bearer T1", "Bearer T2", "Bearer T2"]


def test_a_look_up_without_a_thread_is_a_network_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has no thread to give, or the interpreter ends, the host cannot be resolved: it is retried."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(NetworkError, match="can't start new thread"):
        get(server="http://example.invalid")


def test_no_farewell_is_waited_for(tls_server: tuple[str, ssl.SSLContext], authority: Authority) -> None:
    """Nothing is left open behind a closed connection, though the server does not end its side of the TLS."""
    _, context = tls_server
    listening = socket.create_server(("127.0.0.1", 0))
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    checked = threading.Event()

    def serve() -> None:
        with context.wrap_socket(listening.accept()[0], server_side=True) as accepted:
            accepted.recv(2**16)
            accepted.sendall(answer)
            checked.wait(10)

    with listening, ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve)
        port = listening.getsockname()[1]
        try:
            assert get(server=f"https://127.0.0.1:{port}", ca_file=authority.file).status == 200
            gc.collect()  # a transport that is still open warns when it goes
        finally:
            checked.set()
        served.result(10)
