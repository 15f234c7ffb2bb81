"""The pages and examples are true: they are generated, compiled and run."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.history import eventually
from tests.programs import running

import kubeinformer
from kubeinformer.testing import APIServer

ROOT = Path(__file__).parent.parent.parent


def test_the_conformance_page_is_what_the_tests_say() -> None:
    """Every number that a test cites has its row, with what is promised."""
    command = [sys.executable, str(ROOT / "scripts" / "conformance.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_readmes_examples_are_python() -> None:
    """Every block compiles."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        compile(block, "README.md", "exec")


def test_the_public_names_are_there_and_explained() -> None:
    """Sorted, importable, each with a docstring."""
    names = [name for name in kubeinformer.__all__ if not name.startswith("_")]
    assert names == sorted(names)
    assert all(getattr(kubeinformer, name).__doc__ for name in names)


def _catches_sigterm(pid: int) -> bool:
    """Return whether `run()` has taken the signals over (Linux tells; elsewhere it is taken for granted)."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return True
    [caught] = re.findall(r"SigCgt:\s*([0-9a-f]+)", status.read_text())
    return bool(int(caught, 16) & 1 << (signal.SIGTERM - 1))


def test_the_introduction_runs() -> None:
    """examples/nodes.py prints the nodes and ends in good order on Ctrl-C, in under 40 lines."""
    program = ROOT / "examples" / "nodes.py"
    assert len(program.read_text().splitlines()) < 40
    with APIServer() as server:
        server.create("nodes", {"metadata": {"name": "n-1"}})
        command = [sys.executable, "-u", str(program), "--kubeconfig", server.kubeconfig]
        with running(command) as child:
            assert child.stdout is not None
            said = child.stdout.readline() + child.stdout.readline()
            assert sorted(said) == sorted("add a node: n-1\nnodes: n-1\n")  # two threads print, maybe at once
            server.wait_for_watches(1, timeout=20)
            eventually(
                lambda: _catches_sigterm(child.pid), 20, str
            )  # before that, Ctrl-C is Python's own affair
            child.send_signal(signal.SIGINT)
            _, errors = child.communicate(timeout=20)
        assert (child.returncode, errors) == (0, "")


def test_the_demo_ends_by_itself() -> None:
    """Under a minute, exit code 0, with the request log at its end."""
    command = [sys.executable, str(ROOT / "examples" / "demo.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert "1  list nodes" in done.stdout
    assert done.stdout.endswith("Done.\n")
