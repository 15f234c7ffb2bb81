"""Registrations: handlers of both colours, and streams; coming, going and falling behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine

import pytest
from tests.cache.store_builders import (
    DEADLINE,
    Cache,
    Calls,
    added,
    changes,
    content,
    listed,
    modified,
    pod,
    running_cache,
)

from kubeinformer.cache.handlers import Handlers
from kubeinformer.cache.notifications import Added, Updated
from kubeinformer.cache.registration import HandlerRegistration, StreamRegistration
from kubeinformer.objects import KubernetesObject


def _play(scene: Callable[[Cache], Awaitable[None]]) -> None:
    async def run() -> None:
        cache = Cache()
        await scene(cache)
        for registration in cache.processor.close():
            registration.delivery.interrupt()
            await asyncio.wait([asyncio.wrap_future(registration.delivery.ended)], timeout=DEADLINE)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run(), debug=True)


async def _settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_what_an_async_handler_raises_costs_that_one_call(error: type[BaseException]) -> None:
    """Also the CancelledError of something it awaited: its own task goes on (Case C43, Invariant 322)."""

    async def scene(cache: Cache) -> None:
        heard: list[str] = []

        async def on_add(told: KubernetesObject) -> None:
            await asyncio.sleep(0)
            if told.name == "p1":
                raise error("on purpose")
            heard.append(told.name)

        registration = cache.handle(on_add)
        cache.push(listed(*(pod(f"p{number}") for number in range(5))))
        cache.processor.cache_synced()
        await _settle()
        assert heard == ["p0", "p2", "p3", "p4"]
        assert registration.has_synced
        assert [type(raised) for _, raised in cache.faults.seen] == [error]

    _play(scene)


def test_async_handlers_may_remove_themselves_and_each_other() -> None:
    """From inside their calls, without waiting for ever (Invariant 321)."""

    async def scene(cache: Cache) -> None:
        calls: list[str] = []

        async def first(told: KubernetesObject) -> None:
            calls.append(f"first {told.name}")
            registrations[1].remove()
            await asyncio.sleep(0)
            registrations[0].remove()

        async def second(told: KubernetesObject) -> None:
            calls.append(f"second {told.name}")
            registrations[0].remove()

        registrations = [cache.handle(first), cache.handle(second)]
        cache.push(listed(pod("a"), pod("b")))
        await _settle()
        cache.push(changes(added(pod("c"))))
        await _settle()
        assert calls[0] == "first a"
        assert set(calls) <= {"first a", "second a"}

    _play(scene)


def test_handlers_added_from_inside_a_handler_hear_everything_once() -> None:
    """Of both colours, while changes go on (Case C44, Regression 26)."""

    async def scene(cache: Cache) -> None:
        late: list[str] = []

        async def on_late(told: KubernetesObject, initial: bool) -> None:
            late.append(f"{told.name} {initial}")

        async def on_add(told: KubernetesObject) -> None:
            if told.name == "a":
                cache.handle(on_late)

        cache.handle(on_add)
        cache.push(listed(pod("a"), pod("b")))
        await _settle()
        cache.push(changes(added(pod("c"))))
        await _settle()
        assert late == ["a True", "b True", "c False"]

    _play(scene)


def test_a_coalescing_handler_is_told_the_latest_state() -> None:
    """While it is busy, changes of an object become one (Regression 11); the others hear all of them."""
    with running_cache() as cache:
        opened, busy, heard, all_heard = threading.Event(), Calls(), Calls(), Calls()

        def on_add(told: KubernetesObject) -> None:
            busy.note()
            assert opened.wait(DEADLINE)

        registration = HandlerRegistration(
            "coalescing",
            Handlers(on_add, lambda old, new: heard.note(old.resource_version, new.resource_version), None),
            discard=cache.processor.discard,
            on_synced=lambda: None,
            on_fault=lambda *_: None,
            coalesce=True,
        )
        cache.processor.add(registration, lambda: list(content(cache.store).values()))
        cache.handle(None, lambda old, new: all_heard.note())
        cache.push(listed(pod("a", "1")))
        busy.wait_for(1)
        for version in range(2, 50):
            cache.push(changes(modified(pod("a", str(version)))))
        all_heard.wait_for(48)
        assert registration.pending == 1
        opened.set()
        assert heard.wait_for(1) == [("1", "49")]


def test_a_backlog_of_50_000_can_be_read() -> None:
    """Case C43: a handler sleeps; the cache goes on, and `pending` says how far behind it is."""
    with running_cache() as cache:
        opened, busy = threading.Event(), Calls()

        def block(told: KubernetesObject) -> None:
            busy.note()
            assert opened.wait(DEADLINE)

        registration = cache.handle(block)
        cache.push(listed(pod("a")))
        busy.wait_for(1)
        registration.put([Updated(pod("a"), pod("a"))] * 50_000)
        assert registration.pending == 50_000
        cache.push(changes(added(pod("b"))))
        assert len(content(cache.store)) == 2
        opened.set()
        registration.remove()
        assert registration.pending == 0


def test_a_handler_that_is_thrown_away_with_its_loop_is_no_fault() -> None:
    """Where a program ends its loop by force: the interpreter closes the coroutine, and nothing is reported."""
    with running_cache() as cache:
        loop = asyncio.new_event_loop()

        async def hang(told: KubernetesObject) -> None:
            await asyncio.Event().wait()

        async def begin() -> None:
            cache.handle(hang)
            cache.push(listed(pod("a")))
            await _settle()

        loop.run_until_complete(begin())
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # that asyncio complains is its own business
            coroutine = task.get_coro()
            assert isinstance(coroutine, Coroutine)
            coroutine.close()  # as the garbage collector would
        loop.close()
        assert cache.faults.seen == []


def _stream(cache: Cache) -> StreamRegistration:
    stream = StreamRegistration("events", discard=cache.processor.discard)
    cache.processor.add(stream, lambda: list(content(cache.store).values()))
    return stream


def test_a_stream_begins_with_what_is_there_and_holds_up_nobodys_sync() -> None:
    """Whether it is read or not."""
    with running_cache() as cache:
        cache.push(listed(pod("a")))
        stream = _stream(cache)
        cache.processor.cache_synced()
        assert cache.processor.has_synced
        cache.push(changes(modified(pod("a", "2"))))
        first, second = stream.queue.take(), stream.queue.take()
        assert isinstance(first, Added)
        assert first.initial
        assert isinstance(second, Updated)
        assert stream.pending == 0


def test_a_stream_that_nobody_reads_any_more_is_taken_off() -> None:
    """With the next change; one that was closed is off already."""
    with running_cache() as cache:
        abandoned, closed, read = _stream(cache), _stream(cache), _stream(cache)
        abandoned.is_abandoned = True
        closed.detach()
        closed.detach()
        cache.push(listed(pod("a"), pod("b")))
        assert (abandoned.pending, closed.pending, read.pending) == (0, 0, 2)
        assert abandoned.queue.is_closed
        assert list(cache.processor.close()) == [read]
