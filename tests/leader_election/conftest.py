"""Shared by the tests of electors over HTTP: a clock on which a lease of 15 seconds lasts four."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from kubeinformer.clock import SystemClock, Timer
from kubeinformer.testing import APIServer

HASTE = 4.0


class HastyClock(SystemClock):
    """Runs four times as fast as time; not more, or a busy machine would cost a lease."""

    @staticmethod
    def now() -> float:
        return time.monotonic() * HASTE

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(delay / HASTE, callback)


@pytest.fixture
def clock() -> HastyClock:
    return HastyClock()


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running
