"""A ListWatch that a test scripts, and a sink that remembers: for the reflector and the informer without a network."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from typing import Any, TypeVar

from kubeinformer.cache.background_errors import BackgroundError
from kubeinformer.cache.deltas import Changes, Item
from kubeinformer.cache.object_reader import ObjectReader, Transform
from kubeinformer.object_bytes import RAW_BYTES
from kubeinformer.resources import Resource

T = TypeVar("T")
PODS = Resource("", "v1", "pods", "Pod", verbs=("get", "list", "watch"))
NODES = Resource("", "v1", "nodes", "Node", namespaced=False, verbs=("get", "list", "watch"))


def pod(name: str, version: str, *, uid: str = "", namespace: str = "default", **more: Any) -> dict[str, Any]:
    """Return a pod as the server writes it."""
    metadata = {"name": name, "namespace": namespace, "uid": uid or f"uid-{name}", "resourceVersion": version}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {**metadata, **more.pop("metadata", {})}, **more}


def listed(version: str, *items: dict[str, Any], token: str = "") -> bytes:
    """Return the body of a list (items without kind and apiVersion, as the server writes them)."""
    bare = [
        {name: value for name, value in item.items() if name not in ("kind", "apiVersion")} for item in items
    ]
    metadata = {"resourceVersion": version, **({"continue": token} if token else {})}
    return compact({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": bare})


def event(kind: str, item: dict[str, Any]) -> bytes:
    """Return a watch line as the server writes it."""
    return compact({"type": kind, "object": item}) + b"\n"


def bookmark(version: str) -> bytes:
    """Return a bookmark line."""
    return event("BOOKMARK", {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": version}})


def status(code: int, reason: str, **more: Any) -> dict[str, Any]:
    """Return a Status object."""
    return {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": reason, **more}


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


class ScriptedStream:
    """A watch stream that a test feeds."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self.closed = False

    def send(self, *chunks: bytes) -> None:
        for chunk in chunks:
            self._chunks.put_nowait(chunk)

    def end(self) -> None:
        self._chunks.put_nowait(b"")

    def cut(self, error: Exception) -> None:
        self._chunks.put_nowait(error)

    async def read(self) -> bytes:
        chunk = await self._chunks.get()
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self) -> None:
        self.closed = True


class ScriptedServer:
    """Answers lists and watches from what a test put in, and remembers what was asked.

    A list is answered with the next of `lists` (an exception is raised; the last one stays); a watch is refused
    with the next of `refusals` while there are any, else it opens a new one of `streams`.
    """

    def __init__(self, *lists: bytes | Exception, resource: Resource = PODS) -> None:
        self.lists: deque[bytes | Exception] = deque(lists)
        self.refusals: deque[Exception] = deque()
        self.resolutions: deque[Resource | Exception] = deque([resource])
        self.from_cache = True
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.streams: list[ScriptedStream] = []

    def asked(self, verb: str) -> list[dict[str, str]]:
        return [parameters for asked, parameters in self.requests if asked == verb]

    @property
    def watched_from(self) -> list[str]:
        return [parameters["resourceVersion"] for parameters in self.asked("watch")]

    async def resolve(self, *, fresh: bool) -> Resource:
        self.requests.append(("resolve", {"fresh": str(fresh)}))
        return _next(self.resolutions)

    async def serves_consistent_lists(self) -> bool:
        return self.from_cache

    async def list(self, parameters: Mapping[str, str]) -> bytes:
        self.requests.append(("list", dict(parameters)))
        return _next(self.lists)

    async def watch(self, parameters: Mapping[str, str]) -> ScriptedStream:
        self.requests.append(("watch", dict(parameters)))
        if self.refusals:
            raise self.refusals.popleft()
        self.streams.append(ScriptedStream())
        return self.streams[-1]

    @property
    def stream(self) -> ScriptedStream:
        return self.streams[-1]


def _next(answers: deque[T | Exception]) -> T:
    answer = answers.popleft() if len(answers) > 1 else answers[0]
    if isinstance(answer, Exception):
        raise answer
    return answer


class Recorder:
    """A sink that remembers what a reflector hands on."""

    def __init__(self, transform: Transform | None = None) -> None:
        self.items: list[Item] = []
        self.errors: list[BackgroundError] = []
        self.transform = transform
        self.fail_next: Exception | None = None

    def resolved(self, resource: Resource) -> ObjectReader:
        return ObjectReader(resource, RAW_BYTES, self.transform)

    def push(self, item: Item) -> None:
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error
        self.items.append(item)

    def report(self, error: BackgroundError) -> None:
        self.errors.append(error)

    @property
    def told(self) -> list[str]:
        """What was handed on, in words."""
        return [word for item in self.items for word in _words(item)]


def _words(item: Item) -> list[str]:
    if isinstance(item, Changes):
        return [f"{delta.type.name} {delta.key}" for delta in item.deltas] or [f"BOOKMARK {item.version}"]
    return [f"REPLACED {item.version}: {' '.join(found.key for found in item.objects)}".rstrip()]
