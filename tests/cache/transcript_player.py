"""Plays a reflector against a transcript: what a server says at which second, and what comes of it.

      0.0 < refuses 503 ServiceUnavailable    the server says: the script of the play
      0.8 > list limit=500                    the reflector asks
      0.8 = REPLACED 5: a@3 b@4               it tells the cache
      0.0 ! list: 503 ServiceUnavailable      it reports
      9.0 ? waiting, stale since 3.0          what its status shows at that second; the number of the line is script

Chance is no chance here: every delay is the shortest that may be drawn. The grammar of what the server says is the
keys of `ANSWERS` and `STREAM`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from tests.cache.scripted_server import PODS, Recorder, ScriptedStream, bookmark, event, listed, pod, status

from kubeinformer.cache.background_errors import BackgroundError
from kubeinformer.cache.deltas import Changes, Item
from kubeinformer.cache.reflector import Reflector
from kubeinformer.errors import KubeInformerError, NetworkError, status_error
from kubeinformer.objects import KubernetesObject
from kubeinformer.resources import Resource
from kubeinformer.testing.fake_clock import FakeClock

_LINE = re.compile(r" *(?P<time>\d+\.\d) (?P<mark>[<>=!?]) (?P<text>.*)")
_ALWAYS = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": "300"}
_CAUSES = ("ResourceVersionTooLarge",)
Said = re.Match[str]


def _pods(words: str | None) -> Iterator[dict[str, Any]]:
    for word in (words or "").split():
        name, _, version = word.partition("@")
        yield pod(name, version)


def _list(said: Said) -> bytes:
    return listed(said["version"] or "", *_pods(said["pods"]), token=said["token"] or "")


def _resource(said: Said) -> Resource:
    return replace(PODS, version=said["version"], verbs=("get", "list") if said["only"] else PODS.verbs)


def _refusal(said: Said) -> KubeInformerError:
    causes = _CAUSES if said["large"] else ()
    retry_after = float(said["after"]) if said["after"] else None
    return status_error(int(said["code"]), said["reason"], retry_after=retry_after, causes=causes)


def _error_event(said: Said) -> bytes:
    details = {"retryAfterSeconds": int(said["after"])} if said["after"] else {}
    return event("ERROR", status(int(said["code"]), said["reason"], details=details))


def _bookmark(said: Said) -> bytes:
    if not said["closing"]:
        return bookmark(said["version"])
    annotations = {"k8s.io/initial-events-end": "true"}
    return event("BOOKMARK", {"metadata": {"resourceVersion": said["version"], "annotations": annotations}})


_PODS = r"(?P<pods>( \S+@\S+)*)"
_STATUS = r"(?P<code>\d+) (?P<reason>\w+)(?P<large>, too large)?(, retry after (?P<after>\d+))?"
ANSWERS: Mapping[str, Callable[[Said], object]] = {
    r"has (?P<version>v\d) of it(?P<only>, to list only)?": _resource,
    r"does not have it": lambda _: status_error(404, "ResourceNotFound", "no such resource"),
    rf"lists (?P<version>[^:]*):{_PODS}(?P<more>, more=(?P<token>\S+))?": _list,
    r"has reached it": lambda _: listed("1"),
    r"accepts": lambda _: ScriptedStream(),
    rf"refuses {_STATUS}": _refusal,
    r"does not answer": lambda _: NetworkError("no answer"),
}
STREAM: Mapping[str, Callable[[Said], bytes | Exception]] = {
    r"(?P<type>ADDED|MODIFIED|DELETED)(?P<pods> \S+@\S+)": lambda said: event(
        said["type"], *_pods(said["pods"])
    ),
    r"BOOKMARK (?P<version>\S+)(?P<closing>, the load ends)?": _bookmark,
    rf"ERROR {_STATUS}": _error_event,
    r"writes (?P<line>.*)": lambda said: said["line"].encode() + b"\n",
    r"ends": lambda _: b"",
    r"cuts": lambda _: NetworkError("the stream was cut"),
}


class _Play(Recorder):
    """The server and the cache on either side of a reflector, and the record of it all."""

    def __init__(self, *, by_watch: bool) -> None:
        super().__init__()
        self.record: list[str] = []
        self.clock = FakeClock(random_value=0.0)
        self._question: asyncio.Future[Any] | None = None
        self._stream: ScriptedStream | None = None
        self._reflector = Reflector(self, self, self.clock, scope=None, name="pods", by_watch=by_watch)

    async def run(self, script: list[Said]) -> None:
        task = asyncio.create_task(self._reflector.run())
        for number, line in enumerate(script):
            # A little later from line to line, so that what is due at a second comes before what is said then.
            await self.clock.advance_async(float(line["time"]) + number * 1e-6 - self.clock.now())
            if line["mark"] == "?":
                self._note("?", self._describe_status())
            else:
                self._note("<", line["text"])
                self._say(line["text"])
            await self.clock.settle()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert self.clock.pending == 0

    def _say(self, text: str) -> None:
        if answer := _parsed(ANSWERS, text):
            question, self._question = self._question, None
            assert question is not None, f"nobody asked: {text}"
            made = answer()
            if isinstance(made, ScriptedStream):
                self._stream = made
            question.set_exception(made) if isinstance(made, Exception) else question.set_result(made)
            return
        said = _parsed(STREAM, text)
        assert said is not None, f"no such line: {text}"
        assert self._stream is not None, f"no stream is open: {text}"
        assert not self._stream.closed, f"no stream is open: {text}"
        made = said()
        self._stream.cut(made) if isinstance(made, Exception) else self._stream.send(made)

    def _note(self, mark: str, text: str) -> None:
        self.record.append(f"{self.clock.now():8.1f} {mark} {text}".rstrip())

    def _describe_status(self) -> str:
        now = self._reflector.status
        if now.stale_since is None:
            return now.state
        seconds = round(now.stale_since - self.clock.time() + self.clock.now(), 1)
        return f"{now.state}, stale since {abs(seconds)}"

    # -- what the reflector asks ----------------------------------------------------------------------------------

    async def _asked(self, text: str, parameters: Mapping[str, str]) -> Any:
        assert _ALWAYS.items() <= parameters.items() or "watch" not in parameters, parameters
        shown = [f"{key}={value}" for key, value in parameters.items() if key not in _ALWAYS]
        self._note(">", " ".join([text, *shown]))
        self._question = asyncio.get_running_loop().create_future()
        return await self._question

    async def resolve(self, *, fresh: bool) -> Any:
        return await self._asked("discover afresh" if fresh else "discover", {})

    async def serves_consistent_lists(self) -> bool:
        return True

    async def list(self, parameters: Mapping[str, str]) -> Any:
        return await self._asked("list", parameters)

    async def watch(self, parameters: Mapping[str, str]) -> Any:
        return await self._asked("watch", parameters)

    # -- what it tells --------------------------------------------------------------------------------------------

    def push(self, item: Item) -> None:
        if not isinstance(item, Changes):
            self._note("=", f"REPLACED {item.version}: {' '.join(map(_name, item.objects))}")
        elif not item.deltas:
            self._note("=", f"BOOKMARK {item.version}")
        for delta in item.deltas if isinstance(item, Changes) else ():
            assert delta.object is not None
            self._note("=", f"{delta.type.value} {_name(delta.object)}")

    def report(self, error: BackgroundError) -> None:
        self._note("!", error.description)


def _parsed(grammar: Mapping[str, Callable[[Said], Any]], text: str) -> Callable[[], Any] | None:
    for pattern, make in grammar.items():
        if said := re.fullmatch(pattern, text):
            return lambda said=said, make=make: make(said)  # type: ignore[misc]  # bound to this turn of the loop
    return None


def _name(found: KubernetesObject) -> str:
    return f"{found.name}@{found.resource_version}"


def play(transcript: str, *, by_watch: bool = False) -> str:
    """Play the script of a transcript and return what it should read; lines that begin with # stay as they are.

    Args:
        transcript: The lines; of those that are not script nothing is taken.
        by_watch: Whether the reflector loads by a watch.
    """
    lines = transcript.splitlines()
    comments = [line for line in lines if line.startswith("#")]
    script = [said for line in lines if (said := _LINE.fullmatch(line)) and said["mark"] in "<?"]
    stage = _Play(by_watch=by_watch)
    asyncio.run(stage.run(script))
    return "\n".join([*comments, *stage.record, ""])
