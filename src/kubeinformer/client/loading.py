"""Finding a connection's settings where kubectl and pods keep them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kubeinformer.client.config import Config, FilePath
from kubeinformer.client.in_cluster import SERVICE_ACCOUNT_ROOT, in_cluster_config
from kubeinformer.client.kubeconfig import read_kubeconfig
from kubeinformer.errors import ConfigurationError


def load_config(
    kubeconfig: FilePath | None = None,
    context: str | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    service_account_root: Path = SERVICE_ACCOUNT_ROOT,
) -> Config:
    """Return the settings of a connection: from a kubeconfig, else from the pod that this runs in. No network.

    Looked for in this order: `kubeconfig`; the files of the environment variable `KUBECONFIG`, merged;
    `~/.kube/config`; the pod's service account. Files that don't exist, or say nothing, are passed over, except
    one that is asked for.

    Args:
        kubeconfig: The path of one kubeconfig file.
        context: A context of the kubeconfig; by default its current one. With it, only kubeconfigs count.
        environment: By default that of the process.
        service_account_root: Where a pod's credentials lie.

    Raises:
        ConfigurationError: What was found is wrong, or nothing was found; the message lists what was tried.
    """
    environment = os.environ if environment is None else environment
    if kubeconfig is not None:
        path = Path(kubeconfig)
        found = read_kubeconfig([path])
        if not found.files:
            raise ConfigurationError(f"{path}: no such file")
        return found.config(context)
    source, paths = _default_paths(environment)
    found = read_kubeconfig(paths)
    if not found.is_empty:
        return found.config(context)
    tried = f"{source} (missing or empty)"
    if context is not None:
        raise ConfigurationError(f"no kubeconfig to take the context {context!r} from; tried {tried}")
    try:
        return in_cluster_config(environment, service_account_root)
    except ConfigurationError as error:
        message = f"no configuration found; tried {tried}, and the service account of a pod ({error})"
        raise ConfigurationError(message) from None


def _default_paths(environment: Mapping[str, str]) -> tuple[str, list[Path]]:
    listed = environment.get("KUBECONFIG", "")
    if paths := [Path(entry) for entry in listed.split(os.pathsep) if entry]:
        return f"KUBECONFIG={listed}", paths
    try:
        home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    except RuntimeError:  # a user without a home
        return "no home directory", []
    return str(home / ".kube" / "config"), [home / ".kube" / "config"]
