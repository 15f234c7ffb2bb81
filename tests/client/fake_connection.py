"""A connection without a network: it answers from a table, and notes what it was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubeinformer.client.answers import Response
from kubeinformer.errors import NotFound


@dataclass(frozen=True)
class Asked:
    """One request as the connection was given it."""

    path: str
    verb: str
    resource: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    timeout: float | None


class FakeConnection:
    """Answers from `answers`: by path an exception, bytes, or what becomes JSON; 404 for any other path."""

    def __init__(self, answers: Mapping[str, Any], *, status: int = 200) -> None:
        self.answers = dict(answers)
        self.status = status
        self.asked: list[Asked] = []

    @property
    def paths(self) -> list[str]:
        """The paths asked for so far, which are forgotten by reading them."""
        paths = [request.path for request in self.asked]
        self.asked.clear()
        return paths

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = 30.0,
        verb: str,
        resource: str,
    ) -> Response:
        """Return the answer for a path, or raise it."""
        assert method == "GET"
        answer = self._answer(path, verb, resource, query or {}, headers or {}, timeout)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return Response(self.status, {}, body)

    async def stream(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = 30.0,
        verb: str,
        resource: str,
    ) -> Any:
        """Return the answer for a path as it is, or raise it."""
        return self._answer(path, verb, resource, query or {}, headers or {}, timeout)

    def _answer(
        self,
        path: str,
        verb: str,
        resource: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        timeout: float | None,
    ) -> Any:
        self.asked.append(Asked(path, verb, resource, query, headers, timeout))
        answer = self.answers.get(path) or NotFound(404, "NotFound", "no such path")
        if isinstance(answer, Exception):
            raise answer
        return answer
