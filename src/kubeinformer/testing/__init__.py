"""What tests of programs on Kubernetes need: servers, a clock that they command, and ways to wait.

    from kubeinformer.testing import APIServer, eventually

Nothing is loaded before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubeinformer.testing.api_server import APIServer
    from kubeinformer.testing.control_plane import ControlPlane
    from kubeinformer.testing.fake_clock import FakeClock
    from kubeinformer.testing.recording import record, replay
    from kubeinformer.testing.waiting import eventually, eventually_async, eventually_equal

__all__ = [
    "APIServer",
    "ControlPlane",
    "FakeClock",
    "eventually",
    "eventually_async",
    "eventually_equal",
    "record",
    "replay",
]

_MODULES = {
    "APIServer": "api_server",
    "ControlPlane": "control_plane",
    "FakeClock": "fake_clock",
    "eventually": "waiting",
    "eventually_async": "waiting",
    "eventually_equal": "waiting",
    "record": "recording",
    "replay": "recording",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
