"""The asyncio face of leader election."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from kubeinformer.errors import LeadershipLost
from kubeinformer.leader_election.elector import ElectorFront
from kubeinformer.leader_election.leadership import Leadership


class LeaderElector(ElectorFront):
    """Lets one of several replicas be at work: `async with LeaderElector(config, "name", "namespace") as leadership:`.

    The block is entered when this replica leads. When it does not any more, the task of the block is cancelled, and
    LeadershipLost comes out of the block; where the block has not ended half a second before another replica may lead (a
    loop that is blocked, say), the process is ended. Renewal runs on a thread and a connection of its own. At the end of
    the block, however it ends, the lease is released if it is still ours.

    An elector may also be given to `run_all` or `Controller.run`, which do all of this by themselves.
    """

    async def __aenter__(self) -> Leadership:
        campaign = self._entered = self.begin()
        try:
            self._leadership = await asyncio.wrap_future(campaign.acquired)
        except BaseException:
            await campaign.end_async()
            raise
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()

        def lost(_: object) -> None:
            with suppress(RuntimeError):  # the loop is closed, and the block with it
                loop.call_soon_threadsafe(self._cancel)

        self._cancelled = False
        self._leadership.lost.add_done_callback(lost)
        return self._leadership

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        cancelled, self._cancelled = self._cancelled, True
        only_by_us = cancelled and self._task.uncancel() <= self._cancelling
        lost = self._leadership.lost
        await self._entered.end_async()
        if lost.done() and (kind is None or (only_by_us and kind is asyncio.CancelledError)):
            raise LeadershipLost(lost.result())

    def _cancel(self) -> None:
        if not self._cancelled:
            self._cancelled = True
            self._task.cancel()
