"""A reflector on a stage: scripted server, recorder, fake clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.cache.scripted_server import (
    Recorder,
    ScriptedServer,
)

from kubeinformer.cache.reflector import Reflector
from kubeinformer.testing.fake_clock import FakeClock


class Stage:
    """A reflector on a fake clock, between a scripted server and a recorder."""

    def __init__(self, server: ScriptedServer, recorder: Recorder | None = None) -> None:
        self.server = server
        self.recorder = recorder or Recorder()
        self.clock = FakeClock(random_value=0.0)
        self.reflector = Reflector(server, self.recorder, self.clock, scope=None, name="pods")

    async def pass_time(self, seconds: float = 0.0) -> None:
        await self.clock.advance_async(seconds)


def play(stage: Stage, scene: Callable[[Stage], Awaitable[None]]) -> None:
    """Run the reflector while `scene` acts; it must end by cancellation, within the same turn of the loop."""

    async def run() -> None:
        task = asyncio.create_task(stage.reflector.run())
        await stage.pass_time()
        try:
            await scene(stage)
            assert not task.done()
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert all(stream.closed for stream in stage.server.streams)
        assert stage.clock.pending == 0

    asyncio.run(run())
