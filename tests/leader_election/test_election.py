"""A candidate against a lease, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.leader_election.fake_lock import SERVER_ERROR, FakeLease, FakeLock

from kubeinformer.errors import Conflict, Forbidden, NetworkError
from kubeinformer.leader_election.candidate import Candidate, Terms
from kubeinformer.leader_election.election import Election
from kubeinformer.leader_election.lease_record import record_of
from kubeinformer.testing.fake_clock import FakeClock

OTHER = {"holderIdentity": "other", "leaseDurationSeconds": 15, "leaseTransitions": 1, "renewTime": "x"}


class Stage:
    """A candidate `me`, its way to the lease, and the leaders that it saw."""

    def __init__(self, spec: dict[str, object] | None = None, who: str = "me") -> None:
        self.clock = FakeClock(random_value=0.0)
        self.lease = FakeLease(spec)
        self.lock = FakeLock(self.lease, who, self.clock)
        self.candidate = Candidate(Terms(who))
        self.leaders: list[str] = []
        self.election = Election(self.candidate, self.lock, self.clock, self.leaders.append)

    async def leading(self) -> asyncio.Task[str]:
        await self.election.campaign()
        return asyncio.create_task(self.election.lead())

    def write(self, **fields: object) -> None:
        """Write as somebody else."""
        self.lease.spec = {**(self.lease.spec or {}), **fields}
        self.lease.version += 1


def play(main: Callable[[], Awaitable[None]]) -> None:
    async def awaited() -> None:
        await main()

    asyncio.run(awaited())


def test_the_first_candidate_leads_and_renews_by_updates_alone() -> None:
    """Invariant 279: one read and one creation; from then on one update in two seconds, and no read."""

    async def main() -> None:
        stage = Stage()
        leading = await stage.leading()
        await stage.clock.advance_async(20)
        assert not leading.done()
        requests = [verb for verb, who in stage.lease.log if who == "me" and verb != "written"]
        assert requests == ["get", "create", *["update"] * 10]
        assert stage.leaders == ["me"]
        assert stage.election.slow_renewals == 0
        leading.cancel()

    play(main)


def test_a_conflict_leads_to_a_read_and_then_to_updates_again() -> None:
    """Invariant 279: somebody touched the lease (labels, say), and it is still ours."""

    async def main() -> None:
        stage = Stage()
        leading = await stage.leading()
        stage.lease.version += 1
        await stage.clock.advance_async(4)
        requests = [verb for verb, who in stage.lease.log if who == "me" and verb != "written"]
        assert requests == ["get", "create", "update", "get", "update", "update"]
        assert stage.election.slow_renewals == 1
        assert not leading.done()
        leading.cancel()

    play(main)


def test_a_standby_leads_after_the_leader_was_silent_for_its_whole_duration() -> None:
    """Invariants 269 and 270: it says who leads until then."""

    async def main() -> None:
        stage = Stage(OTHER)
        campaign = asyncio.create_task(stage.election.campaign())
        await stage.clock.advance_async(14.9)
        assert not campaign.done()
        assert stage.leaders == ["other"]
        await stage.clock.advance_async(2.1)
        assert campaign.done()
        assert stage.leaders == ["other", "me"]
        assert stage.lease.spec is not None
        assert stage.lease.spec["leaseTransitions"] == 2

    play(main)


def test_a_released_lease_is_taken_within_a_retry_period() -> None:
    """Case C49: an empty holder means now; a quarter of a period more is chance, so that two do not always collide."""

    async def main() -> None:
        stage = Stage(OTHER)
        stage.clock.random_value = 0.999
        campaign = asyncio.create_task(stage.election.campaign())
        await stage.clock.advance_async(5)
        stage.write(holderIdentity="")
        await stage.clock.advance_async(2.5)
        assert campaign.done()
        assert stage.leaders == ["other", "", "me"]

    play(main)


@pytest.mark.parametrize(
    "fault", [SERVER_ERROR, Conflict(409), NetworkError("no"), OSError("odd"), "hangs", "late"]
)
def test_a_leader_that_cannot_renew_ends_before_another_may_begin(fault: Exception | str) -> None:
    """Case C47: whatever becomes of its requests, also where one hangs; at its deadline, once."""

    async def main() -> None:
        stage = Stage()
        leading = await stage.leading()
        await stage.clock.advance_async(4.5)  # renewed at 4
        stage.lock.fault = fault
        await stage.clock.advance_async(9.4)
        assert not leading.done()
        await stage.clock.advance_async(0.1)
        assert leading.done()
        assert await leading == "the lease could not be renewed for 10.0 s"
        assert stage.clock.now() == 14.0
        assert stage.candidate.expires_at() == 19.0
        await stage.clock.settle()
        assert stage.clock.pending == 0

    play(main)


def test_a_leader_that_sees_another_holder_ends_at_once() -> None:
    """Case C47: the lease shows B."""

    async def main() -> None:
        stage = Stage()
        leading = await stage.leading()
        await stage.clock.advance_async(3)
        stage.write(**OTHER)
        await stage.clock.advance_async(1)
        assert leading.done()
        assert await leading == "the lease is held by other"
        assert stage.leaders == ["me", "other"]

    play(main)


def test_a_short_outage_is_survived() -> None:
    """It goes on leading where a renewal comes through before the deadline."""

    async def main() -> None:
        stage = Stage()
        leading = await stage.leading()
        for _ in range(5):
            stage.lock.fault = SERVER_ERROR
            await stage.clock.advance_async(7)
            stage.lock.fault = None
            await stage.clock.advance_async(5)
        assert not leading.done()
        leading.cancel()

    play(main)


def test_a_release_reads_first_and_leaves_a_foreign_lease_alone() -> None:
    """Invariants 274 and 275, case C49: it is released where it still names us on the server, and only there."""

    async def main() -> None:
        stage = Stage()
        await stage.election.campaign()
        assert await stage.election.release()
        assert [verb for verb, _ in stage.lease.log[-3:]] == ["get", "update", "written"]
        assert stage.lease.spec is not None
        assert stage.lease.spec["holderIdentity"] == ""
        assert stage.leaders == ["me", ""]
        stage.write(**OTHER)
        assert not await stage.election.release()
        assert stage.lease.spec["holderIdentity"] == "other"

    play(main)


def test_a_release_is_tried_again_after_a_conflict_and_given_up_in_time() -> None:
    """Invariant 276: until the renew deadline."""

    async def main() -> None:
        stage = Stage()
        await stage.election.campaign()
        stage.lock.latency = 0.2
        releasing = asyncio.create_task(stage.election.release())
        await stage.clock.advance_async(0.5)  # it has read
        stage.lease.version += 1
        await stage.clock.advance_async(2)
        assert await releasing
        assert [verb for verb, who in stage.lease.log if who == "me"][-4:] == [
            "get",
            "update",
            "get",
            "update",
        ]
        stage.lock.fault = "hangs"
        hopeless = asyncio.create_task(stage.election.release())
        await stage.clock.advance_async(10)
        assert hopeless.done()
        assert not await hopeless

    play(main)


@pytest.mark.parametrize("fault", [SERVER_ERROR, NetworkError("reset"), "hangs"])
def test_a_release_survives_a_short_outage(fault: Exception | str) -> None:
    """Case C49: else nobody would lead for a whole duration, because a server restarted at that moment."""

    async def main() -> None:
        stage = Stage()
        await stage.election.campaign()
        stage.lock.fault = fault
        releasing = asyncio.create_task(stage.election.release())
        await stage.clock.advance_async(1)
        stage.lock.fault = None
        await stage.clock.advance_async(7)
        assert releasing.done()
        assert await releasing
        assert stage.lease.spec is not None
        assert stage.lease.spec["holderIdentity"] == ""

    play(main)


@pytest.mark.parametrize(
    ("fault", "tries", "seconds"),
    [(Forbidden(403), 1, 0.0), (Conflict(409), 6, 10.0), (SERVER_ERROR, 5, 10.0)],
)
def test_a_release_that_is_refused_floods_nobody(
    fault: Exception, tries: int, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 276: what cannot help is not tried again, the rest a few times; and the log says why it failed."""

    async def main() -> None:
        stage = Stage()
        await stage.election.campaign()
        stage.lease.log.clear()
        stage.lock.fault = fault
        releasing = asyncio.create_task(stage.election.release())
        await stage.clock.advance_async(seconds)
        assert releasing.done()
        assert not await releasing
        assert len(stage.lease.log) == tries

    play(main)
    assert f"could not be released: {fault}" in caplog.text


def test_a_leadership_that_was_over_once_is_not_taken_up_again() -> None:
    """Regression 27: the machine was suspended and no timer has noticed: workers have ended, so the leader does, too."""

    async def main() -> None:
        stage = Stage()
        leading = await stage.leading()
        await stage.clock.advance_async(4.5)
        stage.candidate.renewed_at -= 12  # as if that long had passed in a moment
        requests = len(stage.lease.log)
        await stage.clock.advance_async(2)
        assert leading.done()
        assert "could not be renewed" in await leading
        assert len(stage.lease.log) == requests

    play(main)


def test_a_lease_that_is_deleted_goes_on_and_nobody_else_leads() -> None:
    """Case C47: the leader makes it anew, with its token; a standby that looks before that waits."""

    async def main() -> None:
        stage = Stage({**OTHER, "holderIdentity": "", "leaseTransitions": 6})
        leading = await stage.leading()
        standby = Election(
            Candidate(Terms("standby")), FakeLock(stage.lease, "standby", stage.clock), stage.clock
        )
        waiting = asyncio.create_task(standby.campaign())
        await stage.clock.advance_async(1)
        for _ in range(3):
            stage.lease.spec = None
            stage.lease.version += 1
            await stage.clock.advance_async(3)
            made_anew = record_of(stage.lease.spec)
            assert (made_anew.holder, made_anew.transitions) == ("me", 7)
        assert not leading.done()
        assert not waiting.done()
        leading.cancel()
        waiting.cancel()

    play(main)


def test_an_outage_is_told_of_each_time(caplog: pytest.LogCaptureFixture) -> None:
    """A standby that waits for months logs the same fault once for each outage, not once for ever."""

    async def main() -> None:
        stage = Stage(OTHER)
        campaign = asyncio.create_task(stage.election.campaign())
        for _ in range(3):
            stage.lock.fault = SERVER_ERROR
            await stage.clock.advance_async(4)
            stage.lock.fault = None
            stage.write(renewTime=str(stage.clock.now()))
            await stage.clock.advance_async(4)
        campaign.cancel()

    play(main)
    assert len(caplog.records) == 3


def test_who_is_ended_in_the_middle_of_asking_can_wait_for_the_answer() -> None:
    """Invariant 277: a request that was sent may be done after a release that read before it: so its end comes first."""

    async def main() -> None:
        stage = Stage()
        stage.lock.latency = 0.5
        campaign = asyncio.create_task(stage.election.campaign())
        await stage.clock.advance_async(1.25)  # it has read, and asks
        assert stage.election.claimed
        answered = asyncio.create_task(stage.election.claiming.acquire())
        await stage.clock.settle()
        assert not answered.done()
        await stage.clock.advance_async(0.75)
        assert answered.done()
        assert campaign.done()
        assert not stage.election.claimed

    play(main)


def test_two_candidates_that_create_at_once_make_one_leader() -> None:
    """Case C49: the second one is told that it exists, and stands by."""

    async def main() -> None:
        clock = FakeClock(random_value=0.0)
        lease = FakeLease()
        elections = []
        for who in ("a", "b"):
            lock = FakeLock(lease, who, clock)
            lock.latency = 0.1
            elections.append(Election(Candidate(Terms(who)), lock, clock))
        campaigns = [asyncio.create_task(election.campaign()) for election in elections]
        await clock.advance_async(10)
        assert [campaign.done() for campaign in campaigns] == [True, False]
        campaigns[1].cancel()

    play(main)
