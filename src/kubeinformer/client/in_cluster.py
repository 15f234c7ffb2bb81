"""The connection of a pod to its own cluster, from what the kubelet puts into it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kubeinformer.client.config import Config
from kubeinformer.errors import ConfigurationError

SERVICE_ACCOUNT_ROOT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def in_cluster_config(environment: Mapping[str, str], root: Path = SERVICE_ACCOUNT_ROOT) -> Config:
    """Return the settings of the pod's own service account ("Accessing the API from within a Pod").

    Args:
        environment: The process's environment.
        root: The folder that holds `token`, `ca.crt` and `namespace`.

    Raises:
        ConfigurationError: This is no pod, or one without a service account; the message says what is missing.
    """
    host, port = (environment.get(f"KUBERNETES_SERVICE_{part}", "") for part in ("HOST", "PORT"))
    if not host or not port:
        raise ConfigurationError("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
    token_file, ca_file = root / "token", root / "ca.crt"
    for file in (token_file, ca_file):
        if not file.is_file():
            raise ConfigurationError(f"{file} does not exist")
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return Config(
        server=f"https://{host}:{port}",
        token_file=token_file,
        ca_file=ca_file,
        namespace=_namespace(root / "namespace"),
    )


def _namespace(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError):
        return None
