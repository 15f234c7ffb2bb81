"""A model of an API server, as far as a reflector can see it: versions, lists, watches, and what goes wrong."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tests.simulation.model_stream import ModelStream, Object, bookmark, compact, line

from kubeinformer.errors import InvalidResponse, NetworkError, StatusError, status_error
from kubeinformer.resources import Resource

RESOURCE = Resource("", "v1", "configmaps", "ConfigMap", verbs=("get", "list", "watch"))
HANG = 60.0  # seconds after which the transport gives a silent server up
PAST = 12  # how many earlier states a restore, or a lagging cache, may show


def key_of(item: Object) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


@dataclass(frozen=True)
class Event:
    """One change, as the watch cache keeps it."""

    version: int
    kind: str
    item: Object


class ModelServer:
    """ConfigMaps in a few namespaces, one global version, a bounded history, and faults on request."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.version = 10
        self.objects: dict[str, Object] = {}
        self.events: list[Event] = []
        self.oldest = 10  # a watch from before this version is answered with 410
        self.streams: set[ModelStream] = set()
        self.bookmarks = True
        self.watch_list = "served"  # or ignored, refused, unfinished
        self.from_cache = True
        self.down = False
        self.resource: Resource | None = RESOURCE  # None where its CRD was deleted
        self.refusals: deque[tuple[str, str]] = deque()  # a verb or any, and what of REFUSALS
        self.states: set[tuple[str, str, str]] = set()  # key, uid and version of all that ever was
        self.sent = 0  # objects that were sent
        self.requests: list[tuple[float, str]] = []
        self.unsettled: set[str | None] = set()  # scopes that have not noticed a restore yet
        self._past: deque[tuple[int, dict[str, Object]]] = deque([(10, {})], maxlen=PAST)
        self._pages: dict[str, tuple[int, list[Object]]] = {}
        self._uids = 0

    # -- writes -------------------------------------------------------------------------------------------------

    def put(self, key: str, *, broken: bool = False) -> None:
        """Create or change an object; a broken one has labels that are no labels."""
        old = self.objects.get(key)
        self._uids += old is None
        uid = old["metadata"]["uid"] if old else f"uid-{self._uids}"
        self._store(key, uid, "MODIFIED" if old else "ADDED", broken=broken)

    def delete(self, key: str) -> None:
        """Delete an object, where it exists."""
        old = self.objects.pop(key, None)
        if old is not None:
            self.version += 1
            self._publish(Event(self.version, "DELETED", _at(old, self.version)))

    def _store(self, key: str, uid: str, kind: str, *, broken: bool) -> None:
        self.version += 1
        namespace, name = key.split("/")
        metadata: Object = {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": str(self.version),
        }
        if broken:
            metadata["labels"] = 7
        self.objects[key] = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata}
        self._publish(Event(self.version, kind, self.objects[key]))

    def _publish(self, event: Event) -> None:
        metadata = event.item["metadata"]
        self.states.add((key_of(event.item), metadata["uid"], metadata["resourceVersion"]))
        self.events.append(event)
        self._past.append((self.version, dict(self.objects)))
        for stream in tuple(self.streams):
            if _is_in(stream.scope, event.item):
                self.sent += 1
                stream.send(line(event.kind, event.item))

    @property
    def broken(self) -> set[str]:
        """The keys of the objects that cannot be read."""
        return {key for key, item in self.objects.items() if "labels" in item["metadata"]}

    @property
    def api_version(self) -> str:
        """The API version that is served."""
        return self.resource.api_version if self.resource else ""

    @property
    def takes_writes(self) -> bool:
        """Whether writes may go on: after a restore, not before everybody has noticed it.

        A server that went back, and whose versions have passed the client's again, cannot be told from one that
        never went back: no client can see that.
        """
        return not self.unsettled and not self.down and self.resource is not None

    # -- faults -------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Reset every connection."""
        for stream in tuple(self.streams):
            stream.cut()

    def end(self) -> None:
        """End every watch in good order."""
        for stream in tuple(self.streams):
            stream.end()

    def fall_silent(self) -> None:
        """Make every open connection half-open."""
        for stream in self.streams:
            stream.dead = True

    def garble(self) -> None:
        """Send a line that is no event."""
        for stream in self.streams:
            stream.send(b'{"type":"ADDED","object":{"metadata"\n')

    def expire(self) -> None:
        """Forget the history: versions and tokens that were handed out are answered with 410."""
        self.oldest = self.version
        self._pages.clear()

    def stop(self) -> None:
        """Go down: connections break, and none is taken."""
        self.down = True
        self.cut()
        self._pages.clear()

    def start(self) -> None:
        """Come back, with an empty watch cache."""
        self.down = False
        self.oldest = self.version

    def restore(self, back: int, scopes: set[str | None]) -> None:
        """Go back some writes, as after a disaster; whoever is ahead has to notice."""
        self.stop()
        past = list(self._past)[: max(1, len(self._past) - back)]
        self.version, objects = past[-1]
        self.objects = dict(objects)
        self.events = [event for event in self.events if event.version <= self.version]
        self._past = deque(past, maxlen=PAST)
        self.unsettled = set(scopes)

    def drop_resource(self) -> None:
        """Delete the CRD, and with it every object; nobody is told but by the end of the watches."""
        self.resource = None
        self.version += len(self.objects)
        self.objects.clear()
        self.expire()
        self.end()

    def serve(self, api_version: str) -> None:
        """Serve the resource in an API version alone, as after its CRD was changed or made anew."""
        if self.resource is None or self.resource.version != api_version:
            self.end()
        self.resource = replace(RESOURCE, version=api_version)

    def refuse(self, verb: str, refusal: str, times: int) -> None:
        """Answer the next requests of a verb (or of any) with an error."""
        self.refusals.extend([(verb, refusal)] * times)

    def heal(self) -> None:
        """End all faults, but for connections that are half-open."""
        self.refusals.clear()
        if self.down:
            self.start()
        if self.resource is None:
            self.serve("v1")

    # -- requests -----------------------------------------------------------------------------------------------

    async def answer(self, verb: str) -> None:
        """Take a request, after a moment, or fail it."""
        self.requests.append((asyncio.get_running_loop().time(), verb))
        await asyncio.sleep(self.random.uniform(0.001, 0.2))
        if self.down:
            raise NetworkError("connection refused")
        for asked, refusal in self.refusals:
            if asked in (verb, "any"):
                self.refusals.remove((asked, refusal))
                if refusal == "hang":
                    await asyncio.sleep(HANG)
                raise REFUSALS[refusal]()

    def forget(self) -> None:
        """Drop what only tests look at, and the history: for runs of weeks."""
        self.states.clear()
        self.requests.clear()
        self.events = self.events[-100:]
        self.oldest = max(self.oldest, self.events[0].version - 1 if self.events else self.version)

    def answer_list(self, scope: str | None, parameters: Mapping[str, str]) -> bytes:
        """Answer a list."""
        if token := parameters.get("continue"):
            if token not in self._pages:
                raise expired("the continue token is too old")
            version, items = self._pages.pop(token)
        else:
            version, items = self._snapshot(scope, parameters)
        size = self.random.randint(1, 3) if "limit" in parameters else len(items)
        page, rest = items[:size], items[size:]
        metadata: Object = {"resourceVersion": str(version)}
        if rest:
            metadata["continue"] = f"token-{len(self.requests)}"
            self._pages[metadata["continue"]] = (version, rest)
        self.sent += len(page)
        if parameters.get("resourceVersionMatch") != "NotOlderThan" and not rest:
            self.unsettled.discard(scope)
        bare = [{"metadata": item["metadata"]} for item in page]
        return compact({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": metadata, "items": bare})

    def _snapshot(self, scope: str | None, parameters: Mapping[str, str]) -> tuple[int, list[Object]]:
        asked = parameters.get("resourceVersion", "")
        version, objects = self.version, self.objects
        if asked == "0":  # whatever a cache has: it may lag
            version, objects = self.random.choice(
                [past for past in self._past if past[0] >= self.oldest] or [(version, objects)]
            )
        elif asked and int(asked) > self.version:
            raise status_error(504, "Timeout", "wait", retry_after=1.0, causes=("ResourceVersionTooLarge",))
        return version, [item for item in objects.values() if _is_in(scope, item)]

    def answer_watch(self, scope: str | None, parameters: Mapping[str, str]) -> ModelStream:
        """Answer a watch."""
        initial = parameters.get("sendInitialEvents") == "true"
        if initial and self.watch_list == "refused":
            raise status_error(422, "Invalid", "sendInitialEvents is forbidden")
        start = int(parameters.get("resourceVersion") or self.version)
        as_status = self.random.random() < 0.5
        if start < self.oldest and as_status:
            raise expired("too old resource version")
        stream = ModelStream(self, scope, start, float(parameters["timeoutSeconds"]))
        if start < self.oldest:
            status = {"kind": "Status", "apiVersion": "v1", "code": 410, "reason": "Expired"}
            stream.send(line("ERROR", status))
            stream.end()
            return stream
        self.streams.add(stream)
        if initial and self.watch_list != "ignored":
            self._send_initial(stream)
        elif not initial:
            if start <= self.version:
                self.unsettled.discard(scope)
            for event in self.events:
                if event.version > start and _is_in(scope, event.item):
                    self.sent += 1
                    stream.send(line(event.kind, event.item))
        return stream

    def _send_initial(self, stream: ModelStream) -> None:
        for item in self.objects.values():
            if _is_in(stream.scope, item):
                self.sent += 1
                stream.send(line("ADDED", item))
        if self.watch_list == "unfinished":
            stream.end()
            return
        self.unsettled.discard(stream.scope)
        stream.send(bookmark(self.version, {"k8s.io/initial-events-end": "true"}))


class ModelListWatch:
    """A server's resource in one scope, as the reflector's protocol has it."""

    def __init__(self, server: ModelServer, scope: str | None) -> None:
        self._server = server
        self._scope = scope
        self._resource: Resource | None = None

    async def resolve(self, *, fresh: bool) -> Resource:
        if fresh or self._resource is None:
            await self._server.answer("resolve")
            if self._server.resource is None:
                raise status_error(404, "ResourceNotFound", "the server does not have it")
            self._resource = self._server.resource
        return self._resource

    async def serves_consistent_lists(self) -> bool:
        return self._server.from_cache

    async def list(self, parameters: Mapping[str, str]) -> bytes:
        await self._answer("list")
        return self._server.answer_list(self._scope, parameters)

    async def watch(self, parameters: Mapping[str, str]) -> ModelStream:
        await self._answer("watch")
        return self._server.answer_watch(self._scope, parameters)

    async def _answer(self, verb: str) -> None:
        await self._server.answer(verb)
        if self._server.resource != self._resource:
            raise REFUSALS["404"]()


REFUSALS: dict[str, Callable[[], Exception]] = {
    "401": lambda: status_error(401, "Unauthorized", "who are you"),
    "403": lambda: status_error(403, "Forbidden", "not yet"),
    "404": lambda: status_error(404, "NotFound", "the server could not find the requested resource"),
    "429": lambda: status_error(429, "TooManyRequests", "slow down", retry_after=7.0),
    "500": lambda: status_error(500, "InternalError", "oops"),
    "503": lambda: status_error(503, "ServiceUnavailable", "starting"),
    "network": lambda: NetworkError("connection reset"),
    "hang": lambda: NetworkError("no answer"),
    "garbage": lambda: InvalidResponse("not JSON", code=502),
}


def expired(message: str) -> StatusError:
    return status_error(410, "Expired", message)


def _is_in(scope: str | None, item: Object) -> bool:
    return scope in (None, item["metadata"].get("namespace"))


def _at(item: Object, version: int) -> Object:
    return {**item, "metadata": {**item["metadata"], "resourceVersion": str(version)}}
