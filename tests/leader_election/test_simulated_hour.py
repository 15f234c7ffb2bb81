"""Two electors, one lease, an hour of faults in virtual time: never two leaders, and never long without one."""

from __future__ import annotations

import asyncio
import random

import pytest
from tests.leader_election.fake_lock import SERVER_ERROR, FakeLease, FakeLock

from kubeinformer.errors import NetworkError
from kubeinformer.leader_election.candidate import Candidate, Terms
from kubeinformer.leader_election.election import Election
from kubeinformer.testing.fake_clock import FakeClock

STEP = 0.25  # seconds between two strokes of fate
TURNS = 8  # of the loop, for what a timer wakes to come to its next wait
HOUR = 3600.0
BOUND = 15.0 + 1.25 * 2.0 + 2 * 1.0
"""Seconds until a healthy candidate leads once nobody else does: a duration, a retry period, the ways there and back."""


class Skewed:
    """A clock of its own for each replica: the wall shows another time, and goes at will."""

    def __init__(self, clock: FakeClock, offset: float) -> None:
        self._clock = clock
        self.offset = offset
        self.now, self.random, self.call_later = clock.now, clock.random, clock.call_later

    def time(self) -> float:
        return self._clock.time() + self.offset


class Replica:
    """A process that campaigns, leads, and campaigns again."""

    def __init__(self, who: str, lease: FakeLease, clock: FakeClock, chance: random.Random) -> None:
        self.who = who
        self.clock = Skewed(clock, chance.uniform(-7200, 7200))
        self.lock = FakeLock(lease, who, self.clock)
        self.lease = lease
        self.chance = chance
        self.works = (
            False  # between the moment at which it was told that it leads and that at which it has stopped
        )
        self.terms_served = 0
        self.task = asyncio.create_task(self.live())

    async def live(self) -> None:
        while True:
            election = Election(Candidate(Terms(self.who)), self.lock, self.clock)
            await election.campaign()
            self.works = True
            self.terms_served += 1
            leading = asyncio.create_task(election.lead())
            try:
                await leading
            finally:
                leading.cancel()
                if asyncio.current_task() is self.task:  # else it was killed, and another life has begun
                    self.works = False
            election.candidate.resigned()

    def kill(self) -> None:
        """End it as SIGKILL does, and start it anew."""
        self.task.cancel()
        self.works = False
        self.task = asyncio.create_task(self.live())

    def spoil(self) -> None:
        """Let something become of its way to the server."""
        self.lock.fault = self.chance.choice(
            [None, None, SERVER_ERROR, NetworkError("reset"), "hangs", "late"]
        )
        self.lock.latency = self.chance.choice([0.0, 0.01, 0.5, 3.0])
        self.clock.offset += self.chance.uniform(-3600, 3600)

    def heal(self) -> None:
        self.lock.fault = None
        self.lock.latency = self.chance.choice([0.0, 0.05])


@pytest.mark.parametrize("seed", range(6))
def test_there_are_never_two_leaders_and_soon_one(seed: int) -> None:
    """Case C47, regression 27: through errors, hangs, lost answers, kills and clocks that jump by hours."""

    async def main() -> None:
        chance = random.Random(seed)
        clock, lease = FakeClock(seed=seed), FakeLease()
        replicas = [Replica(who, lease, clock, chance) for who in ("a", "b")]
        leaderless = longest = 0.0
        healthy_since = 0.0
        while clock.now() < HOUR:
            if chance.random() < STEP / 20:
                chance.choice(replicas).spoil()
                healthy_since = float("inf")
            if healthy_since == float("inf") and chance.random() < STEP / 15:
                for replica in replicas:
                    replica.heal()
                healthy_since = clock.now()
            if chance.random() < STEP / 120:
                chance.choice(replicas).kill()
            until = clock.now() + STEP
            await clock.settle(TURNS)
            while (
                due := clock.next_due
            ) is not None and due <= until:  # every moment at which something happens
                clock.advance(max(0.0, due - clock.now()))
                await clock.settle(TURNS)
                assert sum(replica.works for replica in replicas) <= 1, f"two leaders at {clock.now()}"
            clock.advance(until - clock.now())
            if any(replica.works for replica in replicas) or healthy_since == float("inf"):
                leaderless = 0.0
            else:
                leaderless += STEP
                longest = max(longest, min(leaderless, clock.now() - healthy_since))
        assert longest <= BOUND + STEP
        assert all(replica.terms_served > 3 for replica in replicas)
        for replica in replicas:
            replica.task.cancel()
        await asyncio.gather(*(replica.task for replica in replicas), return_exceptions=True)

    asyncio.run(main())
