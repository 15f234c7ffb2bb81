"""Shared by the tests of the blocking face."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from kubeinformer.clock import SystemClock, Timer

HASTE = 20.0


class HastyClock(SystemClock):
    """Runs twenty times as fast as time: back-offs of seconds pass in a moment, in their order and proportion."""

    @staticmethod
    def now() -> float:
        return time.monotonic() * HASTE

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(delay / HASTE, callback)


@pytest.fixture
def hasty_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let factories run on a hasty clock."""
    monkeypatch.setattr("kubeinformer.cache.factory.SystemClock", HastyClock)
