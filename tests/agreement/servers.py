"""Two servers that are asked the same, and whose answers are compared field by field."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlsplit

JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
_MARKS = count(1)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Request(NamedTuple):
    """What both servers are asked; `{name}` in path and body stands for something that each calls its own way."""

    method: str
    path: str
    body: Any = None
    content_type: str = JSON
    accept: str = JSON


class Answer(NamedTuple):
    """A status and a decoded body; a watch's events are a list."""

    status: int
    body: Any


class Disagreement(AssertionError):
    """The two answered differently; the message has the requests that led here, and both answers."""


@dataclass
class Side:
    """One of the two servers."""

    name: str
    url: str
    ca_file: str = ""
    token: str = ""
    names: dict[str, str] = field(default_factory=dict)
    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._context = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None
        self._connection = self._connect()

    def _connect(self) -> http.client.HTTPConnection:
        address = urlsplit(self.url).netloc
        if self._context is None:
            return http.client.HTTPConnection(address, timeout=30)
        return http.client.HTTPSConnection(address, timeout=30, context=self._context)

    def _credentials(self) -> dict[str, str]:
        return {"User-Agent": "agreement/1"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )

    def ask(self, request: Request) -> Answer:
        """Send a request in this server's own words."""
        headers = {"Accept": request.accept, **self._credentials()}
        body = None
        if request.body is not None:
            headers["Content-Type"] = request.content_type
            body = request.body if isinstance(request.body, bytes) else json.dumps(request.body).encode()
        self._connection.request(request.method, self._own(request.path), self._own_bytes(body), headers)
        response = self._connection.getresponse()
        return Answer(response.status, _decoded(response.read()))

    def events(self, path: str, *, until: str) -> Answer:
        """Return the events of a watch up to the one of an object; those of other such objects are left out."""
        connection = self._connect()
        try:
            connection.request("GET", self._own(path), headers=self._credentials())
            response = connection.getresponse()
            events: list[Any] = []
            for line in response:
                event = json.loads(line)
                name = event["object"].get("metadata", {}).get("name", "")
                if name == until or event["type"] == "ERROR":
                    break
                if not name.startswith("mark-"):
                    events.append(event)
            return Answer(response.status, events)
        finally:
            connection.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _own(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace("{" + name + "}", value)
        return text

    def _own_bytes(self, body: bytes | None) -> bytes | None:
        return (
            None
            if body is None
            else self._own(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        )

    def symbol(self, kind: str, value: str) -> str:
        """Return what stands for a value that each server chooses for itself: the n-th of its kind that was seen."""
        count = sum(known == kind for known, _ in self._known)
        return self._known.setdefault((kind, value), f"<{kind} {count + 1}>")


def normalized(side: Side, answer: Answer, ignore: tuple[str, ...] = ()) -> Answer:
    """Return an answer without what the servers choose for themselves."""
    return Answer(answer.status, _normalized(side, answer.body, "", {*IGNORED_FIELDS, *ignore}))


def _normalized(side: Side, value: Any, name: str, ignored: set[str]) -> Any:
    if isinstance(value, list):
        entries = [_normalized(side, entry, name, ignored) for entry in value]
        return sorted(entries, key=str) if name == "causes" else entries  # Go's maps have no order
    if isinstance(value, dict):
        is_list = "items" in value or "rows" in value
        if value.get("generateName") and "name" in value:
            value = {**value, "name": side.symbol("name", value["name"])}
        return {
            key: _metadata_of_list(entry)
            if key == "metadata" and is_list
            else _normalized(side, entry, key, ignored)
            for key, entry in value.items()
            if key not in ignored
        }
    if isinstance(value, str):
        return _normalized_text(side, value, name)
    return value


def _normalized_text(side: Side, value: str, name: str) -> str:
    if name in {"uid", "resourceVersion"} and value:
        return side.symbol(name, value)
    if name == "name" and ("name", value) in side._known:
        return side.symbol("name", value)
    if name == "message":
        for (kind, known), symbol in side._known.items():
            if len(known) > 8 or kind == "name":
                value = value.replace(known, symbol)
        for pattern in IGNORED_WORDS:
            value = re.sub(pattern, "", value, flags=re.DOTALL)
    return _TIME.sub("<time>", value)


def _metadata_of_list(metadata: dict[str, Any]) -> dict[str, Any]:
    """A real server writes for itself, too, so a list's version is not that of the last write seen."""
    return {
        name: "<some>" if name in {"resourceVersion", "continue"} and value else value
        for name, value in metadata.items()
    }


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in raw.splitlines()]
    except ValueError:
        return raw.decode(errors="replace")


IGNORED_FIELDS = {
    "columnDefinitions": "the real server computes columns for built-in kinds, and has long descriptions",
    "cells": "the same",
    "selfLink": "gone since 1.24",
}
"""Fields that are not compared, each with its reason."""

IGNORED_WORDS = {
    r"(?<=json parse error: ).*": "the words of Go's JSON decoder",
    r"(?<=json: ).*": "the same",
    r"(?<=continue key is not valid: ).*": "the same",
    r"(unable to parse requirement|invalid selector|not a (label|field) selector): .*": "the words of the parser",
    r": (converting|no kind) .*": "the words of Go's type system",
    r"(?<=resource version: )\d+ \(\d+\)|current: \d+|record \(\d+\)": "each server counts for itself",
}
"""Parts of messages that are not compared, each with its reason."""


class Pair:
    """Both servers, one behind the other.

    Attributes:
        memory: The in-memory one.
        real: The real one.
    """

    def __init__(self, memory: Side, real: Side) -> None:
        self.memory, self.real = memory, real
        self._asked: list[Request] = []

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        ignore: tuple[str, ...] = (),
    ) -> Answer:
        """Ask both, compare (but for the fields in `ignore`), and return the real answer, normalized.

        Raises:
            Disagreement: They answer differently.
        """
        request = Request(method, path, body, content_type, accept)
        self._asked.append(request)
        real, memory = self.real.ask(request), self.memory.ask(request)
        expected, found = normalized(self.real, real, ignore), normalized(self.memory, memory, ignore)
        if expected != found:
            raise Disagreement(self._shown(real, memory, expected, found))
        self.last = {"real": real, "memory": memory}
        return expected

    def watch(self, path: str, mark: dict[str, Any]) -> None:
        """Compare the events that a watch shows up to the present.

        Args:
            path: The watch.
            mark: An object that the watch selects; it is made, and its event ends the reading.

        Raises:
            Disagreement: The events differ.
        """
        self._asked.append(Request("GET", f"{path}&watch=1"))
        answers = []
        for side in (self.real, self.memory):
            name = f"mark-{next(_MARKS)}"
            body = {**mark, "metadata": {**mark["metadata"], "name": name}}
            collection = path.partition("?")[0]
            side.ask(Request("POST", collection, body))
            answers.append(side.events(f"{path}&watch=1&timeoutSeconds=10", until=name))
            side.ask(Request("DELETE", f"{collection}/{name}"))
        real, memory = answers
        expected, found = normalized(self.real, real), normalized(self.memory, memory)
        if expected != found:
            raise Disagreement(self._shown(real, memory, expected, found))

    def name_last(self, name: str, *path: str) -> None:
        """Let `{name}` stand for what the last answer has at a path, on each side its own."""
        for side, answer in ((self.real, self.last["real"]), (self.memory, self.last["memory"])):
            value = answer.body
            for step in path:
                value = value[step]
            side.names[name] = value

    def close(self) -> None:
        """Hang up on both."""
        self.real.close()
        self.memory.close()

    def _shown(self, real: Answer, memory: Answer, expected: Answer, found: Answer) -> str:
        lines = [
            f"  {request.method} {request.path} {request.content_type if request.body else ''} {request.body or ''}"
            for request in self._asked[-12:]
        ]
        differences = "\n".join(_differences(expected, found))
        return "\n".join(
            [
                "",
                *lines,
                "differences (real, in memory):",
                differences,
                f"real: {real}",
                f"in memory: {memory}",
            ]
        )


def _differences(expected: Any, found: Any, path: str = "") -> list[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        names = [*expected, *(name for name in found if name not in expected)]
        return [
            line
            for name in names
            for line in _differences(
                expected.get(name, "<absent>"), found.get(name, "<absent>"), f"{path}.{name}"
            )
        ]
    if isinstance(expected, list | tuple) and isinstance(found, list | tuple) and len(expected) == len(found):
        return [
            line
            for index, pair in enumerate(zip(expected, found, strict=True))
            for line in _differences(*pair, f"{path}[{index}]")
        ]
    return [] if expected == found else [f"  {path}: {expected!r} | {found!r}"]
