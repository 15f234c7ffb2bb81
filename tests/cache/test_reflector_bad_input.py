"""The reflector and what is no answer: bad lines, bad objects, bad bodies."""

from __future__ import annotations

import pytest
from tests.cache.reflector_stage import Stage, play
from tests.cache.scripted_server import (
    ScriptedServer,
    compact,
    event,
    listed,
    pod,
    status,
)

from kubeinformer.errors import InvalidObject


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"ADDED","object":{"metad\n',
        b"null\n",
        b"[]\n",
        b"<html>\n",
        b'{"type":"SHRUNK","object":{"metadata":{"name":"x","resourceVersion":"6"}}}\n',
        b'{"type":"ADDED","object":null}\n',
        b'{"type":"ADDED","object":{"kind":"Pod"}}\n',
        b'{"type":"MODIFIED","object":{"metadata":{"resourceVersion":"6"}}}\n',
    ],
)
def test_a_line_that_is_no_event_costs_no_other(line: bytes) -> None:
    """Cases C08 and C30: reported once, its neighbours get through at once, a list after the back-off makes up for it."""
    server = ScriptedServer(
        listed("5", pod("a", "4")), listed("9", pod("a", "4"), pod("b", "7"), pod("lost", "6"))
    )
    stage = Stage(server)

    async def scene(stage: Stage) -> None:
        await stage.pass_time(40.0)
        stage.server.stream.send(line + event("ADDED", pod("b", "7")))
        await stage.pass_time()
        assert stage.recorder.told[-1] == "ADDED default/b"
        assert len(server.asked("list")) == 1
        await stage.pass_time(1.0)

    play(stage, scene)
    assert stage.recorder.told[-1] == "REPLACED 9: default/a default/b default/lost"
    assert len(server.asked("list")) == 2
    assert [error.verb for error in stage.recorder.errors] == ["watch"]
    assert stage.reflector.status.errors == 1


def test_an_object_that_cannot_be_read_is_set_aside_and_is_not_gone() -> None:
    """Decision 13: its neighbours get through, its key counts as present, it is reported and counted."""
    bad = pod("bad", "4", metadata={"labels": {"a": 1}})
    server = ScriptedServer(listed("5", pod("a", "3"), bad))
    stage = Stage(server)

    async def scene(stage: Stage) -> None:
        stage.server.stream.send(event("MODIFIED", {**bad}) + event("ADDED", pod("b", "7")))
        await stage.pass_time()

    play(stage, scene)
    replaced = stage.recorder.items[0]
    assert replaced.set_aside == frozenset({"default/bad"})  # type: ignore[union-attr]  # the first is the list
    assert stage.recorder.told == ["REPLACED 5: default/a", "ADDED default/b"]
    assert stage.reflector.status.set_aside == 2
    assert all(isinstance(error.error, InvalidObject) for error in stage.recorder.errors)


def test_a_byte_that_is_no_text_costs_one_object() -> None:
    """Case C06: an event with byte FF in a string is reported and skipped, and the stream goes on."""
    stage = Stage(ScriptedServer(listed("5")))

    async def scene(stage: Stage) -> None:
        broken = event("ADDED", pod("a", "6", spec={"x": "?"})).replace(b"?", b"\xff")
        stage.server.stream.send(broken + event("ADDED", pod("b", "7")))
        await stage.pass_time()

    play(stage, scene)
    assert stage.recorder.told == ["REPLACED 5:", "ADDED default/b"]
    assert "not UTF-8" in str(stage.recorder.errors[0].error)


@pytest.mark.parametrize(
    "body", [b"null", b"[]", b"{}", b"", b"<html>", b'{"kind":"Pod"', compact(status(403, "Forbidden"))]
)
def test_a_body_that_is_no_list_is_an_error_and_leaves_the_store(body: bytes) -> None:
    """Malformed, empty, HTML, or a Status in place of a list: reported, tried again, nothing handed on meanwhile."""
    server = ScriptedServer(body, listed("5", pod("a", "1")))
    stage = Stage(server)

    async def scene(stage: Stage) -> None:
        assert stage.recorder.told == []
        await stage.pass_time(1.0)

    play(stage, scene)
    assert stage.recorder.told == ["REPLACED 5: default/a"]
    assert len(stage.recorder.errors) == 1
