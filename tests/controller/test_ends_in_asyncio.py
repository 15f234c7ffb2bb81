"""A controller that ends on a loop which goes on: nothing of it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from kubeinformer import aio, every
from kubeinformer.testing.waiting import eventually_async


def test_no_source_goes_on_after_the_end() -> None:
    """What is put into a queue later stays there; timers and iterables are let go, and no task is left."""

    async def main() -> None:
        triggers: asyncio.Queue[str] = asyncio.Queue()
        seen: set[str] = set()

        async def keys() -> AsyncIterator[str]:
            yield "from the iterable"
            await asyncio.Event().wait()

        async def reconcile(request: aio.Request) -> None:
            seen.add(request.key)

        controller = aio.Controller("ending", reconcile)
        for source in (triggers, keys(), every(0.001, "from the timer")):
            controller.watch(source)
        async with controller:
            await triggers.put("from the queue")
            await eventually_async(lambda: len(seen) == 3)
        await triggers.put("late")
        await eventually_async(lambda: len(asyncio.all_tasks()) == 1)
        assert triggers.qsize() == 1

    asyncio.run(main())


def test_nobody_watches_threads_that_have_ended() -> None:
    """A time-out for runs in threads leaves no task behind either."""

    async def main() -> None:
        controller = aio.Controller("watched", lambda _: None, reconcile_timeout=3600)
        async with controller:
            assert len(asyncio.all_tasks()) > 1
        await eventually_async(lambda: len(asyncio.all_tasks()) == 1)

    asyncio.run(main())


@pytest.mark.parametrize("grace_period", [0.0, 0.01])
def test_what_outlasts_the_grace_period_is_cut_off(grace_period: float) -> None:
    """`stop` does not return before it is."""

    async def main() -> None:
        begun = asyncio.Event()

        async def reconcile(_: aio.Request) -> None:
            begun.set()
            await asyncio.Event().wait()

        controller = aio.Controller("cut", reconcile, grace_period=grace_period)
        controller.enqueue("a")
        await controller.start()
        await begun.wait()
        await controller.stop()
        assert [run.result for run in controller.explain("a").history] == ["cancelled"]

    asyncio.run(main())
