"""Electors on the real API server, among themselves and with client-go's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypedDict

import pytest
from tests.control_plane.go_candidate import go_candidate

from kubeinformer import Client, LeaderElector
from kubeinformer.leader_election.leadership import Leadership
from kubeinformer.testing.control_plane import ControlPlane
from kubeinformer.testing.waiting import eventually

pytestmark = pytest.mark.control_plane
LEASES = "leases.coordination.k8s.io"


class Terms(TypedDict):
    lease_duration: float
    renew_deadline: float
    retry_period: float


TERMS: Terms = {"lease_duration": 4.0, "renew_deadline": 3.0, "retry_period": 0.5}


class Ours:
    """An elector of ours, on a thread.

    Attributes:
        leadership: Done once it leads.
    """

    def __init__(self, control_plane: ControlPlane, namespace: str, who: str) -> None:
        self.leadership: Future[Leadership] = Future()
        self.elector = LeaderElector(control_plane.config, "lock", namespace, who, **TERMS)
        self._may_end = threading.Event()
        self._thread = threading.Thread(target=self._lead, daemon=True)
        self._thread.start()

    def _lead(self) -> None:
        with self.elector as leadership:
            self.leadership.set_result(leadership)
            self._may_end.wait(60)

    def end(self) -> None:
        self._may_end.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


@contextmanager
def ours(control_plane: ControlPlane, namespace: str, who: str) -> Iterator[Ours]:
    made = Ours(control_plane, namespace, who)
    yield made
    made.end()


def holder(control_plane: ControlPlane, namespace: str) -> str:
    with Client(control_plane.config) as client:
        return str(client.get(LEASES, "lock", namespace)["spec"]["holderIdentity"])


def test_a_release_hands_over(control_plane: ControlPlane, namespace: str) -> None:
    """Case C49: two begin at once, one leads; when it ends the other one leads."""
    candidates = [Ours(control_plane, namespace, who) for who in ("a", "b")]
    eventually(lambda: any(each.leadership.done() for each in candidates))
    first, second = sorted(candidates, key=lambda each: not each.leadership.done())
    eventually(lambda: second.elector.leader == first.elector.identity)
    assert not second.leadership.done()
    first.end()
    assert second.leadership.result(30).transitions == 1
    second.end()
    assert holder(control_plane, namespace) == ""


def test_ours_and_client_gos_alternate(control_plane: ControlPlane, namespace: str) -> None:
    """On one Lease: each stands by while the other leads, and takes over after a release, a kill, and a release."""
    with go_candidate(control_plane.kubeconfig, namespace, "lock", "go-1", **TERMS) as go:
        go.wait_for("started leading")
        with ours(control_plane, namespace, "python-1") as first:
            eventually(lambda: first.elector.leader == "go-1")
            assert not first.leadership.done()
            assert go.terminate() == 0
            assert first.leadership.result(30).transitions == 1
            with go_candidate(control_plane.kubeconfig, namespace, "lock", "go-2", **TERMS) as second_go:
                second_go.wait_for_leader("python-1")
                assert not second_go.leads
                assert first.leadership.result().is_leading
                first.end()
                second_go.wait_for("started leading")
                with ours(control_plane, namespace, "python-2") as second:
                    eventually(lambda: second.elector.leader == "go-2")
                    second_go.kill()
                    leadership = second.leadership.result(30)
                    assert leadership.transitions == 3
    assert holder(control_plane, namespace) == ""
