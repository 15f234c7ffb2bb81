"""What a control plane and somebody else's cluster have in common: requests, resources, tokens, a pod's own files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from kubeinformer.testing.control_plane import cluster_duties
from kubeinformer.testing.crd_files import Definitions, definitions_in
from kubeinformer.testing.plain_requests import PlainRequests

if TYPE_CHECKING:
    from collections.abc import Sequence


class ClusterAccess(PlainRequests):
    """Any thread may call any method."""

    @property
    def ca_file(self) -> str:
        """Path of the PEM file that the API server's certificate is verified with."""
        raise NotImplementedError

    def install_crd(self, *crds: Definitions) -> None:
        """Create or update CustomResourceDefinitions; returns when their objects are served.

        Args:
            crds: Mappings, files of YAML or JSON, or folders of such files.

        Raises:
            StatusError: The server refused one.
            ControlPlaneError: One was not served within 30 s.
            ValueError: A file has no definition.
        """
        for crd in definitions_in(*crds):
            cluster_duties.install_crd(self._client, crd)

    def finalize_namespace(self, name: str) -> None:
        """Delete a namespace and what is in it, as the namespace controller would; it is gone on return.

        Raises:
            StatusError: There is no such namespace, or the server protects it.
            ControlPlaneError: The namespace has finalizers in its metadata, so it stays.
        """
        cluster_duties.finalize_namespace(self._client, name)

    def service_account_token(
        self,
        name: str,
        namespace: str = "default",
        *,
        audiences: Sequence[str] = (),
        expiration_seconds: int = 3600,
    ) -> str:
        """Return a fresh token of a service account, which is made if need be (TokenRequest, KEP-1205).

        Args:
            name: The service account.
            namespace: Where it is.
            audiences: Whom the token is for; () for the API server.
            expiration_seconds: How long it holds; the server takes no less than 600.

        Raises:
            StatusError: There is no such namespace, or the server takes no such duration.
        """
        path = f"/api/v1/namespaces/{quote(namespace)}/serviceaccounts/{quote(name)}"
        self._client.apply(path, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
        wanted = {"audiences": list(audiences), "expirationSeconds": expiration_seconds}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": wanted}
        token: str = self._client.call("POST", f"{path}/token", body)["status"]["token"]
        return token

    def write_service_account_files(
        self, folder: str | Path, name: str, namespace: str = "default", *, expiration_seconds: int = 3600
    ) -> None:
        """Write what the kubelet puts into a pod: `token`, `ca.crt` and `namespace`; again, to rotate the token.

        Each file is replaced by a rename, so a reader never sees half a token.

        Raises:
            OSError: The folder cannot be written.
            StatusError: As for `service_account_token`.
        """
        token = self.service_account_token(name, namespace, expiration_seconds=expiration_seconds)
        content = {"token": token, "ca.crt": Path(self.ca_file).read_text(), "namespace": namespace}
        for file, text in content.items():
            with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as new:
                new.write(text)
            Path(new.name).rename(Path(folder) / file)
