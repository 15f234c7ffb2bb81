"""Shared by the tests of electors over HTTP: a clock on which a lease of 15 seconds lasts four."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.hasty_clock import HastyClock

from kubeinformer.testing import APIServer

HASTE = 4.0  # not more: on a busy machine a lease would be lost


@pytest.fixture
def clock() -> HastyClock:
    return HastyClock(HASTE)


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running
