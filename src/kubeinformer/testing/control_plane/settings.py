"""How the servers of a control plane are started: what the caller says, and what envtest's variables say."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kubeinformer.testing.control_plane.processes import ControlPlaneError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_START, _STOP = "KUBEBUILDER_CONTROLPLANE_START_TIMEOUT", "KUBEBUILDER_CONTROLPLANE_STOP_TIMEOUT"
_OUTPUT = "KUBEBUILDER_ATTACH_CONTROL_PLANE_OUTPUT"
_EXISTING = "USE_EXISTING_CLUSTER"
_START_SECONDS, _STOP_SECONDS = 60.0, 30.0


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What the two servers are started with.

    Attributes:
        api_server_flags: Added to kube-apiserver's command line; they win.
        etcd_flags: Added to etcd's command line; they win.
        feature_gates: Features of kube-apiserver, on or off.
        start_timeout: Seconds that each server has to become ready.
        stop_timeout: Seconds that a server has to end before it is killed.
    """

    api_server_flags: tuple[str, ...] = ()
    etcd_flags: tuple[str, ...] = ()
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    start_timeout: float = _START_SECONDS
    stop_timeout: float = _STOP_SECONDS

    @property
    def all_api_server_flags(self) -> list[str]:
        """The flags of kube-apiserver, feature gates included."""
        gates = ",".join(f"{name}={str(on).lower()}" for name, on in self.feature_gates.items())
        return [*([f"--feature-gates={gates}"] if gates else []), *self.api_server_flags]


def settings_of(
    api_server_flags: Sequence[str],
    etcd_flags: Sequence[str],
    feature_gates: Mapping[str, bool],
    start_timeout: float | None,
    stop_timeout: float | None,
) -> ServerSettings:
    """Return the settings; for a time-out of None envtest's variable counts, else the default.

    Raises:
        ControlPlaneError: A variable is no duration.
    """
    return ServerSettings(
        tuple(api_server_flags),
        tuple(etcd_flags),
        dict(feature_gates),
        start_timeout if start_timeout is not None else _duration(_START, _START_SECONDS),
        stop_timeout if stop_timeout is not None else _duration(_STOP, _STOP_SECONDS),
    )


def wants_existing_cluster() -> bool:
    """Return whether the environment asks for the cluster of the current kubeconfig instead of servers of our own."""
    return os.environ.get(_EXISTING, "").lower() == "true"


def wants_output() -> bool:
    """Return whether the environment asks to see what the servers wrote."""
    return os.environ.get(_OUTPUT, "").lower() == "true"


def _duration(variable: str, default: float) -> float:
    """Return the seconds of a duration in Go's form, such as `1m30s`."""
    text = os.environ.get(variable, "")
    if not text:
        return default
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ControlPlaneError(f"{variable}={text} is no duration such as 60s or 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
