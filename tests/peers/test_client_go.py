"""client-go (typed, dynamic and metadata informers, leader election) and kubectl, built from their Go modules.

That takes minutes, so it is done by `make peers` alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from kubeinformer.testing import APIServer

GO = Path(__file__).parent / "go"
pytestmark = pytest.mark.skipif(
    "KUBEINFORMER_PEERS" not in os.environ, reason="builds Go programs for minutes: make peers"
)


def built(folder: Path, package: str) -> Path:
    """Build a program of the module beside this file, or skip the test with Go's words."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed")
    output = folder / "program"
    command = [go, "build", "-mod=readonly", "-buildvcs=false", "-o", str(output), package]
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    done = subprocess.run(
        command, cwd=GO, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode:
        pytest.skip(f"cannot be built: {done.stderr[-300:]}")
    return output


def test_client_gos_informers_and_elector(server: APIServer, tmp_path: Path) -> None:
    """They sync, follow a change, and take and release a lease."""
    program = built(tmp_path, ".")
    done = subprocess.run(
        [str(program), server.kubeconfig], capture_output=True, text=True, timeout=90, check=False
    )
    lines = done.stdout.splitlines()
    assert lines == [
        "typed 3",
        "dynamic 3",
        "metadata 3",
        "typed 4",
        "dynamic 4",
        "metadata 4",
        "leading",
        "released",
    ], done.stderr
    lease = server.get("leases", "leader")
    assert lease["spec"]["holderIdentity"] == ""
    assert lease["spec"]["leaseTransitions"] == 0


def test_kubectl(server: APIServer, tmp_path: Path) -> None:
    """Get in several forms, apply, patch, scale, wait, delete, and what there is."""
    program = built(tmp_path, "k8s.io/kubernetes/cmd/kubectl")

    def kubectl(*words: str, given: str = "") -> str:
        done = subprocess.run(
            [str(program), f"--kubeconfig={server.kubeconfig}", f"--cache-dir={tmp_path}", *words],
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert [line.split()[0] for line in kubectl("get", "configmaps").splitlines()] == ["NAME", "a", "b"]
    assert kubectl("get", "cm", "-A", "-o", "name").splitlines() == [
        "configmap/a",
        "configmap/b",
        "configmap/c",
    ]
    body = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d"}, "data": {"k": "%s"}}'
    assert "created" in kubectl("apply", "--validate=false", "-f", "-", given=body % "1")
    assert "configured" in kubectl("apply", "--validate=false", "-f", "-", given=body % "2")
    assert "serverside-applied" in kubectl(
        "apply", "--server-side", "--force-conflicts", "--validate=false", "-f", "-", given=body % "3"
    )
    assert server.get("configmaps", "d")["data"] == {"k": "3"}
    kubectl("patch", "configmap", "d", "--type=merge", "-p", '{"data": {"k": "4"}}')
    kubectl("label", "configmap", "d", "new=label")
    assert server.get("configmaps", "d")["metadata"]["labels"] == {"new": "label"}
    kubectl("wait", "configmap/d", "--for=jsonpath={.data.k}=4", "--timeout=10s")
    kubectl("delete", "configmap", "d")
    assert server.count("configmaps") == 3
    assert "deployments" in kubectl("api-resources", "--api-group=apps")
