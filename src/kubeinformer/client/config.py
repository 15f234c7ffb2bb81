"""What to connect to, and as whom: the settings of a connection."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from urllib.parse import SplitResult, urlsplit

from kubeinformer.client.credentials.static_token import clean_token
from kubeinformer.errors import ConfigurationError

FilePath = str | os.PathLike[str]

_SECRETS = frozenset({"token", "password", "client_key_data"})
_HEADER_VALUE = re.compile(r"[ -~]*")


@dataclass(frozen=True, kw_only=True, repr=False)
class Config:
    """The settings of a connection; checked when made, without touching a file or the network.

    Files are named here and read later: when the connection is made, and (the token file) again and again.
    Only the proxy named here is used: the environment (`HTTPS_PROXY`, `NO_PROXY`, `.netrc`) is not consulted.

    Attributes:
        server: `https://host:port`, or with a path in front of the API; IPv6 addresses stand in brackets.
        token: A bearer token; white space around it is dropped.
        token_file: A file that holds a bearer token, read again as it changes. Excludes `token`.
        username: For HTTP basic authentication, as some proxies in front of an API server ask for it.
        password: Belongs to `username`.
        ca_file: Trust the certificates in this PEM file, and no others, when the server shows its own.
        ca_data: The same as PEM text. Without either, the system's certificate authorities are trusted.
        insecure_skip_tls_verify: Talk to whoever answers. Excludes `ca_file` and `ca_data`.
        client_certificate: The PEM file of a client certificate; it needs a key.
        client_key: The PEM file of its key, without a passphrase.
        client_certificate_data: The client certificate as PEM text.
        client_key_data: Its key as PEM text.
        tls_server_name: The name that the server's certificate must be for, where it is not the host in `server`.
        proxy_url: An HTTP proxy: `http://host:port`, with `user:password@` if need be.
        namespace: The namespace to use where none is given; None means `default`.
        user_agent: How to introduce oneself; by default `kubeinformer/<version>`.
        impersonate_user: Act as this user (Kubernetes: user impersonation); the real one needs the permission.
        impersonate_groups: With these groups.
        impersonate_uid: With this uid.
        impersonate_extra: With these extra attributes.

    Raises:
        ConfigurationError: A setting is wrong, or two of them contradict each other; no secret is shown.
    """

    server: str
    token: str | None = None
    token_file: FilePath | None = None
    username: str | None = None
    password: str | None = None
    ca_file: FilePath | None = None
    ca_data: bytes | str | None = None
    insecure_skip_tls_verify: bool = False
    client_certificate: FilePath | None = None
    client_key: FilePath | None = None
    client_certificate_data: bytes | str | None = None
    client_key_data: bytes | str | None = None
    tls_server_name: str | None = None
    proxy_url: str | None = None
    namespace: str | None = None
    user_agent: str | None = None
    impersonate_user: str | None = None
    impersonate_groups: Sequence[str] = ()
    impersonate_uid: str | None = None
    impersonate_extra: Mapping[str, Sequence[str]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        self._set("server", _checked_server(self.server))
        self._set("impersonate_groups", tuple(self.impersonate_groups))
        if self.token is not None:
            self._set("token", _checked_token(self.token))
        if self.proxy_url is not None:
            self._set("proxy_url", _checked_proxy(self.proxy_url))
        self._check_credentials()
        self._check_tls()
        self._check_impersonation()
        for name in ("user_agent", "impersonate_user", "impersonate_uid"):
            _check_header(name, getattr(self, name) or "")

    def __repr__(self) -> str:
        given = ((entry.name, getattr(self, entry.name)) for entry in fields(self))
        shown = (f"{name}={_shown(name, value)}" for name, value in given if value)
        return f"Config({', '.join(shown)})"

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_credentials(self) -> None:
        self._exclude("token", "token_file")
        self._exclude("token", "username")
        self._exclude("token_file", "username")
        if self.password is not None and not self.username:
            raise ConfigurationError("password: needs a username")
        if ":" in (self.username or ""):
            raise ConfigurationError("username: HTTP basic authentication allows no colon in it")

    def _check_tls(self) -> None:
        self._exclude("ca_file", "ca_data")
        self._exclude("client_certificate", "client_certificate_data")
        self._exclude("client_key", "client_key_data")
        if self.insecure_skip_tls_verify and self.has_ca:
            raise ConfigurationError(
                "insecure_skip_tls_verify: makes no sense together with ca_file or ca_data"
            )
        certificate = self.client_certificate is not None or self.client_certificate_data is not None
        key = self.client_key is not None or self.client_key_data is not None
        if certificate != key:
            given, missing = ("certificate", "key") if certificate else ("key", "certificate")
            raise ConfigurationError(f"client_{given}: needs a client_{missing}, as a file or as data")

    def _check_impersonation(self) -> None:
        if not self.impersonate_user and (
            self.impersonate_groups or self.impersonate_uid or self.impersonate_extra
        ):
            raise ConfigurationError(
                "impersonate_user: needed to impersonate groups, a uid or extra attributes"
            )
        for group in self.impersonate_groups:
            _check_header("impersonate_groups", group)
        for values in self.impersonate_extra.values():
            for value in values:
                _check_header("impersonate_extra", value)

    def _exclude(self, first: str, second: str) -> None:
        if getattr(self, first) is not None and getattr(self, second) is not None:
            raise ConfigurationError(f"{first} and {second}: give one of them, not both")

    @property
    def has_ca(self) -> bool:
        """Whether certificate authorities are given."""
        return self.ca_file is not None or self.ca_data is not None

    @property
    def address(self) -> str:
        """The server's `host:port`, for messages."""
        parts = urlsplit(self.server)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def hide_login(url: str) -> str:
    """Return a URL without the user name and password that it may hold."""
    login, at, rest = url.rpartition("@")
    scheme, slashes, _ = login.rpartition("//")
    return f"{scheme}{slashes}***@{rest}" if at else url


def _checked_server(text: str) -> str:
    text = text.strip().rstrip("/")
    parts = _split_url("server", text, ("http", "https"), "https://host:6443")
    if "@" in parts.netloc:
        raise ConfigurationError("server: no user name or password in the URL; give username and password")
    if parts.query or parts.fragment:
        raise ConfigurationError("server: a URL without query and fragment is needed")
    return text


def _checked_proxy(text: str) -> str:
    text = text.strip().rstrip("/")
    if text.startswith("socks5"):
        raise ConfigurationError("proxy_url: SOCKS proxies are not supported, only http:// and https://")
    _split_url("proxy_url", text, ("http", "https"), "http://host:3128")
    return text


def _split_url(setting: str, text: str, schemes: tuple[str, ...], example: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not match
        valid = False
    if not valid or re.search(r"[\x00-\x20\x7f]", text):
        hint = "; IPv6 addresses need brackets" if text.count(":") > 2 and "[" not in text else ""
        raise ConfigurationError(f"{setting}: not a URL such as {example!r}: {hide_login(text)!r}{hint}")
    return parts


def _checked_token(text: str) -> str:
    try:
        return clean_token(text)
    except ValueError as error:
        raise ConfigurationError(f"token: {error}") from None


def _check_header(setting: str, value: str) -> None:
    if not _HEADER_VALUE.fullmatch(value):
        raise ConfigurationError(f"{setting}: holds characters that no HTTP header may hold: {value!r}")


def _shown(name: str, value: object) -> str:
    if name in _SECRETS:
        return "***"
    if isinstance(value, str | bytes) and name.endswith("_data"):
        return f"<{len(value)} bytes>"
    return repr(hide_login(value) if name == "proxy_url" and isinstance(value, str) else value)
