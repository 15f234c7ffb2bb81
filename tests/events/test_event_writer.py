"""Writes of events, their order, and flushes, on a clock moved by hand."""

from __future__ import annotations

import asyncio

from tests.events.event_stage import Stage, play

from kubeinformer.errors import NetworkError, status_error


def test_an_event_is_created_its_equal_is_patched() -> None:
    """Invariants 299, 300: and another one is created beside them."""

    async def scene(stage: Stage) -> None:
        stage.happen()
        await stage.clock.settle()
        stage.happen()
        stage.happen(reason="Other")
        await stage.clock.settle()
        assert stage.requests.story == [
            (0.0, "create", "a", 1),
            (0.0, "patch", "a", 2),
            (0.0, "create", "a", 1),
        ]
        assert "series" not in stage.requests.sent[0][3]
        assert stage.requests.sent[1][3].keys() == {"series"}
        assert stage.counted("written", "folded") == [2, 1]

    play(scene)


def test_a_pair_at_once_is_one_creation() -> None:
    """Invariant 299: a series without a base is created with its count."""

    async def scene(stage: Stage) -> None:
        stage.happen()
        stage.happen()
        await stage.clock.settle()
        assert stage.requests.story == [(0.0, "create", "a", 2)]

    play(scene)


def test_the_count_follows_by_itself_and_the_series_ends() -> None:
    """Invariant 301: a minute after the first patch, without another event; then it is forgotten, and begins anew."""

    async def scene(stage: Stage) -> None:
        for _ in range(4):
            stage.happen()
            await stage.clock.settle()
        await stage.clock.advance_async(1000.0)
        assert stage.requests.story[1:] == [(0.0, "patch", "a", 2), (60.0, "patch", "a", 4)]
        assert len(stage.queue.table) == 0
        assert stage.clock.pending == 0
        stage.happen()
        await stage.clock.settle()
        assert stage.requests.story[3:] == [(1000.0, "create", "a", 1)]

    play(scene)


def test_a_patch_of_what_expired_on_the_server_creates_it_anew() -> None:
    """Invariant 290: under its name, with its whole count, without a resourceVersion."""

    async def scene(stage: Stage) -> None:
        stage.happen()
        await stage.clock.settle()
        stage.requests.answer = lambda verb, _: status_error(404) if verb == "patch" else None
        stage.happen()
        await stage.clock.settle()
        assert stage.requests.story == [
            (0.0, "create", "a", 1),
            (0.0, "patch", "a", 2),
            (0.0, "create", "a", 2),
        ]
        first, again = stage.requests.sent[0][3], stage.requests.sent[2][3]
        assert again.pop("series")["count"] == 2
        assert again == first
        assert "resourceVersion" not in again["metadata"]
        assert stage.counted("written", "folded", "failed") == [1, 1, 0]

    play(scene)


def test_the_order_within_a_series_is_kept() -> None:
    """Invariant 288: the patch waits for the creation, though seven other writers have nothing to do."""

    async def scene(stage: Stage) -> None:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stage.requests.answer = lambda verb, _: gate if verb == "create" else None
        for _ in range(3):
            stage.happen()
            await stage.clock.settle()
        assert stage.requests.story == [(0.0, "create", "a", 1)]
        gate.set_result(None)
        await stage.clock.settle()
        assert stage.requests.story[1:] == [(0.0, "patch", "a", 3)]

    play(scene)


def test_a_flush_writes_what_waits() -> None:
    """New events, counts in their pause, retries in theirs; it says whether all of it is done."""

    async def scene(stage: Stage) -> None:
        for _ in range(3):
            stage.happen("counted")
            await stage.clock.settle()
        stage.requests.answer = lambda *_: NetworkError("refused")
        stage.happen("retried")
        await stage.clock.settle()
        stage.requests.answer = lambda *_: None
        stage.happen("new")
        flush = asyncio.create_task(stage.writer.flush(5.0))
        await stage.clock.advance_async(1.0)  # a server in trouble
        assert flush.done()
        assert await flush
        assert {entry[1:] for entry in stage.requests.story[3:]} == {
            ("patch", "counted", 3),
            ("create", "retried", 1),
            ("create", "new", 1),
        }
        assert await stage.writer.flush(5.0)

    play(scene)


def test_the_pauses_are_back_after_a_flush() -> None:
    """Invariant 300: a count that comes later waits for its minutes again."""

    async def scene(stage: Stage) -> None:
        for _ in range(2):
            stage.happen()
            await stage.clock.settle()
        assert await stage.writer.flush(5.0)
        stage.happen()
        await stage.clock.advance_async(59.0)
        assert stage.requests.story[1:] == [(0.0, "patch", "a", 2)]
        await stage.clock.advance_async(1.0)
        assert stage.requests.story[2:] == [(60.0, "patch", "a", 3)]

    play(scene)


def test_a_flush_ends_in_time() -> None:
    """Invariant 291: with a server that hangs it says no, and what is lost is counted when the writer stops."""

    async def scene(stage: Stage) -> None:
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stage.requests.answer = lambda *_: never
        stage.happen()
        flush = asyncio.create_task(stage.writer.flush(5.0))
        await stage.clock.advance_async(4.9)
        assert not flush.done()
        await stage.clock.advance_async(0.1)
        assert not await flush
        await stage.writer.stop()
        assert len(stage.requests.sent) == 1
        assert stage.counted("failed") == [1]
        stage.writer.pump()  # a late call from another thread
        stage.happen("b")
        await stage.clock.settle()
        assert len(stage.requests.sent) == 1

    play(scene)


def test_two_flushes_at_once() -> None:
    """Each waits for what was there when it began, and the end of one does not make the other wait for pauses."""

    async def scene(stage: Stage) -> None:
        gates = [asyncio.get_running_loop().create_future() for _ in range(2)]
        waiting = list(gates)
        stage.requests.answer = lambda *_: waiting.pop(0) if waiting else None
        stage.happen()
        first = asyncio.create_task(stage.writer.flush(100.0))
        await stage.clock.settle()
        stage.happen()
        second = asyncio.create_task(stage.writer.flush(100.0))
        await stage.clock.settle()
        gates[0].set_result(None)
        await stage.clock.settle()
        assert (first.done(), second.done()) == (True, False)
        gates[1].set_result(None)
        await stage.clock.settle()
        assert await first
        assert await second

    play(scene)
