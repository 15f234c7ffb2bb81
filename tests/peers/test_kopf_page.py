"""The operator that docs/from_kopf.md begins with, as kopf runs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.definitions import definition
from tests.programs import running

from kubeinformer.testing import APIServer, eventually, eventually_equal

pytest.importorskip("kopf")
PAGE = Path(__file__).parent.parent.parent / "docs" / "from_kopf.md"
SITES = definition("v1", plural="sites", kind="Site", group="example.com", subresources={"status": {}})
REGISTRY = """
import json
from pathlib import Path
records = {}

def save():
    Path("new.json").write_text(json.dumps(records))
    Path("new.json").replace("records.json")

class REGISTRY:
    def put(host, key):
        records[host] = key
        save()

    def remove(host):
        del records[host]
        save()
"""


def is_handled(server: APIServer, host: str) -> bool:
    """Return whether kopf has done everything for this state: what changes before that it may not see as a change."""
    site = server.get("sites", "shop")
    handled = site["metadata"].get("annotations", {}).get("kopf.zalando.org/last-handled-configuration", "")
    return host in handled and site.get("status", {}).get("host") == host


def test_the_operator_from_before_does_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It publishes a Site, moves it and withdraws it; a page that somebody deletes is not back at once."""
    before = PAGE.read_text().partition("```text\n")[2].partition("```")[0]
    (tmp_path / "operator_before.py").write_text(before)
    (tmp_path / "registry.py").write_text(REGISTRY)
    records = tmp_path / "records.json"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    command = [sys.executable, "-m", "kopf", "run", "--standalone", "--all-namespaces", "operator_before.py"]
    with APIServer() as server:
        server.install_crd(SITES)
        monkeypatch.setenv("KUBECONFIG", server.kubeconfig)
        server.create(
            "sites", {"metadata": {"name": "shop"}, "spec": {"host": "a.example.com", "text": "Hello"}}
        )
        with running(command) as operator:
            eventually(lambda: records.exists() or operator.poll() is not None, 60)
            assert operator.poll() is None, operator.communicate()
            eventually_equal(lambda: json.loads(records.read_text()), {"a.example.com": "default/shop"}, 30)
            eventually(lambda: is_handled(server, "a.example.com"), 60)
            assert server.get("configmaps", "shop")["data"] == {"index.html": "Hello"}
            server.patch("sites", "shop", {"spec": {"host": "b.example.com"}})
            eventually_equal(lambda: json.loads(records.read_text()), {"b.example.com": "default/shop"}, 60)
            eventually(lambda: is_handled(server, "b.example.com"), 60)
            server.delete("configmaps", "shop")
            server.delete("sites", "shop")
            eventually_equal(lambda: server.count("sites"), 0, 30)
            assert json.loads(records.read_text()) == {}
            assert server.count("configmaps") == 0
            operator.terminate()
            operator.communicate(timeout=30)
