"""The Lease on the server: read, created, updated under the guard of its resourceVersion. No discovery: few requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from kubeinformer.client.bodies import encode
from kubeinformer.client.object_answers import read_object
from kubeinformer.client.session import Requests
from kubeinformer.errors import NotFound
from kubeinformer.leader_election.lease_record import LeaseRecord
from kubeinformer.resources import Resource

LEASES: Final = Resource(
    group="coordination.k8s.io", version="v1", name="leases", kind="Lease", namespaced=True
)


class Lock(Protocol):
    """What an election is about. Each method is one request, and raises what requests raise."""

    async def read(self) -> Any:
        """Return the `spec` that it has now, None where there is none yet."""

    async def write(self, record: LeaseRecord) -> Any:
        """Write a record over what was last read (or written), and return the `spec` that it has now.

        Raises:
            Conflict: Somebody else has written it since.
        """


class LeaseLock:
    """A Lease. It belongs to one event loop.

    Args:
        requests: The session.
        name: The Lease's name.
        namespace: Its namespace.
        labels: Labels that it is to have; others that it has stay.
    """

    def __init__(
        self, requests: Requests, name: str, namespace: str, labels: Mapping[str, str] | None = None
    ) -> None:
        self._requests = requests
        self._name = name
        self._namespace = namespace
        self._labels = dict(labels or {})
        self._lease: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self._namespace}/{self._name}"

    async def read(self) -> Any:
        """Return the `spec` that it has now, None where there is no Lease."""
        path = LEASES.path(namespace=self._namespace, name=self._name)
        try:
            answer = await self._requests.send("GET", "get", LEASES, path)
        except NotFound:
            self._lease = None
            return None
        return self._keep(answer)

    async def write(self, record: LeaseRecord) -> Any:
        """Write a record over what was last read, or create the Lease; return the `spec` that it has now."""
        if self._lease is None:
            path = LEASES.path(namespace=self._namespace)
            answer = await self._requests.send("POST", "create", LEASES, path, body=self._body({}, record))
        else:
            path = LEASES.path(namespace=self._namespace, name=self._name)
            answer = await self._requests.send(
                "PUT", "update", LEASES, path, body=self._body(self._lease, record)
            )
        return self._keep(answer)

    def _body(self, lease: Mapping[str, Any], record: LeaseRecord) -> bytes:
        metadata = {"name": self._name, "namespace": self._namespace, **lease.get("metadata", {})}
        if self._labels:
            metadata["labels"] = {**(metadata.get("labels") or {}), **self._labels}
        spec = {**(lease.get("spec") or {}), **record.spec()}
        return encode(
            {
                **lease,
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
                "metadata": metadata,
                "spec": spec,
            }
        )

    def _keep(self, answer: bytes) -> Any:
        self._lease = read_object(answer, LEASES).to_dict()
        return self._lease.get("spec") or {}
