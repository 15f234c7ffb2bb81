"""The cluster of the current kubeconfig in place of servers of our own (`USE_EXISTING_CLUSTER`, as for envtest)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kubeinformer.testing.control_plane.processes import ControlPlaneError
from kubeinformer.testing.plain_client import PlainClient

if TYPE_CHECKING:
    from kubeinformer.client.config import Config


class ExistingCluster:
    """A cluster that somebody else runs; it is neither started nor stopped.

    Attributes:
        config: The connection, as `load_config` finds it.
        client: Plain requests with the same credentials, where these are a token or a certificate.
        ca_file: What the server's certificate is verified with.

    Raises:
        ConfigurationError: There is no usable kubeconfig.
        ControlPlaneError: The credentials are of another kind.
    """

    def __init__(self) -> None:
        from kubeinformer.client.loading import load_config

        self.config = load_config()
        self._files = tempfile.TemporaryDirectory(prefix="existing-cluster-")
        self.ca_file = self._file("ca.crt", self.config.ca_file, self.config.ca_data)
        certificate = self._certificate()
        token = _token(self.config)
        if not token and certificate is None:
            raise ControlPlaneError(
                "USE_EXISTING_CLUSTER works with a token or a client certificate, and the kubeconfig has neither"
            )
        self.client = PlainClient(
            self.config.server, ca_file=self.ca_file, token=token, certificate=certificate
        )

    def close(self) -> None:
        """Remove the files that were made."""
        self._files.cleanup()

    def _certificate(self) -> tuple[Path, Path] | None:
        config = self.config
        certificate = self._file("client.crt", config.client_certificate, config.client_certificate_data)
        key = self._file("client.key", config.client_key, config.client_key_data)
        return None if certificate is None or key is None else (certificate, key)

    def _file(self, name: str, path: object, data: bytes | str | None) -> Path | None:
        if path is not None:
            return Path(str(path))
        if data is None:
            return None
        file = Path(self._files.name, name)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return file


def _token(config: Config) -> str:
    if config.token:
        return config.token
    return "" if config.token_file is None else Path(config.token_file).read_text().strip()
