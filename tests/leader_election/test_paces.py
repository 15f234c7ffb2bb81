"""How often a candidate asks, and what an answer that is awaited holds up, in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from tests.leader_election.fake_lock import SERVER_ERROR
from tests.leader_election.test_election import OTHER, Stage, play


@pytest.mark.parametrize(("chance", "requests"), [(0.0, 6), (0.8, 5)])
def test_a_standby_asks_every_retry_period_and_a_part_of_a_quarter_more(chance: float, requests: int) -> None:
    """Case C49: at 0, 2, 4 s and so on; by chance up to half a second later, never sooner."""

    async def main() -> None:
        stage = Stage(OTHER)
        stage.clock.random_value = chance
        campaign = asyncio.create_task(stage.election.campaign())
        await stage.clock.advance_async(10)
        assert stage.lease.log == [("get", "me")] * requests
        assert not stage.election.claimed  # it has asked for nothing that it would have to give back
        campaign.cancel()

    play(main)


def test_a_request_has_half_of_the_deadline(caplog: pytest.LogCaptureFixture) -> None:
    """Case C47: one that hangs is given up in time for a second one."""

    async def main() -> None:
        stage = Stage()
        leading = await stage.leading()
        stage.lock.fault = "hangs"
        await stage.clock.advance_async(6.5)
        stage.lock.fault = None
        assert len([verb for verb, _ in stage.lease.log if verb == "update"]) == 1
        await stage.clock.advance_async(1.0)  # given up at 7, and read and written at once
        assert stage.candidate.renewed_at == 7.0
        leading.cancel()

    play(main)
    assert "TimeoutError" in caplog.text  # it has no words of its own


def test_each_outage_of_a_leader_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """Once for each of them, not for each request, and not once for ever."""

    async def main() -> None:
        stage = Stage()
        leading = await stage.leading()
        for _ in range(3):
            stage.lock.fault = SERVER_ERROR
            await stage.clock.advance_async(4)
            stage.lock.fault = None
            await stage.clock.advance_async(4)
        leading.cancel()

    play(main)
    assert len(caplog.records) == 3


def test_a_leader_that_is_ended_waits_for_no_renewal(caplog: pytest.LogCaptureFixture) -> None:
    """Invariant 277: what it holds is known, so that its end need not wait for an answer; a failed renewal is told."""

    async def main() -> None:
        stage = Stage()
        leading = await stage.leading()
        stage.lock.latency = 0.5
        stage.lease.version += 1
        await stage.clock.advance_async(4.25)  # refused at 3, read at 4, and written once more
        assert [verb for verb, _ in stage.lease.log[-3:]] == ["update", "get", "update"]
        assert not stage.election.claiming.locked()
        assert not stage.election.claimed
        leading.cancel()

    play(main)
    assert "somebody else was faster" in caplog.text
