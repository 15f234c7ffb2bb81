"""What a CustomResourceDefinition looks like on its way to being served, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kubeinformer.testing.control_plane.cluster_duties import install_crd
from kubeinformer.testing.plain_client import PlainClient

CRD = {
    "metadata": {"name": "gadgets.example.org"},
    "spec": {
        "group": "example.org",
        "names": {"plural": "gadgets"},
        "versions": [{"name": "v1", "served": True}],
    },
}
ESTABLISHED = {"type": "Established", "status": "True"}
PENDING = {"type": "Established", "status": "False"}


class SlowServer(PlainClient):
    """Answers with one state of the CRD after the other, and serves it at last."""

    def __init__(self, *states: dict[str, Any]) -> None:
        super().__init__("http://127.0.0.1:1")
        self._states: Iterator[dict[str, Any]] = iter(states)

    def request(self, method: str, path: str, *_: object, **__: object) -> tuple[int, Any]:
        if method == "PATCH":
            return 201, {}
        if "customresourcedefinitions" in path:
            return 200, {**CRD, **next(self._states)}
        return 200, {"resources": [{"name": "gadgets"}], "items": []}


@pytest.mark.parametrize("early", [{}, {"status": {}}, {"status": {"conditions": None}}])
def test_a_crd_without_conditions_yet_is_waited_for(early: dict[str, Any]) -> None:
    """Right after its creation a CRD has no status, or one whose conditions are null."""
    server = SlowServer(
        early, {"status": {"conditions": [PENDING]}}, {"status": {"conditions": [ESTABLISHED]}}
    )
    install_crd(server, CRD)
    assert next(server._states, None) is None
