"""Shared by the tests of the blocking face."""

from __future__ import annotations

import pytest
from tests.hasty_clock import HastyClock


@pytest.fixture
def hasty_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let factories run on a hasty clock."""
    monkeypatch.setattr("kubeinformer.cache.factory.SystemClock", HastyClock)
