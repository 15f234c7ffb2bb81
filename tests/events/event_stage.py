"""A writer of events on a clock moved by hand, and a server that is none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kubeinformer.events.event_documents import (
    EventKey,
    ObjectReference,
    Occurrence,
    make_reporter,
)
from kubeinformer.events.event_queue import EventQueue
from kubeinformer.events.event_writer import EventWriter
from kubeinformer.resources import Resource, ResourceReference
from kubeinformer.testing import FakeClock


class FakeRequests:
    """A server that answers from `answer`: None, an error to raise, or an awaitable to wait for."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, str, str, dict[str, Any]]] = []  # time, verb, name, body
        self.answer: Callable[[str, str], Any] = lambda _verb, _name: None
        self.under_way = 0
        self.most_under_way = 0
        self.now: Callable[[], float] = lambda: 0.0

    async def resolve(self, reference: ResourceReference) -> Resource:
        raise AssertionError(f"nobody has to ask for {reference}")

    async def send(
        self,
        method: str,
        verb: str,
        resource: Resource,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout: float | None = 30.0,
    ) -> bytes:
        assert (method, content_type) in {
            ("POST", "application/json"),
            ("PATCH", "application/merge-patch+json"),
        }
        document = json.loads(body or b"")
        name = path.rsplit("/", maxsplit=1)[-1] if verb == "patch" else document["metadata"]["name"]
        assert path.startswith("/apis/events.k8s.io/v1/namespaces/default/events")
        self.sent.append((self.now(), verb, name.split(".")[0], document))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            answer = self.answer(verb, name.split(".")[0])
            if isinstance(answer, Exception):
                raise answer
            if answer is not None:
                await answer
        finally:
            self.under_way -= 1
        return b"{}"

    async def close(self) -> None:
        """Nothing is held."""

    @property
    def story(self) -> list[tuple[float, str, str, int]]:
        """What was sent: time, verb, name, count."""
        return [
            (time, verb, name, document.get("series", {}).get("count", 1))
            for time, verb, name, document in self.sent
        ]


class Stage:
    """A writer with its queue, and the server that it writes to."""

    def __init__(self, random_value: float | None = 0.5) -> None:
        self.clock = FakeClock(random_value=random_value)
        self.requests = FakeRequests()
        self.requests.now = self.clock.now
        loop = asyncio.get_running_loop()
        self.queue = EventQueue(self.clock, lambda: loop.call_soon(self.writer.pump))
        self.writer = EventWriter(self.queue, make_reporter("c", "i", "h"), self.requests, self.clock)

    def happen(self, name: str = "a", reason: str = "Done") -> None:
        """Let an event happen to a pod."""
        key = EventKey("Normal", "Do", reason, ObjectReference("v1", "Pod", name, "default"))
        self.queue.put(Occurrence(key, "", self.clock.time()))

    async def pass_time(self, seconds: float = 0.0) -> None:
        """Let time pass, and everything happen that comes of it at once."""
        await self.clock.advance_async(seconds)
        before = -1
        while before != len(self.requests.sent):
            before = len(self.requests.sent)
            await self.clock.settle()

    def counted(self, *results: str) -> list[int]:
        """Return counts by these results."""
        counts: Mapping[str, int] = {str(result): count for result, count in self.queue.counts.items()}
        return [counts[result] for result in results]


def play(scene: Callable[[Stage], Awaitable[None]], random_value: float | None = 0.5) -> None:
    """Play a scene, and stop the writer."""

    async def run() -> None:
        stage = Stage(random_value)
        try:
            await scene(stage)
        finally:
            await stage.writer.stop()
            assert stage.clock.pending == 0
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())
