"""The lock on a Lease, one request at a time over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from tests.leader_election.test_elector import LEASES, lease

from kubeinformer import Conflict, Forbidden, StatusError
from kubeinformer.client.session import Session
from kubeinformer.leader_election.lease_lock import LeaseLock
from kubeinformer.leader_election.lease_record import LeaseRecord, micro_time, record_of
from kubeinformer.testing import APIServer

RECORD = LeaseRecord(
    holder="me",
    duration=15,
    acquired=micro_time(1_800_000_000.0),
    renewed=micro_time(1_800_000_002.5),
    transitions=3,
)
OTHER = LeaseRecord(holder="other", duration=10, acquired=RECORD.acquired, renewed=RECORD.renewed)


def play(server: APIServer, scene: Callable[[Callable[..., LeaseLock]], Awaitable[None]]) -> None:
    """Play a scene, which gets what makes locks on one connection."""

    async def main() -> None:
        session = Session(server.config)
        try:
            await scene(lambda **labels: LeaseLock(session, "lock", "default", labels))
        finally:
            await session.close()

    asyncio.run(main())


def test_a_lease_that_is_not_there_is_none(server: APIServer) -> None:
    """Invariant 282: reading is no error and creates nothing; a lock is named by namespace and name."""

    async def scene(lock: Callable[..., LeaseLock]) -> None:
        mine = lock()
        assert await mine.read() is None
        assert str(mine) == "default/lock"

    play(server, scene)
    assert not server.list_objects(LEASES)


def test_what_was_written_is_read(server: APIServer) -> None:
    """Invariant 282: created, updated, read by itself and by another one: the same record, and what others wrote stays."""

    async def scene(lock: Callable[..., LeaseLock]) -> None:
        mine, theirs = lock(), lock()
        assert await mine.read() is None
        assert record_of(await mine.write(OTHER)) == record_of(await mine.read()) == OTHER
        server.patch(LEASES, "lock", {"spec": {"strategy": "OldestEmulationVersion"}}, "default")
        await mine.read()
        assert record_of(await mine.write(RECORD)) == record_of(await theirs.read()) == RECORD

    play(server, scene)
    spec = lease(server)["spec"]
    assert spec == {**RECORD.spec(), "strategy": "OldestEmulationVersion"}
    verbs = [request.verb for request in server.requests.matching(resource=LEASES)]
    assert verbs == ["get", "create", "get", "get", "update", "get"]


def test_a_second_creation_is_refused(server: APIServer) -> None:
    """Invariant 282: who has seen no Lease creates one, and is told where somebody was faster."""

    async def scene(lock: Callable[..., LeaseLock]) -> None:
        mine, theirs = lock(), lock()
        for each in (mine, theirs):
            assert await each.read() is None
        await theirs.write(OTHER)
        with pytest.raises(Conflict, match="already exists"):
            await mine.write(RECORD)
        assert record_of(await mine.read()) == OTHER

    play(server, scene)
    assert lease(server)["spec"]["holderIdentity"] == "other"


def test_nothing_is_overwritten_unread(server: APIServer) -> None:
    """Invariant 282: a write before any read changes no Lease that there is, nor does one after another's write."""

    async def scene(lock: Callable[..., LeaseLock]) -> None:
        theirs, mine = lock(), lock()
        await theirs.write(OTHER)
        with pytest.raises(Conflict, match="already exists"):
            await mine.write(RECORD)
        await mine.read()
        await theirs.write(msgspec.structs.replace(OTHER, renewed=micro_time(1_800_000_004.5)))
        for _ in range(2):  # what was refused is not taken for read
            with pytest.raises(Conflict):
                await mine.write(RECORD)

    play(server, scene)
    assert lease(server)["spec"]["holderIdentity"] == "other"


def test_a_lease_that_was_deleted_is_created_anew(server: APIServer) -> None:
    """Invariant 282: an update of what is gone is refused, the next read says so, and the write after it creates."""

    async def scene(lock: Callable[..., LeaseLock]) -> None:
        mine = lock(app="mine")
        await mine.write(OTHER)
        server.delete(LEASES, "lock", "default")
        with pytest.raises(StatusError, match="should not be set on objects to be created"):
            await mine.write(RECORD)
        assert await mine.read() is None
        await mine.write(RECORD)

    play(server, scene)
    found = lease(server)
    assert (record_of(found["spec"]), found["metadata"]["labels"]) == (RECORD, {"app": "mine"})


@pytest.mark.parametrize("theirs", [None, {}, {"app": "theirs", "other": "x"}])
@pytest.mark.parametrize("ours", [{}, {"app": "mine"}])
def test_labels_of_either_side_may_be_missing(
    server: APIServer, theirs: dict[str, str] | None, ours: dict[str, str]
) -> None:
    """Invariant 284: ours are asserted with each write, those of others stay."""
    server.create(LEASES, {"metadata": {"name": "lock", "labels": theirs}, "spec": OTHER.spec()}, "default")

    async def scene(lock: Callable[..., LeaseLock]) -> None:
        mine = lock(**ours)
        await mine.read()
        await mine.write(RECORD)

    play(server, scene)
    assert lease(server)["metadata"].get("labels", {}) == {**(theirs or {}), **ours}


def test_a_lease_of_others_need_not_make_sense(server: APIServer) -> None:
    """Invariants 269 and 282: one without a spec is read as one that nobody holds, and can be written."""
    server.create(LEASES, {"metadata": {"name": "lock"}}, "default")

    async def scene(lock: Callable[..., LeaseLock]) -> None:
        mine = lock()
        assert record_of(await mine.read()).holder == ""
        await mine.write(RECORD)

    play(server, scene)
    assert record_of(lease(server)["spec"]) == RECORD


def test_a_refusal_comes_out(server: APIServer) -> None:
    """Invariant 282: any other error is raised as it came, and the lock can be used after it."""

    async def scene(lock: Callable[..., LeaseLock]) -> None:
        mine: Any = lock()
        with server.deny(resources=(LEASES,)):
            for request in (mine.read(), mine.write(RECORD)):
                with pytest.raises(Forbidden):
                    await request
        assert await mine.read() is None
        await mine.write(RECORD)

    play(server, scene)
