"""What an elector says of itself, asked from many threads while it works."""

from __future__ import annotations

import threading

from tests.hasty_clock import HastyClock
from tests.leader_election.test_elector import LEASES, lease

from kubeinformer import LeaderElector
from kubeinformer.testing import APIServer
from kubeinformer.testing.waiting import eventually


def test_an_elector_may_be_asked_at_any_time(server: APIServer, clock: HastyClock) -> None:
    """Invariant 280: from any thread, before, while and after it leads; no answer fails, and each is one of that time."""
    mine = LeaderElector(server.config, "lock", "default", "me", clock=clock)
    answers: set[tuple[bool, str, bool]] = set()
    faults: list[BaseException] = []
    asked, over = threading.Semaphore(0), threading.Event()

    def ask() -> None:
        try:
            while not over.is_set():
                answers.add((mine.healthy, mine.leader, mine.is_leading))
                asked.release()
        except BaseException as error:  # whatever it is, the test is to hear of it
            faults.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(2):
            with mine as leadership:
                assert leadership.is_leading
                renewed = lease(server)["spec"]["renewTime"]
                eventually(lambda renewed=renewed: lease(server)["spec"]["renewTime"] != renewed, 30)  # type: ignore[misc]  # the loop's
                assert asked.acquire(timeout=30)
            assert lease(server)["spec"]["holderIdentity"] == "", turn
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    assert not faults
    assert {healthy for healthy, _, _ in answers} == {True}
    assert {leader for _, leader, _ in answers} <= {"", "me"}
    assert {leading for _, _, leading in answers} == {False, True}
    assert server.requests.count("create", LEASES) == 1
