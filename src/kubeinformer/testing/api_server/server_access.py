"""Who may use an in-memory server, and how they reach it: addresses, certificates, tokens, rights."""

from __future__ import annotations

import json
import secrets
import ssl
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubeinformer.testing.api_server.access_control import ADMIN, AccessControl, Denial, User
from kubeinformer.testing.crd_files import Definitions, definitions_in
from kubeinformer.testing.plain_client import PlainClient
from kubeinformer.testing.plain_requests import PlainRequests

if TYPE_CHECKING:
    from kubeinformer.client.config import Config
    from kubeinformer.testing.certificates import CertificateAuthority, KeyPair

_AUTHENTICATED = "system:authenticated"


class ServerAccess(PlainRequests):
    """Connections and users. Any thread may call any method, whether the server runs or not.

    Args:
        tls: Whether connections are encrypted; needs `kubeinformer[testing]`.
        anonymous: Whether requests without credentials are answered.
    """

    def __init__(self, *, tls: bool, anonymous: bool) -> None:
        self._access = AccessControl(anonymous)
        self._admin_token = secrets.token_urlsafe(24)
        self._access.add(self._admin_token, ADMIN)
        self._tokens: dict[str, str] = {ADMIN.name: self._admin_token}
        self._authority: CertificateAuthority | None = None
        if tls:
            from kubeinformer.testing.certificates import CertificateAuthority

            self._authority = CertificateAuthority()
        self._files: tempfile.TemporaryDirectory[str] | None = None

    @property
    def url(self) -> str:
        """Where it serves."""
        raise NotImplementedError

    @property
    def admin_token(self) -> str:
        """Bearer token of a user who may do everything."""
        return self._admin_token

    @property
    def ca_file(self) -> str:
        """Path of the PEM file that the server's certificate is verified with, "" without TLS; it goes at the stop."""
        if self._authority is None:
            return ""
        return self._written("ca.crt", self._authority.certificate.decode())

    @property
    def config(self) -> Config:
        """The connection of a user who may do everything."""
        return self._config("" if self._access.anonymous else self._admin_token)

    @property
    def kubeconfig(self) -> str:
        """Path of a kubeconfig file with a context for each user, `admin` first; it goes when the server stops."""
        return self._written("kubeconfig", json.dumps(self._kubeconfig()))

    def user(
        self,
        name: str = "restricted",
        rules: Sequence[Mapping[str, Any]] | None = None,
        namespace: str | None = None,
        *,
        groups: Sequence[str] = (),
    ) -> str:
        """Return the token of a user, after giving them these rights.

        Args:
            name: Any name. Without a rule ever given, the user may do everything.
            rules: RBAC rules such as `{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}`, in
                place of those given before for the same scope; an empty list revokes them. None changes nothing.
            namespace: Where they hold; None for cluster-wide.
            groups: The user's groups, said once, beside `system:authenticated`.
        """
        token = self._tokens.setdefault(name, secrets.token_urlsafe(24))
        self._access.add(token, User(name, (*groups, _AUTHENTICATED)))
        if rules is not None:
            self._access.grant(token, rules, namespace)
        return token

    def user_config(self, name: str) -> Config:
        """Return the connection of a user by their token."""
        return self._config(self.user(name))

    def install_crd(self, *crds: Definitions) -> None:
        """Create or update CustomResourceDefinitions; their objects are served on return.

        Args:
            crds: Mappings, files of YAML or JSON, or folders of such files.

        Raises:
            StatusError: The server refused one.
            ValueError: A file has no definition.
        """
        for crd in definitions_in(*crds):
            path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd['metadata']['name']}"
            self._client.apply(path, crd)

    def finalize_namespace(self, name: str) -> None:
        """Delete a namespace with all that is in it.

        Raises:
            StatusError: There is no such namespace.
        """
        self._client.call("DELETE", f"/api/v1/namespaces/{name}")

    def revoke(self, token: str) -> None:
        """Answer 401 to a token from now on; `user` makes a new one. Running watches go on, as on a real server."""
        self._access.revoke(token)
        self._tokens = {name: kept for name, kept in self._tokens.items() if kept != token}

    def client_certificate(self, name: str, groups: Sequence[str] = ()) -> KeyPair:
        """Return a certificate and key that show a client to be this user.

        Raises:
            RuntimeError: The server has no TLS.
        """
        if self._authority is None:
            raise RuntimeError("client certificates need TLS: APIServer(tls=True)")
        return self._authority.for_client(name, (*groups, _AUTHENTICATED))

    @contextmanager
    def deny(
        self,
        verbs: Sequence[str] | None = None,
        resources: Sequence[str] | None = None,
        *,
        namespace: str | None = None,
        user: str | None = None,
    ) -> Iterator[None]:
        """Answer 403 for the length of a block, as when rights are taken away. Running watches go on.

        Args:
            verbs: Such as `("list", "watch")`; None for all.
            resources: Such as `("secrets", "deployments.apps", "pods/status")`; None for all.
            namespace: None for everywhere.
            user: None for everybody.
        """
        denial = Denial(_tuple(verbs), _tuple(resources), namespace, user)
        self._access.deny(denial)
        try:
            yield
        finally:
            self._access.allow(denial)

    def _server_tls(self) -> ssl.SSLContext | None:
        """Return what the server encrypts with; it asks clients for a certificate, and takes those who have none."""
        if self._authority is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pair = self._authority.for_server()
        with tempfile.NamedTemporaryFile() as file:  # the ssl module reads certificates from files only
            file.write(pair.certificate + pair.key)
            file.flush()
            context.load_cert_chain(file.name)
        context.load_verify_locations(cadata=self._authority.certificate.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    @property
    def _client(self) -> PlainClient:
        ca_file = Path(self.ca_file) if self.ca_file else None
        return PlainClient(self.url, ca_file=ca_file, token=self._admin_token)

    def _config(self, token: str) -> Config:
        from kubeinformer.client.config import Config

        authority = None if self._authority is None else self._authority.certificate.decode()
        return Config(server=self.url, token=token or None, ca_data=authority)

    def _kubeconfig(self) -> dict[str, Any]:
        cluster = {"server": self.url, **({"certificate-authority": self.ca_file} if self.ca_file else {})}
        named = dict(self._tokens)
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": ADMIN.name,
            "clusters": [{"name": "in-memory", "cluster": cluster}],
            "contexts": [{"name": name, "context": {"cluster": "in-memory", "user": name}} for name in named],
            "users": [{"name": name, "user": {"token": token}} for name, token in named.items()],
        }

    def _written(self, name: str, text: str) -> str:
        if self._files is None:
            self._files = tempfile.TemporaryDirectory(prefix="api-server-")
        path = Path(self._files.name, name)
        path.write_text(text)
        return str(path)

    def _remove_files(self) -> None:
        if self._files is not None:
            self._files.cleanup()
            self._files = None


def _tuple(given: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(given)
