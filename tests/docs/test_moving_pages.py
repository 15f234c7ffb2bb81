"""The pages for those who come from kopf or from a watch loop are true: every block of Python in them runs."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config
from tests.definitions import definition
from tests.programs import running

from kubeinformer.testing import APIServer, eventually, eventually_equal

DOCS = Path(__file__).parent.parent.parent / "docs"
BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n)?```python\n(.*?)```", re.DOTALL)
SITES = definition("v1", plural="sites", kind="Site", group="example.com", subresources={"status": {}})
RIGHTS_OF_SITES = [
    ("example.com", "sites", "list watch patch"),
    ("example.com", "sites/status", "patch"),
    ("", "configmaps", "list watch patch create"),
    ("events.k8s.io", "events", "create patch"),
    ("coordination.k8s.io", "leases", "get create update"),
]
REGISTRY = """
class REGISTRY:
    records = {}
    put = records.__setitem__
    remove = records.pop
    hosts_of = lambda key, of=records: {host for host, owner in of.items() if owner == key}
"""


def write_page(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write the files of a page, and return its other blocks, one after the other, as a reader would type them."""
    found = BLOCK.findall((DOCS / page).read_text())
    for file, block in found:
        (folder / (file or "rest.py")).write_text(block)
    (folder / "registry.py").write_text(REGISTRY)
    (folder / "sites_crd.yaml").write_text(json.dumps(SITES))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("KUBECONFIG", str(folder / "kubeconfig"))
    return "\n".join(block for file, block in found if not file)


def log_in(server: APIServer, folder: Path, rights: list[tuple[str, str, str]]) -> None:
    rules = [{"apiGroups": [a], "resources": [b], "verbs": verbs.split()} for a, b, verbs in rights]
    server.user("operator", rules)
    access = {**json.loads(Path(server.kubeconfig).read_text()), "current-context": "operator"}
    (folder / "kubeconfig").write_text(json.dumps(access))


def run(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def ended_by_sigterm(program: str) -> Iterator[Any]:
    with running([sys.executable, "-u", program]) as child:
        yield child.stdout
        child.send_signal(signal.SIGTERM)
        _, errors = child.communicate(timeout=20)
        assert (child.returncode, errors) == (0, "")


def make_pod(server: APIServer, name: str, phase: str) -> None:
    metadata = {"name": name, "labels": {"app": "job", "user": "ada"}}
    spec = {"containers": [{"name": "job", "image": "job:1"}]}
    server.create("pods", {"metadata": metadata, "spec": spec, "status": {"phase": phase}}, "jobs")


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as begun:
        begun.install_crd(SITES)
        begun.create("namespaces", {"metadata": {"name": "jobs"}})
        make_pod(begun, "job-1", "Running")
        make_pod(begun, "job-2", "Succeeded")
        yield begun


def test_the_operator_passes_its_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is on the page, faults included; of what was before, only that it is Python (`make peers` runs it)."""
    write_page("from_kopf.md", tmp_path, monkeypatch)
    before = (DOCS / "from_kopf.md").read_text().partition("```text\n")[2].partition("```")[0]
    compile(before, "from_kopf.md", "exec")
    assert "1 passed" in run("-m", "pytest", "-p", "no:cacheprovider", "test_sites.py")


def test_the_operator_takes_over(server: APIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rights on the page it publishes a Site of kopf's time, which can go when kopf's marks are removed."""
    change_over = write_page("from_kopf.md", tmp_path, monkeypatch)
    log_in(server, tmp_path, RIGHTS_OF_SITES)
    notes = {"kopf.zalando.org/last-handled-configuration": "{}", "mine": "stays"}
    metadata = {"name": "shop", "annotations": notes, "finalizers": ["kopf.zalando.org/KopfFinalizerMarker"]}
    server.create("sites", {"metadata": metadata, "spec": {"host": "a.example.com", "text": "Hello"}})
    with ended_by_sigterm("sites.py"):
        eventually(lambda: server.get("sites", "shop").get("status") == {"host": "a.example.com"}, 30)
        eventually_equal(lambda: server.count("events.events.k8s.io"), 1)
        run("-c", change_over)
        left = server.get("sites", "shop")["metadata"]
        assert (left["finalizers"], left["annotations"]) == (["example.com/registry"], {"mine": "stays"})
        server.delete("sites", "shop")
        eventually_equal(lambda: server.count("sites"), 0)
    assert [each for each in server.requests if each.status == 403] == []


def test_the_loop_fails(server: APIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page says: requests without a pause, ghosts, repeated work; and a broken connection ends the thread."""
    write_page("from_a_watch_loop.md", tmp_path, monkeypatch)
    loop: dict[str, Any] = {"finished": []}
    exec((tmp_path / "loop.py").read_text(), loop)
    pods, finished = loop["pods"], loop["finished"]
    with config.new_client_from_config(server.kubeconfig) as api, ThreadPoolExecutor(1) as pool:
        following: Future[None] = pool.submit(loop["follow"], client.CoreV1Api(api), finished.append)
        eventually_equal(lambda: sorted(pods), ["job-1", "job-2"])
        with server.every_request(verb="watch").answers(410):
            server.close_watches("pods")
            server.requests.wait_for(50, "watch", "pods")
            server.delete("pods", "job-1", "jobs")
        make_pod(server, "job-3", "Running")
        eventually(lambda: "job-3" in pods)
        assert "job-1" in pods
        assert [each.metadata.name for each in finished] == ["job-2", "job-2"]
        server.cut_connections()
        assert type(following.exception(timeout=20)).__name__ == "ProtocolError"


def test_the_steps_replace_it(server: APIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks in one program, with the official client's models, writes and token; then the controller."""
    steps = write_page("from_a_watch_loop.md", tmp_path, monkeypatch)
    log_in(server, tmp_path, [("", "pods", "list watch create delete")])
    assert {"is there: job-1", "is there: job-2"} <= set(run("-c", steps).splitlines())
    with ended_by_sigterm("jobs.py") as said:
        assert said.readline() == "job-2 Succeeded\n"
        server.patch("pods", "job-1", {"status": {"phase": "Failed"}}, "jobs")
        assert said.readline() == "job-1 Failed\n"
        eventually_equal(lambda: server.count("pods"), 1)  # the one that a step has made
    assert [each for each in server.requests if each.status == 403] == []
