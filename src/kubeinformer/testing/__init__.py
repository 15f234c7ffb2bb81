"""What tests of programs on Kubernetes need: servers and a clock that they command."""

from kubeinformer.testing.api_server import APIServer
from kubeinformer.testing.control_plane import ControlPlane
from kubeinformer.testing.fake_clock import FakeClock

__all__ = ["APIServer", "ControlPlane", "FakeClock"]
