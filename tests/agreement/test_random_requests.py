"""A machine that sends the same random reads, writes and watches to the in-memory server and to the real one.

After the manner of fakeredis: whatever one side answers and the other does not is a fault of ours, or stands in the
list of what is not compared (`servers.py`). A failing run shrinks to a short list of requests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from tests.agreement.conftest import fresh_pair, version_of
from tests.agreement.servers import APPLY, JSON_PATCH, MERGE, STRATEGIC, Pair
from tests.definitions import definition

from kubeinformer.testing import APIServer, ControlPlane

pytestmark = pytest.mark.control_plane
_EXAMPLES = "KUBEINFORMER_AGREEMENT_EXAMPLES"  # more, and others each time
EXAMPLES = int(os.environ.get(_EXAMPLES, "60"))
STEPS = 20

MAPS = "/api/v1/namespaces/{ns}/configmaps"
WIDGETS = "/apis/agreement.example.org/v1/namespaces/{ns}/widgets"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases"
ACCOUNTS = "/api/v1/namespaces/{ns}/serviceaccounts"
PATHS = (MAPS, WIDGETS, LEASES, ACCOUNTS)
WITH_DATA = (MAPS, WIDGETS)
KINDS = {
    LEASES: {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"},
    ACCOUNTS: {"apiVersion": "v1", "kind": "ServiceAccount"},
    MAPS: {"apiVersion": "v1", "kind": "ConfigMap"},
    WIDGETS: {"apiVersion": "agreement.example.org/v1", "kind": "Widget"},
}
DEFINITION = definition("v1", group="agreement.example.org", subresources={"status": {}})

paths = st.sampled_from(PATHS)
names = st.sampled_from(["a", "b", "c"])
labels = st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["1", "2"]), max_size=2)
data = st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["1", "2"]), max_size=2)
finalizers = st.lists(st.sampled_from(["example.org/one", "example.org/two"]), max_size=2, unique=True)
managers = st.sampled_from(["one", "two"])
SELECTED: dict[str, dict[str, str]] = {
    "": {},
    "x": {"x": "1"},
    "!x": {},
    "x=1": {"x": "1"},
    "x!=1": {"x": "2"},
    "x in (1,2)": {"x": "1"},
    "x=1,y=2": {"x": "1", "y": "2"},
    "y notin (2)": {},
}
"""Selectors, each with labels that it selects."""

selectors = st.sampled_from(sorted(SELECTED))


class Agreement(RuleBasedStateMachine):
    """One run in a namespace of its own, on both servers."""

    pair: Pair
    start: Any

    @initialize()
    def begin(self) -> None:
        self.pair = type(self).start()
        self.versions: dict[str, dict[str, str]] = {}

    def teardown(self) -> None:
        if hasattr(self, "pair"):
            self.pair.close()

    def _body(self, path: str, name: str, **content: Any) -> dict[str, Any]:
        metadata = {key: content.pop(key) for key in ("labels", "finalizers") if key in content}
        return {**KINDS[path], "metadata": {"name": name, **metadata}, **_content(path, content.get("data"))}

    @rule(path=paths, name=names, labels=labels, data=data, finalizers=finalizers)
    def create(self, path: str, name: str, labels: Any, data: Any, finalizers: Any) -> None:
        self.pair.ask("POST", path, self._body(path, name, labels=labels, data=data, finalizers=finalizers))
        self._remember(name)

    @rule(path=paths, name=names)
    def get(self, path: str, name: str) -> None:
        self.pair.ask("GET", f"{path}/{name}")
        self._remember(name)

    @rule(path=paths, name=names, labels=labels, data=data, finalizers=finalizers, versioned=st.booleans())
    def update(self, path: str, name: str, labels: Any, data: Any, finalizers: Any, versioned: bool) -> None:
        body = self._body(path, name, labels=labels, data=data, finalizers=finalizers)
        if versioned and name in self.versions:
            body["metadata"]["resourceVersion"] = f"{{version-{name}}}"
        self.pair.ask("PUT", f"{path}/{name}", body)

    @rule(path=paths, name=names, labels=labels, data=data, kind=st.sampled_from([MERGE, STRATEGIC]))
    def merge(self, path: str, name: str, labels: Any, data: Any, kind: str) -> None:
        content = {"data": data or None} if path in WITH_DATA else _content(path, data)
        self.pair.ask("PATCH", f"{path}/{name}", {"metadata": {"labels": labels}, **content}, kind)

    @rule(path=paths, name=names, finalizers=finalizers)
    def set_finalizers(self, path: str, name: str, finalizers: Any) -> None:
        self.pair.ask("PATCH", f"{path}/{name}", {"metadata": {"finalizers": finalizers or None}}, MERGE)

    @rule(
        path=st.sampled_from(WITH_DATA),
        name=names,
        operation=st.sampled_from(
            [
                {"op": "add", "path": "/data", "value": {"m": "1"}},
                {"op": "add", "path": "/data/n", "value": "2"},
                {"op": "remove", "path": "/data/k"},
                {"op": "replace", "path": "/data/k", "value": "9"},
                {"op": "test", "path": "/data/k", "value": "1"},
            ]
        ),
    )
    def json_patch(self, path: str, name: str, operation: Any) -> None:
        self.pair.ask("PATCH", f"{path}/{name}", [operation], JSON_PATCH)

    @rule(path=paths, name=names, manager=managers, labels=labels, data=data, force=st.booleans())
    def apply(self, path: str, name: str, manager: str, labels: Any, data: Any, force: bool) -> None:
        """Maps without entries are not applied: of custom resources the real server makes changes and nulls of them."""
        content = {key: value for key, value in (("labels", labels), ("data", data)) if value}
        body = self._body(path, name, **content)
        query = f"fieldManager={manager}{'&force=true' if force else ''}"
        self.pair.ask("PATCH", f"{path}/{name}?{query}", body, APPLY)

    @rule(name=names, phase=st.sampled_from(["Ready", "Failed"]))
    def write_status(self, name: str, phase: str) -> None:
        self.pair.ask("PATCH", f"{WIDGETS}/{name}/status", {"status": {"phase": phase}}, MERGE)

    @rule(path=paths, name=names, versioned=st.booleans())
    def delete(self, path: str, name: str, versioned: bool) -> None:
        options = None
        if versioned and name in self.versions:
            options = {"preconditions": {"resourceVersion": f"{{version-{name}}}"}}
        self.pair.ask("DELETE", f"{path}/{name}", options)

    @rule(path=paths, selector=selectors)
    def delete_some(self, path: str, selector: str) -> None:
        """The real answer shows some objects as they were and some as they are, so the items are not compared."""
        self.pair.ask(
            "DELETE", f"{path}?labelSelector={_quoted(selector)}", ignore=("items", "resourceVersion")
        )

    @rule(path=paths, selector=selectors, limit=st.sampled_from([0, 1, 2]))
    def list(self, path: str, selector: str, limit: int) -> None:
        self.pair.ask("GET", f"{path}?labelSelector={_quoted(selector)}&limit={limit}")
        if "continue" in self.pair.last["real"].body["metadata"]:
            self.pair.name_last("token", "metadata", "continue")

    @rule(path=paths, limit=st.sampled_from([0, 1]))
    def go_on(self, path: str, limit: int) -> None:
        if "token" in self.pair.real.names and self.pair.real.names.get("token-path") in {None, path}:
            self.pair.ask("GET", f"{path}?continue={{token}}&limit={limit}")

    @rule(path=paths)
    def begin_watch(self, path: str) -> None:
        self.pair.ask("GET", path)
        self.pair.name_last(f"since-{PATHS.index(path)}", "metadata", "resourceVersion")

    @rule(path=paths, selector=selectors)
    def watch(self, path: str, selector: str) -> None:
        since = f"since-{PATHS.index(path)}"
        if since in self.pair.real.names:
            mark = {**KINDS[path], "metadata": {"labels": SELECTED[selector]}}
            self.pair.watch(f"{path}?resourceVersion={{{since}}}&labelSelector={_quoted(selector)}", mark)

    def _remember(self, name: str) -> None:
        body = self.pair.last["real"].body
        if "resourceVersion" in body.get("metadata", {}):
            self.pair.name_last(f"version-{name}", "metadata", "resourceVersion")
            self.versions[name] = {}


def _content(path: str, data: dict[str, str] | None) -> dict[str, Any]:
    """Return what an object of a kind has beside its metadata."""
    if path in WITH_DATA:
        return {} if data is None else {"data": data}
    if path == LEASES:
        return (
            {"spec": {"holderIdentity": data["k"], "leaseDurationSeconds": 15}}
            if data and "k" in data
            else {}
        )
    return {"automountServiceAccountToken": data["k"] == "1"} if data and "k" in data else {}


def _quoted(selector: str) -> str:
    return selector.replace("=", "%3D").replace(" ", "%20").replace(",", "%2C")


@pytest.fixture(scope="module")
def servers(real_server: ControlPlane) -> Iterator[tuple[ControlPlane, APIServer]]:
    with ExitStack() as stack:
        memory = stack.enter_context(APIServer(version=version_of(real_server)))
        real_server.install_crd(DEFINITION)
        memory.create("crds", DEFINITION)
        yield real_server, memory


def test_both_servers_answer_alike(servers: tuple[ControlPlane, APIServer]) -> None:
    """Whatever is asked in whatever order, status, body and events are the same."""
    Agreement.start = staticmethod(lambda: fresh_pair(*servers))
    run_state_machine_as_test(
        Agreement,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=_EXAMPLES not in os.environ,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
            database=None,
        ),
    )
