"""The asyncio face as programs use it, over HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import pytest
from tests.history import eventually

from kubeinformer import Added, CacheSyncTimeout, Deleted, KubernetesObject, Updated, UsageError
from kubeinformer.aio import Client, SharedInformerFactory
from kubeinformer.testing import APIServer

WAIT = 20.0


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        for name in ("a", "b"):
            running.create("configmaps", {"metadata": {"name": name}}, namespace="default")
        yield running


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, and leave the loop to others."""
    await asyncio.to_thread(eventually, condition, WAIT, str)


async def some_turns() -> None:
    """Let the loop's other tasks go on."""
    for _ in range(20):
        await asyncio.sleep(0)


def _own_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("kubeinformer")]


def play(scene: Callable[[], Awaitable[None]]) -> None:
    """Run a scene in debug mode, and see that it leaves no task and no thread of ours."""

    async def run() -> None:
        await scene()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run(), debug=True)
    eventually(lambda: not _own_threads(), WAIT, _own_threads)


def test_a_program_reads_and_hears(server: APIServer) -> None:
    """Lister, async and plain handlers, late ones, verbs: all from one list and one watch."""

    async def scene() -> None:
        told: list[str] = []
        late: list[str] = []
        mine = threading.get_ident()

        async def on_add(added: KubernetesObject, initial: bool) -> None:
            assert threading.get_ident() == mine
            await asyncio.sleep(0)
            told.append(f"{'initial' if initial else 'add'} {added.name}")

        async with SharedInformerFactory(server.config) as factory:
            maps = factory.informer("configmaps", namespaces=["default"])
            registration = maps.add_event_handler(
                on_add, on_delete=lambda last: told.append(f"delete {last.name}")
            )
            await factory.start()
            await factory.wait_for_cache_sync(WAIT, handlers=True)
            assert told == ["initial a", "initial b"]
            assert registration.has_synced
            await factory.client.create("configmaps", {"metadata": {"name": "c"}}, "default")
            await factory.client.delete("configmaps", "a", "default")
            await until(lambda: len(told) == 4)
            assert told[2:] == ["add c", "delete a"]
            factory.informer("configmaps", namespaces=["default"]).add_event_handler(
                lambda added: late.append(added.name)
            )
            await until(lambda: len(late) == 2)
            assert sorted(found.name for found in maps.lister.list("default")) == sorted(late) == ["b", "c"]
            assert server.requests.count("list") == 1

    play(scene)


def test_events_come_one_after_the_other(server: APIServer) -> None:
    """What is there first, then every change; leaving the loop leaves the rest to be read."""

    async def scene() -> None:
        async with SharedInformerFactory(server.config) as factory:
            events = factory.informer("configmaps", namespaces=["default"]).events()
            await factory.start()
            seen = []
            async for event in events:
                seen.append(event)
                if len(seen) == 2:
                    break
            server.patch("configmaps", "a", {"data": {"x": "1"}}, namespace="default")
            server.delete("configmaps", "b", namespace="default")
            async for event in events:
                seen.append(event)
                if len(seen) == 4:
                    break
            assert [type(event) for event in seen] == [Added, Added, Updated, Deleted]
            waiting = asyncio.create_task(anext(events))
            await asyncio.sleep(0)
            events.close()
            with pytest.raises(StopAsyncIteration):
                await waiting

    play(scene)


def test_a_cancelled_wait_for_an_event_loses_none(server: APIServer) -> None:
    """Regression 9: cancelled at every await point, the next wait gets what the cancelled one would have got."""

    async def scene() -> None:
        async with SharedInformerFactory(server.config) as factory:
            events = factory.informer("configmaps", namespaces=["default"]).events()
            await factory.start()
            await factory.wait_for_cache_sync(WAIT)
            names: list[str] = []

            async def read_one(waiting: Awaitable[object]) -> None:
                event = await waiting
                assert isinstance(event, Added)
                names.append(event.object.name)

            for number in range(30):
                task = asyncio.ensure_future(anext(events))
                for _ in range(number % 4):
                    await asyncio.sleep(0)
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await read_one(task)
                if number < 10:
                    server.create("configmaps", {"metadata": {"name": f"n{number}"}}, namespace="default")
            while len(names) < 12:
                await read_one(asyncio.wait_for(anext(events), WAIT))
            assert names == ["a", "b", *(f"n{number}" for number in range(10))]

    play(scene)


def test_the_end_of_the_informer_ends_the_events(server: APIServer) -> None:
    """Of one that waits, and of one that asks later."""

    async def scene() -> None:
        async with SharedInformerFactory(server.config) as factory:
            maps = factory.informer("configmaps")
            await factory.start()
            events = maps.events()
            reading = asyncio.create_task(_read_all(events))
            await factory.wait_for_cache_sync(WAIT)
            await maps.stop()
            assert len(await reading) <= 2
            with pytest.raises(UsageError, match="stopped"):
                maps.events()

    play(scene)


async def _read_all(events: object) -> list[object]:
    return [event async for event in events]  # type: ignore[attr-defined]  # of either face


def test_remove_waits_for_the_call_in_flight(server: APIServer) -> None:
    """From outside; from inside the call it returns at once, and it was the last (Case C44)."""

    async def scene() -> None:
        calls: list[str] = []
        release = asyncio.Event()

        async def slow(added: KubernetesObject) -> None:
            calls.append(f"in {added.name}")
            await release.wait()
            calls.append(f"out {added.name}")

        async def once(added: KubernetesObject) -> None:
            await own.remove()
            calls.append(f"removed in {added.name}")

        async with SharedInformerFactory(server.config) as factory:
            maps = factory.informer("configmaps", namespaces=["default"])
            other, own = maps.add_event_handler(slow), maps.add_event_handler(once)
            await factory.start()
            await until(lambda: len(calls) == 2)
            removing = asyncio.create_task(other.remove())
            await some_turns()
            assert not removing.done()
            release.set()
            await removing
            calls.append("removed")
            server.create("configmaps", {"metadata": {"name": "c"}}, namespace="default")
            await until(lambda: "default/c" in maps.lister)
            await other.remove()
            assert sorted(calls) == sorted(["in a", "removed in a", "out a", "removed"])

    play(scene)


def test_a_loop_that_is_blocked_does_not_stop_the_cache(server: APIServer) -> None:
    """Decision 2: the engine has a loop of its own; what the program's loop does delays its own handlers alone."""

    async def scene() -> None:
        async with SharedInformerFactory(server.config) as factory:
            maps = factory.informer("configmaps", namespaces=["default"])
            told: list[str] = []

            async def on_add(added: KubernetesObject) -> None:
                told.append(added.name)

            maps.add_event_handler(on_add)
            await factory.start()
            await factory.wait_for_cache_sync(WAIT, handlers=True)
            server.create("configmaps", {"metadata": {"name": "c"}}, namespace="default")
            eventually(lambda: "default/c" in maps.lister, WAIT, lambda: maps.status)  # this blocks the loop
            assert told == ["a", "b"]
            await until(lambda: told == ["a", "b", "c"])

    asyncio.run(scene())  # not in debug mode: that complains of a blocked loop


def test_a_sync_that_cannot_finish_says_why(server: APIServer) -> None:
    """Case C17: with the resource and the reason; the others are there meanwhile."""

    async def scene() -> None:
        async with SharedInformerFactory(server.config) as factory:
            with pytest.raises(UsageError, match="call start"):
                await factory.wait_for_cache_sync(WAIT)
            maps = factory.informer("configmaps")
            factory.informer("unicorns.example.com")
            await factory.start()
            with pytest.raises(CacheSyncTimeout, match=r"unicorns\.example\.com.*404"):
                await factory.wait_for_cache_sync(1.0)
            assert len(maps.lister) == 2

    play(scene)


def test_what_is_cancelled_stops_waiting_and_harms_nothing(server: APIServer) -> None:
    """Case C38: start, a wait for sync, run and stop; the factory is usable, and stops, all the same."""

    async def scene() -> None:
        factory = SharedInformerFactory(server.config)
        factory.informer("unicorns.example.com")
        await factory.start()
        for waiting in (factory.wait_for_cache_sync(WAIT), factory.run()):
            task = asyncio.ensure_future(waiting)
            await some_turns()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        with pytest.raises(UsageError, match="stopped"):  # run ended it
            await factory.start()
        await factory.stop()

        other = SharedInformerFactory(server.config)
        other.informer("configmaps")
        await other.start()
        stopping = asyncio.ensure_future(other.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        with suppress(asyncio.CancelledError):
            await stopping
        await until(lambda: not server.watches)

    play(scene)


def test_an_async_handler_that_hangs_is_cancelled_by_stop_and_named(
    server: APIServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It gets a moment, then its CancelledError; one that ignores that is named in the log."""

    async def scene() -> None:
        entered: list[str] = []
        ended: list[str] = []

        async def hangs(added: KubernetesObject) -> None:
            entered.append(added.name)
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(added.name)

        async with SharedInformerFactory(server.config) as factory:
            factory.informer("configmaps", namespaces=["default"]).add_event_handler(hangs)
            await factory.start()
            await until(lambda: bool(entered))
        assert entered == ended == ["a"]

    play(scene)
    assert "still running" not in caplog.text


def test_one_client_serves_several_loops(server: APIServer) -> None:
    """Case C40: two asyncio.run in a row, and two loops in two threads."""
    client = Client(server.config)
    counts = [asyncio.run(_count(client)) for _ in range(2)]
    threads = [threading.Thread(target=lambda: counts.append(asyncio.run(_count(client)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert counts == [2, 2, 2, 2]
    asyncio.run(client.close())
    asyncio.run(client.close())


async def _count(client: Client) -> int:
    return len(await client.list("configmaps", "default"))


def test_informers_on_two_loops_in_two_threads(server: APIServer) -> None:
    """Case C40: each factory has its own engine, and each handler its own loop."""
    told: dict[int, list[str]] = {}

    async def live() -> None:
        own = told.setdefault(threading.get_ident(), [])

        async def on_add(added: KubernetesObject) -> None:
            assert own is told[threading.get_ident()]
            own.append(added.name)

        async with SharedInformerFactory(server.config) as factory:
            factory.informer("configmaps", namespaces=["default"]).add_event_handler(on_add)
            await factory.start()
            await factory.wait_for_cache_sync(WAIT, handlers=True)

    threads = [threading.Thread(target=lambda: asyncio.run(live())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert list(told.values()) == [["a", "b"], ["a", "b"]]


def test_an_async_handler_needs_a_loop(server: APIServer) -> None:
    """Added where none runs, it says so at once; the same for `on_error`."""

    async def handler(_: object) -> None:
        """Do nothing."""

    factory = SharedInformerFactory(server.config)
    with pytest.raises(UsageError, match="none runs here"):
        factory.informer("configmaps").add_event_handler(handler)
    with pytest.raises(UsageError, match="none runs here"):
        SharedInformerFactory(server.config, on_error=handler)
    asyncio.run(factory.stop())


def test_on_error_may_be_async(server: APIServer) -> None:
    """It is called on the loop that made the factory."""

    async def scene() -> None:
        errors: list[str] = []

        async def on_error(error: object) -> None:
            await asyncio.sleep(0)
            errors.append(str(error))

        async with SharedInformerFactory(server.config, on_error=on_error) as factory:
            factory.informer("unicorns.example.com")
            await factory.start()
            await until(lambda: bool(errors))
            assert "unicorns.example.com" in errors[0]

    play(scene)
