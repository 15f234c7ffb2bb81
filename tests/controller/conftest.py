"""Shared by the tests of controllers: a server, a factory, and a reconcile that notes its requests."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from kubeinformer import Request, SharedInformerFactory
from kubeinformer.controller.requests import Result
from kubeinformer.testing import APIServer


class Noting:
    """A reconcile that notes what it is asked for, and finds out where a key is reconciled twice at a time.

    Args:
        then: What it does besides.
    """

    def __init__(self, then: Callable[[Request], Result] = lambda _: None) -> None:
        self.requests: list[Request] = []
        self.doubled: list[str] = []
        self._then = then
        self._at_work: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Result:
        with self._lock:
            if request.key in self._at_work:
                self.doubled.append(request.key)
            self._at_work.add(request.key)
            self.requests.append(request)
        try:
            return self._then(request)
        finally:
            with self._lock:
                self._at_work.discard(request.key)

    @property
    def keys(self) -> list[str]:
        """The keys, in the order of the runs."""
        with self._lock:
            return [request.key for request in self.requests]

    @property
    def counts(self) -> Counter[str]:
        """How often each key was reconciled."""
        return Counter(self.keys)

    def of(self, key: str) -> list[Request]:
        """The requests for a key."""
        with self._lock:
            return [request for request in self.requests if request.key == key]


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        yield running


@pytest.fixture
def factory(server: APIServer) -> Iterator[SharedInformerFactory]:
    with SharedInformerFactory(server.config) as made:
        yield made


def config_map(name: str, namespace: str = "default", **metadata: object) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": namespace, **metadata}}
