"""User code that is still in flight when something is stopped: it gets a moment, and is named where it goes on."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Sequence

from kubeinformer.cache.delivery import waits_for_itself
from kubeinformer.cache.factory import UserCode

_log = logging.getLogger("kubeinformer.factory")
STOP_WAIT = 0.4  # seconds that a stop waits for user code in flight
CANCEL_WAIT = 0.1  # seconds that a task has to end once it was cancelled


def join_user_code(in_flight: Sequence[UserCode]) -> None:
    """Wait a moment for calls in flight, from a thread; cancel what can be cancelled, and name what goes on.

    Inside a handler it does not wait: it would wait for itself.
    """
    if waits_for_itself():
        return
    for seconds in (STOP_WAIT, CANCEL_WAIT):
        until = time.monotonic() + seconds
        in_flight = [code for code in in_flight if not code.join(max(0.0, until - time.monotonic()))]
        for code in in_flight:
            code.interrupt()
    _name(in_flight)


async def wait_for_user_code(in_flight: Sequence[UserCode]) -> None:
    """Wait a moment for calls in flight, on an event loop; as `join_user_code` else."""
    if waits_for_itself():
        return
    for seconds in (STOP_WAIT, CANCEL_WAIT):
        await wait_for_end(in_flight, seconds)
        in_flight = [code for code in in_flight if not code.ended.done()]
        for code in in_flight:
            code.interrupt()
    _name(in_flight)


async def wait_for_end(in_flight: Sequence[UserCode], seconds: float | None) -> None:
    """Wait until no call is in flight, at most so many seconds."""
    ends = [asyncio.wrap_future(code.ended) for code in in_flight if not code.ended.done()]
    if ends:
        await asyncio.wait(ends, timeout=seconds)  # unlike wait_for, it never cancels an `ended`


def _name(in_flight: Sequence[UserCode]) -> None:
    for code in in_flight:
        _log.warning("%s is still running after stop (process %d)", code.name, os.getpid())
