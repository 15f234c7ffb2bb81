"""What the tests of `tests/cases/test_watch_tools.py` promise of a stream of events, in the asyncio face."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from tests.hasty_clock import HastyClock

from kubeinformer import Added, Deleted, DeletedFinalStateUnknown, aio
from kubeinformer.aio.registration import Events
from kubeinformer.cache.notifications import Notification
from kubeinformer.testing import APIServer
from kubeinformer.testing.api_server.refusals import expired_list
from kubeinformer.testing.waiting import eventually_async

WAIT = 60.0
MAPS = "configmaps"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[APIServer]:
    """A server, and factories whose back-offs take a quarter of their time."""
    monkeypatch.setattr("kubeinformer.cache.factory.SystemClock", lambda: HastyClock(4.0))
    with APIServer() as running:
        yield running


def write(server: APIServer, name: str) -> str:
    return str(server.create(MAPS, {"metadata": {"name": name}})["metadata"]["resourceVersion"])


async def take(events: Events, count: int) -> list[Notification]:
    async with asyncio.timeout(WAIT):
        return [await anext(events) for _ in range(count)]


async def watches(server: APIServer, count: int) -> None:
    """Wait until that many watches were asked for, and one runs."""
    await eventually_async(lambda: server.requests.count("watch", MAPS) >= count and server.watches, WAIT)


def test_closes_and_errors_leave_no_gaps(server: APIServer) -> None:
    """Invariants 260, 261 and 266: closed, broken off by an error, resumed at the last event, in order, once."""

    async def main() -> None:
        async with aio.SharedInformerFactory(server.config) as factory:
            events = factory.informer(MAPS).events()
            await factory.start()
            error = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "no"}}
            written = []
            for number in range(4):
                await watches(server, number + 1)
                for part in "abc":
                    written.append(write(server, f"map-{number}-{part}"))
                if number % 2:
                    server.send_raw_to_watches(json.dumps(error).encode() + b"\n", MAPS)
                else:
                    server.close_watches(MAPS)
            told = await take(events, 12)
            assert [event.object.resource_version for event in told if isinstance(event, Added)] == written
            await watches(server, 5)
            starts = [request.query["resourceVersion"] for request in server.requests.matching("watch", MAPS)]
            assert starts[1:] == written[2::3]
            assert events.pending == 0

    asyncio.run(main())


def test_a_lost_place_is_made_up_for_by_a_list(server: APIServer) -> None:
    """Invariants 258, 259 and 268: 403 on open, 410 in the stream and on open; what a list lacks is told as deleted."""

    async def main() -> None:
        write(server, "gone")
        server.next_request(verb="watch", resource=MAPS).answers(403, {"kind": "Status", "code": 403})
        async with aio.SharedInformerFactory(server.config) as factory:
            events = factory.informer(MAPS).events()
            await factory.start()
            [first] = await take(events, 1)
            assert isinstance(first, Added)
            assert first.initial
            await watches(server, 2)
            server.next_request(verb="watch", resource=MAPS).answers(410, expired_list().document())
            expired = {"type": "ERROR", "object": expired_list().document()}
            server.send_raw_to_watches(json.dumps(expired).encode() + b"\n", MAPS)
            await eventually_async(lambda: server.requests.count("watch", MAPS) >= 3, WAIT)
            server.delete(MAPS, "gone")
            [last] = await take(events, 1)
            assert isinstance(last, Deleted)
            assert isinstance(last.object, DeletedFinalStateUnknown)
            assert last.object.name == "gone"

    asyncio.run(main())


def test_a_stream_ends_with_events_unread(server: APIServer) -> None:
    """Invariants 262 and 267: who waits is let go, what was not read is dropped, and a second end does nothing."""

    async def main() -> None:
        for name in ("a", "b"):
            write(server, name)
        async with aio.SharedInformerFactory(server.config) as factory:
            maps = factory.informer(MAPS)
            async with maps.events() as unread, maps.events() as waited_for:
                await factory.start()
                await take(waited_for, 2)
                waiting = asyncio.create_task(anext(waited_for))
                await eventually_async(lambda: unread.pending == 2, WAIT)
                await maps.stop()
                with pytest.raises(StopAsyncIteration):
                    await waiting
                for _ in range(2):
                    unread.close()
                assert [event async for event in unread] == []
            assert unread.pending == 0

    asyncio.run(main())
