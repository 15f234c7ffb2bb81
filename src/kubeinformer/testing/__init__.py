"""What tests of programs on Kubernetes need: servers and a clock that they command."""

from kubeinformer.testing.fake_clock import FakeClock

__all__ = ["FakeClock"]
