"""What clients asked of a server, and what they were answered."""

from __future__ import annotations

import threading
import time
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

    def matching(self, verb: str | None = None, resource: str | None = None) -> list[RequestRecord]:
        """Return the requests with this verb and of this resource; None takes any."""
        return [
            record for record in self if verb in {None, record.verb} and resource in {None, record.resource}
        ]

    def count(self, verb: str | None = None, resource: str | None = None) -> int:
        """Return the number of requests with this verb and of this resource; None takes any."""
        return len(self.matching(verb, resource))

    def counts(self) -> dict[tuple[str, str], int]:
        """Return the number of requests by verb and resource."""
        found: dict[tuple[str, str], int] = {}
        for record in self:
            key = (record.verb, record.resource)
            found[key] = found.get(key, 0) + 1
        return found

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
