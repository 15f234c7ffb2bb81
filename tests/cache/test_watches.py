"""Watches: one list and one watch for one resource, however it is spelled and whoever asked first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.cache.scripted_server import NODES, PODS, ScriptedServer, event, listed, pod

from kubeinformer.cache.background_errors import ErrorReporter
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.cache.informer_options import InformerOptions
from kubeinformer.cache.list_watch import ListWatch
from kubeinformer.cache.watches import Watches
from kubeinformer.errors import NetworkError, NotFound
from kubeinformer.resources import parse_resource
from kubeinformer.testing.fake_clock import FakeClock


class Stage:
    """Informers on one scripted server, whatever they ask for."""

    def __init__(self, server: ScriptedServer) -> None:
        self.clock = FakeClock(random_value=0.0)
        self.server = server
        self.reporter = ErrorReporter(self.clock, None)
        self.watches = Watches(self._connect, self.clock, self.reporter)

    def _connect(self, _options: InformerOptions, _scope: str | None) -> ListWatch:
        return self.server

    def informer(self, resource: str, options: InformerOptions | None = None) -> SharedIndexInformer:
        asked = replace(options or InformerOptions(parse_resource("x")), reference=parse_resource(resource))
        return SharedIndexInformer(
            asked,
            {},
            resync_period=0.0,
            clock=self.clock,
            reporter=self.reporter,
            on_change=lambda: None,
        )

    async def start(self, *informers: SharedIndexInformer) -> None:
        for informer in informers:
            self.watches.start(informer)
        await self.clock.advance_async()

    async def say(self, *lines: bytes) -> None:
        self.server.stream.send(*lines)
        await self.clock.advance_async()

    def play(self, scene: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            try:
                await scene()
            finally:
                await self.watches.stop_all()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert self.clock.pending == 0

        asyncio.run(run())

    @property
    def requests(self) -> tuple[int, int]:
        return len(self.server.asked("list")), len(self.server.asked("watch"))


def _keys(informer: SharedIndexInformer) -> list[str]:
    return sorted(informer.indexer.keys())


def test_spellings_of_one_resource_share_a_list_and_a_watch() -> None:
    """Each has its own store and status, all have the very same objects, and all hear what changes."""
    stage = Stage(ScriptedServer(listed("5", pod("a", "3"))))

    async def scene() -> None:
        informers = [stage.informer(spelling) for spelling in ("pods", "v1/pods", "po", "pod")]
        await stage.start(*informers)
        await stage.say(event("ADDED", pod("b", "6")))
        assert stage.requests == (1, 1)
        for informer in informers:
            assert informer.has_synced
            assert _keys(informer) == ["default/a", "default/b"]
            assert informer.indexer.get_by_key("default/a") is informers[0].indexer.get_by_key("default/a")
            assert (informer.status.state, informer.resource_version) == ("watching", "6")

    stage.play(scene)


def test_a_late_spelling_begins_with_what_is_there() -> None:
    """It is synced without a list, at the version that the cache has."""
    stage = Stage(ScriptedServer(listed("5", pod("a", "3"))))

    async def scene() -> None:
        first, late = stage.informer("pods"), stage.informer("v1/pods")
        await stage.start(first)
        await stage.say(event("DELETED", pod("a", "6")), event("ADDED", pod("b", "7")))
        await stage.start(late)
        assert stage.requests == (1, 1)
        assert late.has_synced
        assert (_keys(late), late.resource_version) == (["default/b"], "7")

    stage.play(scene)


def test_the_watch_goes_on_for_those_that_stay() -> None:
    """Stopping the informer that began it costs the others no list; stopping the last one ends it."""
    stage = Stage(ScriptedServer(listed("5", pod("a", "3"))))

    async def scene() -> None:
        first, second = stage.informer("pods"), stage.informer("v1/pods")
        await stage.start(first, second)
        await stage.watches.stop(first)
        await stage.say(event("ADDED", pod("b", "6")))
        assert (_keys(first), _keys(second)) == (["default/a"], ["default/a", "default/b"])
        assert stage.requests == (1, 1)
        await stage.watches.stop(second)
        assert stage.server.stream.closed
        await stage.watches.stop(second)

    stage.play(scene)


def test_a_stopped_informer_may_be_made_anew() -> None:
    """Its resource is watched by nobody then: the next one lists."""
    stage = Stage(ScriptedServer(listed("5", pod("a", "3"))))

    async def scene() -> None:
        first, second = stage.informer("pods"), stage.informer("v1/pods")
        await stage.start(first)
        await stage.watches.stop(first)
        await stage.start(second)
        assert stage.requests == (2, 2)
        assert second.has_synced

    stage.play(scene)


@pytest.mark.parametrize(
    "narrowed", [{"label_selector": "a=b"}, {"metadata_only": True}, {"namespaces": ("x",)}]
)
def test_what_differs_is_watched_apart_and_logged(
    narrowed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Two caches of one resource under two names are legal, and rarely meant (Regression 25)."""
    stage = Stage(ScriptedServer(listed("5", pod("a", "3"))))

    async def scene() -> None:
        options = replace(InformerOptions(parse_resource("x")), **narrowed)
        await stage.start(stage.informer("pods"), stage.informer("v1/pods", options))
        assert stage.requests == (2, 2)
        assert "another cache of the same resource exists: pods" in caplog.text

    stage.play(scene)


def test_namespaces_do_not_part_what_has_none() -> None:
    """A cluster-scoped resource is watched once, also for those that ask for namespaces (Case C37)."""
    stage = Stage(ScriptedServer(listed("5"), resource=NODES))

    async def scene() -> None:
        everywhere = stage.informer("nodes")
        narrowed = stage.informer("nodes", InformerOptions(parse_resource("x"), namespaces=("a", "b")))
        await stage.start(everywhere, narrowed)
        assert stage.requests == (1, 1)
        assert everywhere.has_synced
        assert narrowed.has_synced
        assert narrowed.lister.list("c") == []

    stage.play(scene)


def test_spellings_part_where_they_come_to_mean_different_things() -> None:
    """A bare name may mean another version after a CRD was made anew, a full one does not (Case C50)."""
    stage = Stage(ScriptedServer(listed("5", pod("a", "3"))))
    newer = replace(PODS, version="v2")

    async def scene() -> None:
        bare, full = stage.informer("pods"), stage.informer("v1/pods")
        await stage.start(bare, full)
        gone = ScriptedServer(listed("9", pod("b", "8")))
        stage.server.lists = gone.lists
        stage.server.resolutions.clear()
        stage.server.resolutions.extend([newer, PODS])
        stage.server.refusals.append(_not_found())
        stage.server.stream.cut(NetworkError("cut"))
        await stage.clock.advance_async(60.0)
        assert (_keys(bare), _keys(full)) == (["default/b"], ["default/b"])
        assert stage.watches.informers[bare] is not stage.watches.informers[full]
        resources = [stage.watches.informers[informer].resource for informer in (bare, full)]
        assert resources == [newer, PODS]

    stage.play(scene)


def test_a_watch_that_dies_is_run_again_for_all_it_feeds(caplog: pytest.LogCaptureFixture) -> None:
    """A fault of ours must not end a cache: it is logged, and the informers are fed on (Case C42)."""
    stage = Stage(ScriptedServer(listed("5", pod("a", "3"))))

    async def scene() -> None:
        first, second = stage.informer("pods"), stage.informer("v1/pods")
        await stage.start(first, second)
        watch = stage.watches.informers[second]
        watch.reflectors[0]._machine = None  # type: ignore[assignment]  # break it from inside
        await stage.say(event("ADDED", pod("b", "6")))
        await stage.clock.advance_async(5.0)
        await stage.say(event("ADDED", pod("c", "7")))
        assert "restarting" in caplog.text
        for informer in (first, second):
            assert "default/c" in _keys(informer)

    stage.play(scene)


def _not_found() -> Exception:
    return NotFound(404, "NotFound", "gone", verb="watch", resource="pods")
