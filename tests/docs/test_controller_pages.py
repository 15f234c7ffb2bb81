"""The pages on queues, elections and tests of controllers are true: every block of code in them runs."""

from __future__ import annotations

import re
import signal
import sys
from inspect import signature
from pathlib import Path

import pytest
import yaml
from tests.docs.pages import DOCS, run_each, suite, write_files
from tests.programs import running

from kubeinformer.controller.controller import ControllerFront
from kubeinformer.leader_election import campaign
from kubeinformer.leader_election.candidate import Terms
from kubeinformer.leader_election.elector import _ElectorMetrics
from kubeinformer.metrics import MetricsSource
from kubeinformer.testing import APIServer
from kubeinformer.testing.waiting import eventually
from kubeinformer.workqueue.queue_core import LOW_PRIORITY, SECONDS_PER_PRIORITY
from kubeinformer.workqueue.queue_metrics import QueueFigures, QueueMetrics

PAGES = ("workqueue.md", "leader_election.md", "testing_controllers.md")
LEASES = "leases.coordination.k8s.io"


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by itself, as a reader would paste it."""
    monkeypatch.chdir(tmp_path)
    run_each(page)


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    """On the in-memory server: faults, rights and an election included."""
    said = suite("testing_controllers.md", tmp_path, "--kubernetes-real=never")
    assert "6 passed, 1 skipped" in said, said


@pytest.mark.control_plane
def test_they_pass_on_the_real_server_too(tmp_path: Path) -> None:
    """The same test, in the same words."""
    said = suite("testing_controllers.md", tmp_path, "--kubernetes-real=required", "-k", "both")
    assert "test_a_quota_on_both_servers[real] PASSED" in said, said


def test_the_program_leads_and_releases_on_sigterm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reconciles when it leads, and another replica could lead at once after its end; exit code 0."""
    write_files("leader_election.md", tmp_path)
    with APIServer() as server:
        monkeypatch.setenv("KUBECONFIG", server.kubeconfig)
        server.create("configmaps", {"metadata": {"name": "a"}})
        command = [sys.executable, "-u", str(tmp_path / "operator_program.py"), "--identity", "pod-1"]
        with running(command) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == "reconciles default/a\n"
            assert server.get(LEASES, "my-operator")["spec"]["holderIdentity"] == "pod-1"
            program.send_signal(signal.SIGTERM)
            _, errors = program.communicate(timeout=30)
        assert (program.returncode, errors) == (0, "")
        assert server.get(LEASES, "my-operator")["spec"]["holderIdentity"] == ""


def test_the_program_ends_where_it_loses_the_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With exit code 1 and one line that says why."""
    write_files("leader_election.md", tmp_path)
    with APIServer() as server:
        monkeypatch.setenv("KUBECONFIG", server.kubeconfig)
        with running([sys.executable, str(tmp_path / "operator_program.py")]) as program:
            eventually(lambda: server.count(LEASES) == 1)
            server.patch(LEASES, "my-operator", {"spec": {"holderIdentity": "thief"}}, "default")
            _, errors = program.communicate(timeout=30)
        assert program.returncode == 1
        assert "the lease is held by thief" in errors.splitlines()[-1]


def test_the_numbers_are_those_of_the_code() -> None:
    """What the pages promise in seconds is what the constants say."""
    terms, page = Terms("me"), (DOCS / "leader_election.md").read_text()
    assert f"`lease_duration` {terms.lease_duration:g} s, `renew_deadline` {terms.renew_deadline:g} s" in page
    assert f"`retry_period` {terms.retry_period:g} s" in page
    assert f"every {terms.retry_period:g} to {1.25 * terms.retry_period:g} s" in page
    assert f"| **{terms.renew_deadline:g}** |" in page
    assert f"| **{terms.lease_duration - campaign.MARGIN:g}** |" in page
    assert f"| {terms.lease_duration:g} to 20 |" in page
    assert signature(ControllerFront).parameters["grace_period"].default == 30
    page = (DOCS / "workqueue.md").read_text()
    assert f"`seconds_per_priority={SECONDS_PER_PRIORITY:g}`" in page
    assert f"{LOW_PRIORITY} to the first load" in page
    assert f"comes {-LOW_PRIORITY * SECONDS_PER_PRIORITY:g} s after it" in page


def test_every_metric_has_its_row() -> None:
    """As Prometheus shows it, with its kind."""
    sources: dict[str, MetricsSource] = {
        "workqueue.md": QueueMetrics("name", lambda: QueueFigures(0, 0, 0, [])),
        "leader_election.md": _ElectorMetrics("name", lambda: True, lambda: 0),
    }
    for page, source in sources.items():
        text = (DOCS / page).read_text()
        for metric in source.collect():
            name = f"{metric.name}_total" if metric.kind == "counter" else metric.name
            assert f"| `{name}` | {metric.kind} |" in text


def test_the_role_is_enough() -> None:
    """The rights in YAML are those with which the block on fencing runs."""
    page = (DOCS / "leader_election.md").read_text()
    [text] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    [code] = re.findall(r"^rules = (\[.*?\n\])$", page, re.MULTILINE | re.DOTALL)
    assert yaml.safe_load(text)["rules"] == yaml.safe_load(code)
