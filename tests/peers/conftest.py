"""Programs that nobody here wrote, on the in-memory server. `make peers` runs them in an environment that has them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kubeinformer.testing import APIServer


@pytest.fixture
def server() -> Iterator[APIServer]:
    """A server with three ConfigMaps, one of them in another namespace."""
    with APIServer() as running:
        running.create("namespaces", {"metadata": {"name": "other"}})
        for name, namespace in (("a", "default"), ("b", "default"), ("c", "other")):
            body = {"metadata": {"name": name, "labels": {"app": name}}, "data": {"k": "v"}}
            running.create("configmaps", body, namespace)
        yield running
