"""Troubles on demand, in words that a test can be read by.

server.next_request(verb="watch", resource="pods").answers(429, headers={"Retry-After": "1"})
server.next_request(3).hangs()
with server.every_request(verb="list").answers(503):
...
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from kubeinformer.testing.api_server.bad_lines import BAD_ANSWERS
from kubeinformer.testing.api_server.fault_actions import (
    Action,
    BookmarkEvery,
    CutConnection,
    Hang,
    Misread,
    Respond,
    Shape,
)
from kubeinformer.testing.api_server.faults import Fault, Faults, Predicate, Stall, any_request
from kubeinformer.testing.api_server.object_documents import encode
from kubeinformer.testing.api_server.request_log import RequestRecord

if TYPE_CHECKING:
    from types import TracebackType

_PIECES = 64


class ArmedFault:
    """A fault that waits for its requests; leaving it as a `with` block takes it back."""

    def __init__(self, fault: Fault, disarm: Callable[[Fault], object]) -> None:
        self._fault = fault
        self._disarm = disarm

    @property
    def hits(self) -> int:
        """How many requests it has hit."""
        return self._fault.hits

    def lift(self) -> None:
        """Take it back; harmless when it is spent."""
        self._disarm(self._fault)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lift()


class Requests:
    """Some requests to come, and what is to go wrong with them; the last word arms it.

    Args:
        arm: Arms an action for these requests.
    """

    def __init__(self, arm: Callable[[Action], ArmedFault]) -> None:
        self._arm = arm

    def answers(
        self,
        status: int = 200,
        body: bytes | str | Mapping[str, Any] = b"",
        *,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> ArmedFault:
        """Answer with this; a mapping is sent as JSON."""
        raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else encode(body)
        return self._arm(Respond(status, raw, content_type, headers or {}))

    def answers_badly(self, what: str) -> ArmedFault:
        """Answer 200 with what is no proper list: a key of `BAD_ANSWERS`.

        Raises:
            KeyError: There is no such answer.
        """
        return self._arm(Respond(200, BAD_ANSWERS[what]))

    def resets(self) -> ArmedFault:
        """End the connection by RST instead of an answer."""
        return self._arm(CutConnection())

    def closes(self) -> ArmedFault:
        """End the connection by FIN instead of an answer."""
        return self._arm(CutConnection(reset=False))

    def hangs(self) -> ArmedFault:
        """Never answer; the connection stays open."""
        return self._arm(Hang())

    def breaks_off(self, after: int, *, reset: bool = False) -> ArmedFault:
        """End the connection after so many bytes of the true answer, HTTP head included."""
        return self._arm(Shape(cut_after=after, reset=reset))

    def falls_silent(self, after: int) -> ArmedFault:
        """Say no more after so many bytes of the true answer; the connection stays open."""
        return self._arm(Shape(silent_after=after))

    def drips(self, size: int, interval: float) -> ArmedFault:
        """Send the true answer in pieces of `size` bytes, with `interval` seconds between them."""
        return self._arm(Shape(pieces=(size,), interval=interval))

    def splits(self, *sizes: int, seed: int = 0) -> ArmedFault:
        """Send the true answer in pieces of these sizes, in turn, or of random ones: through UTF-8 and chunk heads."""
        random_sizes = random.Random(seed)  # noqa: S311 - repeatable, no secret
        return self._arm(Shape(pieces=sizes or tuple(random_sizes.randint(1, 40) for _ in range(_PIECES))))

    def ignores_send_initial_events(self) -> ArmedFault:
        """Answer a streaming list as an old server does, which knows nothing of it."""
        return self._arm(Misread(("sendInitialEvents", "resourceVersionMatch")))

    def never_ends_initial_events(self) -> ArmedFault:
        """Answer a streaming list without the bookmark that ends it."""
        return self._arm(Misread(("allowWatchBookmarks",)))

    def sends_bookmarks_every(self, interval: float | None) -> ArmedFault:
        """Send bookmarks at this interval in seconds; None for never."""
        return self._arm(BookmarkEvery(interval))


class FaultControl:
    """The faults of one server. Any thread may call any method.

    Args:
        faults: Where they are armed.
        call: Calls a function on the server's loop.
        now: Returns seconds on the server's clock.
    """

    def __init__(
        self, faults: Faults, call: Callable[[Callable[[], object]], object], now: Callable[[], float]
    ) -> None:
        self._faults = faults
        self._call_on_loop = call
        self._now = now

    def next_request(
        self,
        count: int = 1,
        *,
        verb: str | None = None,
        resource: str | None = None,
        matching: Predicate = any_request,
    ) -> Requests:
        """Speak of the next `count` requests of a kind: `server.next_request(verb="watch").resets()`.

        Args:
            count: How many.
            verb: Such as `list` or `watch`; None for any.
            resource: Such as `pods`, `deployments.apps` or `deployments`; None for any.
            matching: Takes a request's record and says whether it is meant. It runs on the server's loop.
        """
        return Requests(lambda action: self._arm(action, _selects(verb, resource, matching), count))

    def every_request(
        self,
        *,
        verb: str | None = None,
        resource: str | None = None,
        matching: Predicate = any_request,
        for_seconds: float | None = None,
    ) -> Requests:
        """Speak of all requests of a kind, until the fault is lifted, or for a time on the server's clock."""
        return Requests(
            lambda action: self._arm(action, _selects(verb, resource, matching), None, for_seconds)
        )

    @contextmanager
    def stall(self, matching: Predicate = any_request) -> Iterator[None]:
        """Be silent for the length of a block: matching requests wait, and running watches say nothing.

        Connections stay open and new ones are accepted, as when the server hangs or packets are dropped.
        """
        stall = Stall(matching)
        self._call_on_loop(lambda: self._faults.stall(stall))
        try:
            yield
        finally:
            self._call_on_loop(lambda: self._faults.lift(stall))

    def disarm_faults(self) -> None:
        """Forget all faults that wait for their requests, and lift all stalls."""
        self._call_on_loop(self._faults.disarm_all)

    def _arm(
        self, action: Action, matching: Predicate, times: int | None, seconds: float | None = None
    ) -> ArmedFault:
        until = None if seconds is None else self._now() + seconds
        fault = Fault(action, matching, times, until)
        self._call_on_loop(lambda: self._faults.arm(fault))
        return ArmedFault(fault, lambda armed: self._call_on_loop(lambda: self._faults.disarm(armed)))


def _selects(verb: str | None, resource: str | None, matching: Predicate) -> Predicate:
    def selects(record: RequestRecord) -> bool:
        names = {None, record.resource, record.resource.partition(".")[0]}
        return verb in {None, record.verb} and resource in names and matching(record)

    return selects
