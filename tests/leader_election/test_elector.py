"""Electors over HTTP, in both faces: their blocks, their ends, and what they tell."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.hasty_clock import HastyClock
from tests.leader_election.conftest import HASTE
from tests.programs import running

from kubeinformer import Config, LeaderElector, LeadershipLost, UsageError, aio
from kubeinformer.leader_election.election import Election
from kubeinformer.prometheus import PrometheusMetrics
from kubeinformer.testing import APIServer
from kubeinformer.testing.waiting import eventually, eventually_async

LEASES = "leases.coordination.k8s.io"


def lease(server: APIServer) -> dict[str, Any]:
    found: dict[str, Any] = server.get(LEASES, "lock", "default")
    return found


def holder(server: APIServer) -> str:
    return str(lease(server)["spec"]["holderIdentity"])


def elector(server: APIServer, clock: HastyClock, who: str = "me", **settings: Any) -> LeaderElector:
    return LeaderElector(server.config, "lock", "default", who, clock=clock, **settings)


@contextmanager
def told_by_sigterm() -> Iterator[list[int]]:
    """Note SIGTERM instead of ending."""
    signals: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    try:
        yield signals
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_block_runs_while_it_leads_and_the_lease_is_released(server: APIServer, clock: HastyClock) -> None:
    """Invariants 274 and 283, case C49: the lease names it, and nobody after the block; nothing is refused."""
    mine = elector(server, clock)
    assert (mine.leader, mine.leadership) == ("", None)
    with mine as leadership:
        assert leadership.is_leading
        assert (leadership.identity, leadership.transitions, mine.leader) == ("me", 0, "me")
        assert mine.leadership is leadership
        assert 5 < leadership.expires_in <= 15
        assert holder(server) == "me"
        renewed = lease(server)["spec"]["renewTime"]
        eventually(lambda: lease(server)["spec"]["renewTime"] != renewed)
    assert (leadership.is_leading, holder(server)) == (False, "")
    assert lease(server)["spec"]["leaseDurationSeconds"] == 1
    assert {request.status for request in server.requests.matching(resource=LEASES)} <= {200, 201, 404}
    assert not [thread for thread in threading.enumerate() if "election" in thread.name]
    with mine as again:
        assert again.transitions == 1


def test_a_standby_leads_when_the_leader_ends(server: APIServer, clock: HastyClock) -> None:
    """Case C49: within a retry period after a release; both saw who leads."""
    seen: list[str] = []
    standby = elector(server, clock, "standby", on_new_leader=seen.append)
    begun = threading.Event()

    def stand_by() -> None:
        with standby:
            begun.set()

    with elector(server, clock, "leader"):
        waiting = threading.Thread(target=stand_by, daemon=True)
        waiting.start()
        eventually(lambda: standby.leader == "leader")
        assert not begun.is_set()
        assert standby.healthy
    assert begun.wait(30)
    waiting.join(30)
    assert [who for who in seen if who] == ["leader", "standby"]


@pytest.mark.parametrize("end", ["return", "raise", "exit"])
def test_the_end_of_the_body_ends_the_lease_at_once(server: APIServer, clock: HastyClock, end: str) -> None:
    """However the body ends, what it raised comes out and the lease is free."""

    def lead() -> None:
        with elector(server, clock):
            if end == "raise":
                raise KeyError("mine")
            if end == "exit":
                raise SystemExit(3)

    if end == "return":
        lead()
    else:
        with pytest.raises(KeyError if end == "raise" else SystemExit):
            lead()
    assert holder(server) == ""


def test_a_lost_lease_is_told_once_and_before_anybody_else_may_lead(
    server: APIServer, clock: HastyClock
) -> None:
    """Case C47: updates that hang: SIGTERM, `lost`, `is_leading`; the block that ends then raises LeadershipLost."""
    overruns: list[str] = []

    def lead() -> None:
        with (
            elector(server, clock, on_overrun=overruns.append) as leadership,
            server.every_request(resource=LEASES).hangs(),
        ):
            assert "could not be renewed" in leadership.lost.result(30)
            assert leadership.expires_in <= 5
            assert not leadership.is_leading
            eventually(lambda: bool(signals))

    with told_by_sigterm() as signals, pytest.raises(LeadershipLost, match="could not be renewed for 10"):
        lead()
    assert signals == [signal.SIGTERM]
    assert not overruns
    assert holder(server) == "me"  # not released: it might be another's by now


def test_a_lease_that_another_one_holds_is_left_alone(server: APIServer, clock: HastyClock) -> None:
    """Case C47: somebody took it: told at once, and not overwritten at the end."""

    def lead() -> None:
        with elector(server, clock) as leadership:
            server.patch(LEASES, "lock", {"spec": {"holderIdentity": "thief"}}, "default")
            leadership.lost.result(30)

    with told_by_sigterm(), pytest.raises(LeadershipLost, match="held by thief"):
        lead()
    assert holder(server) == "thief"


def test_a_body_that_does_not_end_ends_the_process(server: APIServer) -> None:
    """Regression 27: SIGTERM is ignored and the work goes on: exit code 1 before another one may lead."""
    program = f"""
import signal, sys, threading
from kubeinformer import Config, LeaderElector
signal.signal(signal.SIGTERM, lambda *_: print("told", flush=True))
config = Config(server={server.url!r}, token={server.admin_token!r})
with LeaderElector(config, "lock", "default", "me", lease_duration=3, renew_deadline=2, retry_period=0.2):
    print("leads", flush=True)
    sys.stdin.readline()
    threading.Event().wait()
"""
    with running([sys.executable, "-c", program]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "leads\n"
        with server.every_request(resource=LEASES).answers(500):
            assert process.stdout.readline() == "told\n"
            assert process.wait(30) == 1
        assert process.stderr is not None
        assert "this process ends: me does not lead any more" in process.stderr.read()


def test_a_busy_main_thread_does_not_cost_the_lease(server: APIServer, clock: HastyClock) -> None:
    """Regression 27: Python code that never waits shares the interpreter; renewal has a thread of its own."""
    with elector(server, clock) as leadership:
        until = clock.now() + 20
        while clock.now() < until:
            sum(range(1000))
        assert leadership.is_leading


def test_a_blocked_loop_does_not_cost_the_lease(server: APIServer, clock: HastyClock) -> None:
    """Regression 27: the program's loop stands still for longer than a lease lasts, and it leads on."""

    async def main() -> None:
        async with aio.LeaderElector(server.config, "lock", "default", "me", clock=clock) as leadership:
            threading.Event().wait(20 / HASTE)
            assert leadership.is_leading
        assert holder(server) == ""

    asyncio.run(main())


def test_a_lost_lease_cancels_the_block(server: APIServer, clock: HastyClock) -> None:
    """In the asyncio face the body's task is cancelled, and LeadershipLost comes out; the task goes on after that."""
    cancelled: list[bool] = []

    async def lead() -> None:
        async with aio.LeaderElector(server.config, "lock", "default", "me", clock=clock):
            server.patch(LEASES, "lock", {"spec": {"holderIdentity": "thief"}}, "default")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

    async def main() -> None:
        with pytest.raises(LeadershipLost, match="held by thief"):
            await lead()
        assert cancelled
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        await asyncio.sleep(0)

    asyncio.run(main())


def test_cancelling_the_block_or_the_wait_releases(server: APIServer, clock: HastyClock) -> None:
    """Invariant 277: from outside, whether it leads or stands by, the cancellation passes through."""

    async def lead(begun: asyncio.Event, who: str) -> None:
        async with aio.LeaderElector(server.config, "lock", "default", who, clock=clock):
            begun.set()
            await asyncio.Event().wait()

    async def main() -> None:
        begun, never = asyncio.Event(), asyncio.Event()
        leading = asyncio.create_task(lead(begun, "me"))
        await begun.wait()
        waiting = asyncio.create_task(lead(never, "other"))
        await eventually_async(lambda: server.requests.count("get", LEASES) > 2)
        for task in (waiting, leading):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert not never.is_set()
        assert holder(server) == ""

    asyncio.run(main())


class Events:
    """A recorder that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def event(self, regarding: object, type: str, reason: str, note: str, /) -> None:  # noqa: A002  # the API's own word
        assert isinstance(regarding, dict)
        self.notes.append(f"{regarding['metadata']['name']} {type} {reason}: {note}")


def test_events_metrics_and_health_tell_of_it(server: APIServer, clock: HastyClock) -> None:
    """Invariants 277, 281 and 283: each event once; 1 while it leads; unhealthy where it leads past its lease."""
    registry, events = CollectorRegistry(), Events()

    def status() -> float | None:
        return registry.get_sample_value("leader_election_master_status", {"name": "lock"})

    mine = elector(
        server, clock, event_recorder=events, metrics=PrometheusMetrics(registry), on_overrun=print
    )
    assert status() is None
    with mine:
        assert status() == 1
        assert registry.get_sample_value("leader_election_slowpath_total", {"name": "lock"}) == 0
        assert mine.healthy
        campaign = mine._campaign
        assert campaign is not None
        campaign.candidate.renewed_at -= 16  # as where its thread could not run for that long
        assert (mine.is_leading, mine.healthy) == (False, False)
        campaign.candidate.renewed_at += 16
    assert status() is None
    assert events.notes == [
        "lock Normal LeaderElection: me became leader",
        "lock Normal LeaderElection: me stopped leading",
    ]


def test_labels_of_ours_are_kept_and_those_of_others_stay(server: APIServer, clock: HastyClock) -> None:
    """Invariant 284."""
    with elector(server, clock, labels={"app": "mine"}):
        assert lease(server)["metadata"]["labels"] == {"app": "mine"}
        server.patch(LEASES, "lock", {"metadata": {"labels": {"app": "yours", "other": "x"}}}, "default")
        eventually(lambda: lease(server)["metadata"]["labels"] == {"app": "mine", "other": "x"})
        server.patch(LEASES, "lock", {"metadata": {"labels": None}}, "default")
        eventually(lambda: lease(server)["metadata"].get("labels") == {"app": "mine"})


def test_a_candidate_without_rights_goes_on_trying(
    server: APIServer, clock: HastyClock, caplog: pytest.LogCaptureFixture
) -> None:
    """403 is logged once with the missing verb, and may be mended while it waits."""
    with server.deny(resources=(LEASES,)):
        begun = threading.Event()

        def lead() -> None:
            with elector(server, clock):
                begun.set()

        waiting = threading.Thread(target=lead, daemon=True)
        waiting.start()
        eventually(lambda: server.requests.count("get", LEASES) > 3)
    assert begun.wait(30)
    waiting.join(30)
    warnings = [record.message for record in caplog.records if "403" in record.message]
    assert len(warnings) == 1
    assert 'cannot get resource "leases"' in warnings[0]


def test_misuse_is_told(server: APIServer, clock: HastyClock) -> None:
    """Twice at a time; terms that do not fit; no identity."""
    mine = elector(server, clock)
    with mine, pytest.raises(UsageError, match="at work already"):
        mine.begin()
    with pytest.raises(ValueError, match="renew_deadline must be shorter"):
        LeaderElector(Config(server=server.url), "lock", lease_duration=5)
    assert (
        LeaderElector(Config(server=server.url), "lock").identity
        != LeaderElector(Config(server=server.url), "lock").identity
    )


def test_an_election_that_fails_is_a_loss(
    server: APIServer, clock: HastyClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case C47: whatever ends the renewal, the work hears of it."""

    async def broken(_: Election) -> str:
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr(Election, "lead", broken)

    def lead() -> None:
        with elector(server, clock, on_overrun=print) as leadership:
            leadership.lost.result(30)

    with told_by_sigterm(), pytest.raises(LeadershipLost, match="renewal has failed: ZeroDivisionError"):
        lead()
