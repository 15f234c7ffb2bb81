"""A program whose event loop stands still when it loses the lease."""

from __future__ import annotations

import sys

import pytest
from tests.leader_election.test_elector import LEASES, holder
from tests.programs import running

from kubeinformer.testing import APIServer

PROGRAM = """
import asyncio, sys, threading
from kubeinformer import Config, aio

async def main():
    config = Config(server={url!r}, token={token!r})
    terms = dict(lease_duration=3, renew_deadline=2, retry_period=0.2)
    async with aio.LeaderElector(config, "lock", "default", "me", **terms):
        print("leads", flush=True)
        sys.stdin.readline()
        threading.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("trouble", ["500", "hangs", "thief"])
def test_a_blocked_loop_that_loses_the_lease_ends_its_process(server: APIServer, trouble: str) -> None:
    """Regression 27, case C47: nothing can cancel its work, so it ends with exit code 1 before another one may lead."""
    program = PROGRAM.format(url=server.url, token=server.admin_token)
    with running([sys.executable, "-c", program]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "leads\n"
        if trouble == "thief":
            server.patch(LEASES, "lock", {"spec": {"holderIdentity": "thief"}}, "default")
        elif trouble == "hangs":
            server.every_request(resource=LEASES).hangs()
        else:
            server.every_request(resource=LEASES).answers(500)
        assert process.wait(30) == 1
        assert process.stderr is not None
        assert "this process ends: me does not lead any more" in process.stderr.read()
    assert holder(server) == ("thief" if trouble == "thief" else "me")
