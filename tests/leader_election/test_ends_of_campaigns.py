"""A campaign ends when its work does, whatever the program does meanwhile; and nothing else ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from typing import Any

import pytest
from tests.hasty_clock import HastyClock
from tests.leader_election.test_elector import LEASES, elector, holder, lease, told_by_sigterm
from tests.programs import running

from kubeinformer import LeaderElector, LeadershipLost, aio
from kubeinformer.testing import APIServer
from kubeinformer.testing.waiting import eventually, eventually_async


class Interrupted(BaseException):
    """What a signal handler raises."""


def nobody_campaigns() -> bool:
    names = [thread.name for thread in threading.enumerate()]
    return not any(name.startswith(("kubeinformer-election", "kubeinformer-overrun")) for name in names)


def test_a_wait_for_the_loss_that_is_given_up_changes_nothing(server: APIServer, clock: HastyClock) -> None:
    """Case C47: `lost` stays open, the leader leads on, and a loss is told as ever."""

    async def main() -> None:
        async with aio.LeaderElector(server.config, "lock", "default", "me", clock=clock) as leadership:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(leadership.lost), 0.01)
            assert not leadership.lost.cancel()
            assert leadership.is_leading
            server.patch(LEASES, "lock", {"spec": {"holderIdentity": "thief"}}, "default")
            await asyncio.Event().wait()

    with pytest.raises(LeadershipLost, match="held by thief"):
        asyncio.run(main())


def test_a_block_that_is_cancelled_twice_leaves_no_leader(server: APIServer, clock: HastyClock) -> None:
    """Invariant 277: the second cancellation ends the wait for the release, not the release; nobody renews for nobody."""

    async def main() -> None:
        mine = aio.LeaderElector(server.config, "lock", "default", "me", clock=clock)
        begun = asyncio.Event()

        async def lead() -> None:
            async with mine:
                begun.set()
                await asyncio.Event().wait()

        leading = asyncio.create_task(lead())
        await begun.wait()
        leading.cancel()
        await asyncio.sleep(0)  # it is in the block's end now
        leading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leading
        await eventually_async(lambda: holder(server) == "")
        await eventually_async(nobody_campaigns)
        async with mine as again:
            assert again.is_leading

    asyncio.run(main())


def test_a_program_that_ends_in_a_hurry_releases_all_the_same(server: APIServer) -> None:
    """Invariant 277: cancelled twice, and over at once: the end of the interpreter waits a moment for the release."""
    program = f"""
import asyncio
from kubeinformer import Config, aio

async def main():
    async with aio.LeaderElector(Config(server={server.url!r}, token={server.admin_token!r}), "lock", "default"):
        asyncio.current_task().cancel()
        asyncio.get_running_loop().call_later(0.05, asyncio.current_task().cancel)  # in the release
        await asyncio.Event().wait()

asyncio.run(main())
"""
    server.every_request(resource=LEASES).drips(128, 0.02)
    with running([sys.executable, "-c", program]) as process:
        assert process.wait(30) == 1
    assert holder(server) == ""


def test_a_release_that_is_interrupted_leaves_no_leader(server: APIServer, clock: HastyClock) -> None:
    """Invariant 277: a second Ctrl-C, in the end of the block: it comes out, and nobody renews for nobody."""

    def interrupt(*_: object) -> None:
        raise Interrupted

    def second_signal() -> None:
        eventually(lambda: server.requests.count("get", LEASES) > 1, 30)  # that of the release
        os.kill(os.getpid(), signal.SIGUSR1)

    def lead() -> None:
        with elector(server, clock):
            server.every_request(resource=LEASES, verb="get").hangs()
            sender.start()

    sender = threading.Thread(target=second_signal, daemon=True)
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(Interrupted):
            lead()
    finally:
        sender.join(30)
        signal.signal(signal.SIGUSR1, before)
    updates = server.requests.count("update", LEASES)
    eventually(nobody_campaigns, 30)
    assert server.requests.count("update", LEASES) == updates


def test_ending_while_the_answer_is_on_its_way_leaves_the_lease_free(
    server: APIServer, clock: HastyClock
) -> None:
    """Invariant 277: who asked for the lease, and goes before it has heard, gives up what it may have got."""

    async def main() -> None:
        server.every_request(resource=LEASES, verb="create").breaks_off(20)  # done, and the answer lost
        mine = aio.LeaderElector(server.config, "lock", "default", "me", clock=clock)

        async def lead() -> None:
            async with mine:
                pytest.fail("it has not heard that it leads")

        waiting = asyncio.create_task(lead())
        await eventually_async(lambda: server.requests.count("create", LEASES) == 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert holder(server) == ""

    asyncio.run(main())


def test_ending_at_any_moment_leaves_the_lease_free(server: APIServer, clock: HastyClock) -> None:
    """Invariant 277: cancelled after any number of steps: when it has ended, it holds nothing, and will not."""

    async def main() -> None:
        server.create(LEASES, {"metadata": {"name": "lock"}}, "default")
        for steps in range(0, 3000, 50):
            mine = aio.LeaderElector(server.config, "lock", "default", f"me-{steps}", clock=clock)

            async def lead(mine: aio.LeaderElector = mine) -> None:
                async with mine:
                    await asyncio.sleep(0)

            task = asyncio.create_task(lead())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await eventually_async(nobody_campaigns)
            assert not lease(server).get("spec", {}).get("holderIdentity")

    asyncio.run(main())


def test_a_server_that_knows_no_lease_ends_no_leader_before_its_time(
    server: APIServer, clock: HastyClock
) -> None:
    """Case C47: 404 to everything (a proxy that leads astray, a namespace that goes) is a fault as any other."""

    def lead() -> None:
        with elector(server, clock, on_overrun=print) as leadership:
            server.every_request(resource=LEASES).answers(404)
            leadership.lost.result(30)

    with told_by_sigterm(), pytest.raises(LeadershipLost, match="could not be renewed for 10"):
        lead()


class BrokenRecorder:
    """A recorder that records nothing."""

    def event(self, *_: object) -> None:
        raise RuntimeError("no")


def exits(*_: object) -> None:
    sys.exit(3)


@pytest.mark.parametrize("broken", [{"event_recorder": BrokenRecorder()}, {"on_new_leader": exits}])
def test_what_is_told_of_an_election_does_not_decide_it(
    server: APIServer, clock: HastyClock, broken: dict[str, Any]
) -> None:
    """Case C47: neither a broken recorder nor an exit in on_new_leader costs the lease, the release or the last resort."""
    with elector(server, clock, **broken) as leadership:
        assert leadership.is_leading
    assert holder(server) == ""
    overruns: list[str] = []

    def lead() -> None:
        with elector(server, clock, on_overrun=overruns.append, **broken):
            server.patch(LEASES, "lock", {"spec": {"holderIdentity": "thief"}}, "default")
            eventually(lambda: bool(overruns), 30)

    with told_by_sigterm(), pytest.raises(LeadershipLost):
        lead()
    assert overruns == ["me does not lead any more: the lease is held by thief"]


def test_an_overrun_that_raises_is_logged(
    server: APIServer, clock: HastyClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Case C47: `sys.exit` there ends a thread and no process, which nobody would know."""

    def lead() -> None:
        with elector(server, clock, on_overrun=exits):
            server.patch(LEASES, "lock", {"spec": {"holderIdentity": "thief"}}, "default")
            eventually(lambda: "on_overrun raised" in caplog.text, 30)

    with told_by_sigterm(), pytest.raises(LeadershipLost):
        lead()


STUCK = """
import logging, signal, sys, threading
from kubeinformer import Config, LeaderElector

class Stuck(logging.Handler):
    def emit(self, record):
        threading.Event().wait()  # as a pipe that nobody reads from

logging.getLogger("kubeinformer").addHandler(Stuck())
signal.signal(signal.SIGTERM, signal.SIG_IGN)
config = Config(server={url!r}, token={token!r})
with LeaderElector(config, "lock", "default", "me", lease_duration=3, renew_deadline=2, retry_period=0.2):
    print("leads", flush=True)
    sys.stdin.readline()
    threading.Event().wait()
"""


def test_a_stuck_log_does_not_keep_a_former_leader_alive(server: APIServer) -> None:
    """Case C47: the thread that renews hangs in its first warning; the process ends before another one may lead."""
    program = STUCK.format(url=server.url, token=server.admin_token)
    with running([sys.executable, "-c", program]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "leads\n"
        server.every_request(resource=LEASES).answers(500)
        assert process.wait(30) == 1


def test_a_process_that_was_stopped_ends_when_it_goes_on(server: APIServer) -> None:
    """Regression 27: SIGSTOP for longer than the lease lasts, SIGCONT: it hears, and renews nothing any more."""
    program = STUCK.format(url=server.url, token=server.admin_token)
    with running([sys.executable, "-c", program]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "leads\n"
        process.send_signal(signal.SIGSTOP)
        with LeaderElector(server.config, "lock", "default", "other", retry_period=0.2, on_overrun=print):
            process.send_signal(signal.SIGCONT)
            assert process.wait(30) == 1
            assert holder(server) == "other"
