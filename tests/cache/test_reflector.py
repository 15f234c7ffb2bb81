"""The reflector at work: scripted answers in, what it hands on and asks for out."""

from __future__ import annotations

import pytest
from tests.cache.reflector_stage import Stage, play
from tests.cache.scripted_server import (
    PODS,
    Recorder,
    ScriptedServer,
    bookmark,
    compact,
    event,
    listed,
    pod,
    status,
)

from kubeinformer.errors import (
    ConfigurationError,
    Expired,
    Forbidden,
    NetworkError,
    StatusError,
    TooManyRequests,
)
from kubeinformer.statuses import error_from_status


def test_one_list_and_one_watch_bring_everything() -> None:
    """Invariants 2, 5 and 11: list, watch from its version, changes in order; cancelling closes the stream."""
    stage = Stage(ScriptedServer(listed("5", pod("a", "3"), pod("b", "4"))))

    async def scene(stage: Stage) -> None:
        stage.server.stream.send(event("ADDED", pod("c", "6")) + event("MODIFIED", pod("a", "7")))
        stage.server.stream.send(event("DELETED", pod("b", "8")))
        await stage.pass_time()

    play(stage, scene)
    assert stage.recorder.told == [
        "REPLACED 5: default/a default/b",
        "ADDED default/c",
        "UPDATED default/a",
        "DELETED default/b",
    ]
    assert [verb for verb, _ in stage.server.requests] == ["resolve", "list", "watch"]
    assert stage.recorder.errors == []


def test_pages_are_one_replacement() -> None:
    """Invariant 73: all pages, in order, at the version of the first."""
    server = ScriptedServer(
        listed("5", pod("a", "3"), token="t1"), listed("5", pod("b", "4"), token="t2"), listed("9")
    )
    stage = Stage(server)

    async def scene(stage: Stage) -> None:
        return None

    play(stage, scene)
    assert stage.recorder.told == ["REPLACED 5: default/a default/b"]
    assert server.asked("list") == [{"limit": "500"}] + [
        {"limit": "500", "continue": f"t{n}"} for n in (1, 2)
    ]


def test_a_page_that_is_refused_for_the_moment_costs_no_other() -> None:
    """Case C15: the pages before it are kept while it is waited for, no shorter than asked."""
    server = ScriptedServer(
        listed("5", pod("a", "3"), token="t1"),
        TooManyRequests(429, "TooManyRequests", "later", retry_after=4.0),
        NetworkError("reset"),
        listed("5", pod("b", "4")),
    )
    stage = Stage(server)

    async def scene(stage: Stage) -> None:
        await stage.pass_time(3.9)
        assert len(server.asked("list")) == 2
        await stage.pass_time(2.0)

    play(stage, scene)
    assert stage.recorder.told == ["REPLACED 5: default/a default/b"]
    assert server.asked("list")[1:] == [{"limit": "500", "continue": "t1"}] * 3


def test_an_expired_token_discards_the_pages_before() -> None:
    """Case C02: nothing stems from a page of a list that could not be finished."""
    server = ScriptedServer(
        listed("5", pod("gone", "3"), token="t1"),
        Expired(410, "Expired", "token"),
        listed("8", pod("b", "4")),
    )
    stage = Stage(server)

    async def scene(stage: Stage) -> None:
        return None

    play(stage, scene)
    assert stage.recorder.told == ["REPLACED 8: default/b"]
    assert server.asked("list")[-1] == {}


def test_a_fresh_token_beside_an_expired_one_is_not_taken() -> None:
    """Case C02: a Status may offer to go on at another version, where what was deleted meanwhile would stay."""
    expired = status(410, "Expired", metadata={"continue": "fresh"})
    server = ScriptedServer(
        listed("5", pod("gone", "3"), token="t1"),
        error_from_status(compact(expired), verb="list", resource="pods"),
        listed("8", pod("b", "4")),
    )
    stage = Stage(server)

    async def scene(stage: Stage) -> None:
        return None

    play(stage, scene)
    assert stage.recorder.told == ["REPLACED 8: default/b"]
    assert server.asked("list") == [{"limit": "500"}, {"limit": "500", "continue": "t1"}, {}]


@pytest.mark.parametrize("ending", ["end", "cut"])
def test_a_stream_that_ends_is_resumed_from_its_last_event(ending: str) -> None:
    """Invariant 50, case C12: by a close or a cut, with half an event lost: the next watch starts after the last whole one."""
    stage = Stage(ScriptedServer(listed("5")))

    async def scene(stage: Stage) -> None:
        stage.server.stream.send(event("ADDED", pod("a", "6")) + b'{"type":"ADDED","obj')
        await stage.pass_time(2.0)
        stage.server.stream.end() if ending == "end" else stage.server.stream.cut(NetworkError("reset"))
        await stage.pass_time()

    play(stage, scene)
    assert stage.server.watched_from == ["5", "6"]
    assert len(stage.server.asked("list")) == 1
    assert stage.recorder.errors == []


def test_a_whole_last_event_without_a_line_end_counts() -> None:
    """Case C06: an event that is complete arrives, though its LF does not."""
    stage = Stage(ScriptedServer(listed("5")))

    async def scene(stage: Stage) -> None:
        stage.server.stream.send(event("ADDED", pod("a", "6"))[:-1])
        await stage.pass_time(2.0)
        stage.server.stream.end()
        await stage.pass_time()

    play(stage, scene)
    assert stage.recorder.told == ["REPLACED 5:", "ADDED default/a"]
    assert stage.server.watched_from == ["5", "6"]


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("reason", ["Expired", "Gone"])
def test_an_expired_version_is_answered_by_one_list(inside: bool, reason: str) -> None:
    """Case C10: 410 inside the stream and as an HTTP status; exactly one list, not at the version of the text."""
    server = ScriptedServer(
        listed("100", pod("a", "1"), pod("b", "2")), listed("250", pod("a", "9"), pod("d", "8"))
    )
    stage = Stage(server)

    async def scene(stage: Stage) -> None:
        await stage.pass_time(60.0)
        if inside:
            stage.server.stream.send(event("ERROR", status(410, reason)))
        else:
            server.refusals.append(Expired(410, reason, "too old resource version: 100 (250)"))
            stage.server.stream.end()
        await stage.pass_time(3.0)

    play(stage, scene)
    assert server.asked("list") == [{"limit": "500"}] * 2
    assert stage.recorder.told == ["REPLACED 100: default/a default/b", "REPLACED 250: default/a default/d"]
    assert server.watched_from[-1] == "250"


def test_events_arrive_however_they_are_split() -> None:
    """Case C06: byte by byte, with characters of two to four bytes, and blank lines between."""
    stage = Stage(ScriptedServer(listed("5")))
    text = event("ADDED", pod("é-中-😀", "6")) + b"\n\n" + event("ADDED", pod("b", "7"))

    async def scene(stage: Stage) -> None:
        stage.server.stream.send(*(text[at : at + 1] for at in range(len(text))))
        for _ in range(40):
            await stage.pass_time()

    play(stage, scene)
    assert stage.recorder.told == ["REPLACED 5:", "ADDED default/é-中-😀", "ADDED default/b"]


def test_a_forbidden_list_is_tried_again_with_growing_delays() -> None:
    """Cases C16 and C17: 403 for ever makes at most a handful of requests in 20 s, and the reason is told."""
    server = ScriptedServer(Forbidden(403, "Forbidden", "pods is forbidden", verb="list", resource="pods"))
    stage = Stage(server)

    async def scene(stage: Stage) -> None:
        await stage.pass_time(20.0)

    play(stage, scene)
    assert len(server.requests) <= 8
    assert {error.status for error in stage.recorder.errors} == {403}
    assert not stage.reflector.status.synced
    assert "pods is forbidden" in str(stage.reflector.status.last_error)


def test_a_cache_loads_as_soon_as_permission_comes() -> None:
    """Case C17: once the cause is gone it syncs without a restart."""
    server = ScriptedServer(
        Forbidden(403, "Forbidden", "no"), Forbidden(403, "Forbidden", "no"), listed("5", pod("a", "1"))
    )
    stage = Stage(server)

    async def scene(stage: Stage) -> None:
        await stage.pass_time(3.0)
        assert stage.reflector.status.synced
        assert stage.reflector.status.stale_since is None

    play(stage, scene)
    assert stage.recorder.told == ["REPLACED 5: default/a"]


def test_bookmarks_move_the_resume_point_and_arm_the_silence_rule() -> None:
    """Cases C12 and C19: after a bookmark, 70 s of silence end the stream; the next watch starts at the bookmark."""
    stage = Stage(ScriptedServer(listed("5")))

    async def scene(stage: Stage) -> None:
        stage.server.stream.send(
            event(
                "BOOKMARK", {"metadata": {"resourceVersion": "900", "creationTimestamp": None}, "spec": None}
            )
        )
        await stage.pass_time(69.0)
        assert len(stage.server.streams) == 1
        await stage.pass_time(1.5)

    play(stage, scene)
    assert stage.server.watched_from == ["5", "900"]
    assert stage.recorder.told == ["REPLACED 5:", "BOOKMARK 900"]


def test_a_silent_stream_without_bookmarks_ends_after_its_own_time_out() -> None:
    """Case C19: a server that ignores `timeoutSeconds` cannot hold a stream for ever."""
    stage = Stage(ScriptedServer(listed("5")))

    async def scene(stage: Stage) -> None:
        await stage.pass_time(329.0)
        assert len(stage.server.streams) == 1
        await stage.pass_time(2.0)

    play(stage, scene)
    assert len(stage.server.streams) == 2
    assert len(stage.server.asked("list")) == 1


def test_status_says_since_when_it_is_stale_and_why() -> None:
    """Never silent: a watch that cannot be opened shows its age, its error and the HTTP status."""
    stage = Stage(ScriptedServer(listed("5")))

    async def scene(stage: Stage) -> None:
        await stage.pass_time(30.0)
        broken = stage.clock.time()
        stage.server.refusals.extend(
            [StatusError(503, "ServiceUnavailable", "down", verb="watch", resource="pods")] * 3
        )
        stage.server.stream.cut(NetworkError("reset"))
        await stage.pass_time(2.0)
        now = stage.reflector.status
        assert (now.state, now.stale_since) == ("waiting", broken)
        assert now.last_error is not None
        assert (now.last_error.status, now.last_error.action) == (503, "opening")
        await stage.pass_time(10.0)
        assert stage.reflector.status.stale_since is None
        assert stage.reflector.status.last_error is not None

    play(stage, scene)


def test_credentials_that_are_not_to_be_had_cost_no_position() -> None:
    """Case C21: a plugin or a file that fails for a while is an outage like another, and no reason to list again."""
    stage = Stage(ScriptedServer(listed("5")))
    stage.server.resolutions.appendleft(ConfigurationError("token file: no such file"))

    async def scene(stage: Stage) -> None:
        await stage.pass_time(60.0)
        stage.server.refusals.extend([ConfigurationError("token file: no such file")] * 4)
        stage.server.stream.cut(NetworkError("reset"))
        await stage.pass_time(60.0)
        assert stage.reflector.status.state == "watching"

    play(stage, scene)
    assert len(stage.server.asked("list")) == 1
    assert {error.verb for error in stage.recorder.errors} == {"discover", "watch"}


def test_an_exception_of_the_machinery_is_reported_and_survived() -> None:
    """Case C42: an internal death reaches the error hook, and the cache starts over from a list."""
    recorder = Recorder()
    stage = Stage(ScriptedServer(listed("5", pod("a", "1"))), recorder)

    async def scene(stage: Stage) -> None:
        recorder.fail_next = RuntimeError("bug")
        stage.server.stream.send(event("ADDED", pod("b", "7")))
        await stage.pass_time(2.0)

    play(stage, scene)
    assert [type(error.error) for error in recorder.errors] == [RuntimeError]
    assert recorder.told == ["REPLACED 5: default/a", "REPLACED 5: default/a"]
    assert stage.server.streams[0].closed


def test_a_transform_sees_each_version_once() -> None:
    """Invariant 323: exactly once for each version received, before anything else sees the object."""
    seen: list[str] = []

    def remember(value: dict[str, object]) -> dict[str, object] | None:
        metadata = value["metadata"]
        assert isinstance(metadata, dict)
        seen.append(f"{value['kind']} {metadata['name']}@{metadata['resourceVersion']}")
        return None if metadata["name"] == "hidden" else value

    stage = Stage(ScriptedServer(listed("5", pod("a", "3"), pod("hidden", "4"))), Recorder(remember))

    async def scene(stage: Stage) -> None:
        stage.server.stream.send(event("MODIFIED", pod("a", "6")) + event("MODIFIED", pod("hidden", "7")))
        await stage.pass_time()

    play(stage, scene)
    assert seen == ["Pod a@3", "Pod hidden@4", "Pod a@6", "Pod hidden@7"]
    assert stage.recorder.told == ["REPLACED 5: default/a", "UPDATED default/a", "DELETED default/hidden"]


def test_a_large_line_is_one_event() -> None:
    """Case C07: 1.5 MB in small chunks, followed by a small event."""
    stage = Stage(ScriptedServer(listed("5")))
    large = event("ADDED", pod("large", "6", data={"x": "y" * 1_500_000}))

    async def scene(stage: Stage) -> None:
        stage.server.stream.send(*(large[at : at + 65536] for at in range(0, len(large), 65536)))
        stage.server.stream.send(bookmark("7"))
        for _ in range(10):
            await stage.pass_time()

    play(stage, scene)
    assert stage.recorder.told == ["REPLACED 5:", "ADDED default/large", "BOOKMARK 7"]


def test_a_resource_that_is_gone_empties_the_store() -> None:
    """Case C50: only when fresh discovery, whole and healthy, says so twice; then it comes back by itself."""
    from kubeinformer.errors import NotFound

    gone = NotFound(404, "ResourceNotFound", "no widgets")
    server = ScriptedServer(listed("5", pod("a", "1")), listed("9", pod("a", "8", uid="new")))
    stage = Stage(server)

    async def scene(stage: Stage) -> None:
        await stage.pass_time(60.0)
        server.resolutions.extend([gone, gone, PODS])
        server.resolutions.popleft()
        server.refusals.append(NotFound(404, "NotFound", "the path is gone"))
        stage.server.stream.end()
        await stage.pass_time(6.0)
        assert stage.recorder.told == ["REPLACED 5: default/a", "REPLACED :"]
        await stage.pass_time(10.0)

    play(stage, scene)
    assert stage.recorder.told[-1] == "REPLACED 9: default/a"
