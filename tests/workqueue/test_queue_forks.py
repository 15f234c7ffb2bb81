"""A queue in a process that forks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, threading
from kubeinformer import WorkQueue

queue = WorkQueue()


def sleep():
    queue.get()  # woken in the parent, at the very end


for _ in range(2):
    threading.Thread(target=sleep, daemon=True).start()
while len(queue._line) < 2:
    pass
with queue._lock:
    queue._line.wake_one()  # one is on its way as the process forks
    child = os.fork()
if child == 0:
    got = []
    worker = threading.Thread(target=lambda: got.append(queue.get()), daemon=True)
    worker.start()
    while not len(queue._line):
        pass
    queue.add("a")
    worker.join(10)
    os._exit(0 if got == ["a"] else 1)
_, status = os.waitpid(child, 0)
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_wakes_its_own_workers() -> None:
    """Threads that slept, or were on their way, in the parent are not waited for in the child."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
