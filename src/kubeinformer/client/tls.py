"""From the settings of a connection to the TLS context that it uses."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from kubeinformer.client.config import Config, FilePath
from kubeinformer.errors import ConfigurationError


def tls_context(config: Config) -> ssl.SSLContext | None:
    """Return the context for an `https` server, None for plain HTTP.

    Reads the files that the configuration names. An authority of one's own is trusted as in Go: any certificate
    in the bundle may be the anchor, and older ones without the extensions of RFC 5280 are accepted.

    Raises:
        ConfigurationError: A file can't be read, or holds something else; the message names the setting.
    """
    if not config.server.startswith("https:"):
        return None
    own_trust = config.has_ca or config.insecure_skip_tls_verify
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if own_trust else ssl.create_default_context()
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["http/1.1"])
    if config.has_ca:
        _trust(context, config)
    if config.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if config.client_certificate is not None or config.client_certificate_data is not None:
        _identify(context, config)
    return context


def _trust(context: ssl.SSLContext, config: Config) -> None:
    setting, pem = _pem("ca", config.ca_file, config.ca_data, "ca_file")
    try:
        context.load_verify_locations(cadata=pem.decode())
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(f"{setting}: holds no readable PEM certificate") from error


def _identify(context: ssl.SSLContext, config: Config) -> None:
    certificate_name, certificate = _pem(
        "client_certificate", config.client_certificate, config.client_certificate_data
    )
    key_name, key = _pem("client_key", config.client_key, config.client_key_data)
    for setting, pem, label in (
        (certificate_name, certificate, b"CERTIFICATE-----"),
        (key_name, key, b"PRIVATE KEY-----"),
    ):
        if b"-----BEGIN " not in pem or label not in pem:
            raise ConfigurationError(f"{setting}: holds no PEM block that ends in {label.decode()}")
    with ExitStack() as files:
        certificate_file = config.client_certificate or files.enter_context(_private_file(certificate))
        key_file = config.client_key or files.enter_context(_private_file(key))
        try:
            context.load_cert_chain(certificate_file, key_file, password=_no_passphrase)
        except (ssl.SSLError, OSError, ValueError) as error:
            fault = _chain_fault(error)
            raise ConfigurationError(f"{certificate_name} and {key_name}: {fault}") from None


def _chain_fault(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return "do not belong together"
    if isinstance(error, _PassphraseNeeded):
        return "the key needs a passphrase, which is not supported"
    return "cannot be read as a certificate and its key"


class _PassphraseNeeded(ValueError):
    pass


def _no_passphrase() -> str:
    """Stand in for OpenSSL's question on the terminal."""
    raise _PassphraseNeeded


def _pem(
    name: str, file: FilePath | None, data: bytes | str | None, file_name: str = ""
) -> tuple[str, bytes]:
    """Return how to name a setting in a message, and its PEM text."""
    if data is not None:
        return f"{name}_data", data.encode() if isinstance(data, str) else data
    assert file is not None
    setting = f"{file_name or name} {Path(file)}"
    try:
        return setting, Path(file).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{setting}: cannot be read: {error.strerror}") from error


@contextmanager
def _private_file(content: bytes) -> Iterator[Path]:
    """Lend a file (OpenSSL takes no key from memory) that only this user can read, and that is gone at once."""
    with TemporaryDirectory(prefix="kubeinformer-") as folder:
        file = Path(folder) / "pem"
        file.touch(mode=0o600)
        file.write_bytes(content)
        yield file
