"""Settings of all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No test is timed, for a machine may be busy; what else is set (in CI, say) stays.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
