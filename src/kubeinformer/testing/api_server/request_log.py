"""What clients asked of a server, and what they were answered."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class RequestRecord:
    """One request.

    Attributes:
        method: The HTTP method.
        path: The path, percent-encoded, without the query.
        query: The parameters; of repeated ones the first.
        user_agent: The User-Agent header, "" for none.
        headers: All headers, credentials included, which `repr` therefore does not show.
        time: When it came, in seconds since 1970.
        verb: get, list, watch, create, update, patch, delete, deletecollection, discover; "" for anything else.
        resource: Such as `pods` or `deployments.apps`; "" where it is not about one.
        namespace: None for all namespaces, or none.
        name: None for a collection.
        subresource: Such as `status`, or "".
        status: The HTTP status of the answer; 0 until there is one.
        duration: Seconds until the answer was ready, or the watch over; None until then.
    """

    method: str
    path: str
    query: Mapping[str, str]
    user_agent: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    time: float = field(default_factory=time.time)
    verb: str = ""
    resource: str = ""
    namespace: str | None = None
    name: str | None = None
    subresource: str = ""
    status: int = 0
    duration: float | None = None


class RequestLog:
    """All requests in the order in which they came. Any thread may use it."""

    def __init__(self) -> None:
        self._records: list[RequestRecord] = []
        self._arrived = threading.Condition()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(tuple(self._records))

    def __getitem__(self, index: int) -> RequestRecord:
        return self._records[index]

    def append(self, record: RequestRecord) -> None:
        """Add a request."""
        with self._arrived:
            self._records.append(record)
            self._arrived.notify_all()

    def clear(self) -> None:
        """Forget all requests so far."""
        with self._arrived:
            self._records.clear()

    def matching(
        self,
        verb: str | None = None,
        resource: str | None = None,
        *,
        user_agent: str | None = None,
        status: int | None = None,
    ) -> list[RequestRecord]:
        """Return the requests with this verb, of this resource, with this in their user agent; None takes any."""
        return [
            record
            for record in self
            if verb in {None, record.verb}
            and resource in {None, record.resource}
            and (user_agent is None or user_agent in record.user_agent)
            and status in {None, record.status}
        ]

    def count(
        self,
        verb: str | None = None,
        resource: str | None = None,
        *,
        user_agent: str | None = None,
        status: int | None = None,
    ) -> int:
        """Return the number of requests that `matching` returns."""
        return len(self.matching(verb, resource, user_agent=user_agent, status=status))

    def counts(self) -> dict[tuple[str, str], int]:
        """Return the number of requests by verb and resource."""
        return dict(Counter((record.verb, record.resource) for record in self))

    def assert_counts(
        self, expected: Mapping[tuple[str, str], int], *, user_agent: str | None = None
    ) -> None:
        """Fail unless so many requests came by verb and resource, and no others but discovery.

        Args:
            expected: Such as `{("list", "pods"): 1, ("watch", "pods"): 1}`.
            user_agent: Count the requests with this in their user agent alone; None for all.

        Raises:
            AssertionError: They differ; the message has what differs, and the whole log.
        """
        records = self.matching(user_agent=user_agent)
        found = Counter((record.verb, record.resource) for record in records if record.verb != "discover")
        wrong = [
            f"{verb} {resource}: {found[verb, resource]} instead of {expected.get((verb, resource), 0)}"
            for verb, resource in sorted({*found, *expected})
            if found[verb, resource] != expected.get((verb, resource), 0)
        ]
        if wrong:
            raise AssertionError("\n".join([*wrong, "", self.shown()]))

    def assert_at_most(self, count: int, verb: str | None = None, resource: str | None = None) -> None:
        """Fail if more than `count` such requests came.

        Raises:
            AssertionError: There were more; the message has the whole log.
        """
        found = self.count(verb, resource)
        if found > count:
            raise AssertionError(f"{found} requests {verb} {resource}, at most {count}\n\n{self.shown()}")

    def shown(self) -> str:
        """Return the log for people: a request a line, with the seconds since the first."""
        records = list(self)
        return "\n".join(_line(record, records[0].time) for record in records) or "(no requests)"

    def wait_for(
        self, count: int = 1, verb: str | None = None, resource: str | None = None, timeout: float = 5.0
    ) -> None:
        """Wait until at least `count` such requests have come.

        Raises:
            TimeoutError: They did not in `timeout` seconds; the message has the requests that did.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: self.count(verb, resource) >= count, timeout):
                raise TimeoutError(f"no {count} requests {verb} {resource} in {timeout:g} s: {self.counts()}")


def _line(record: RequestRecord, began: float) -> str:
    query = "&".join(f"{name}={value}" for name, value in record.query.items())
    path = f"{record.path}?{query}" if query else record.path
    took = "" if record.duration is None else f" {record.duration:.3f} s"
    status = record.status or "..."
    return f"{record.time - began:9.3f} {record.method:6} {path} -> {status}{took} [{record.user_agent}]"
