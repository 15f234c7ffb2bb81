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
with queue._turns.lock:
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


IN_THE_MIDDLE = """
import os, threading
from kubeinformer import WorkQueue

inside, forked, blocks = threading.Event(), threading.Event(), False


class Key:
    def __hash__(self):
        if blocks and threading.current_thread() is not threading.main_thread():
            inside.set()
            forked.wait(0.5)  # in the middle of `get`
        return 1


key, queue = Key(), WorkQueue()
queue.add(key)
blocks = True
threading.Thread(target=queue.get, daemon=True).start()
inside.wait()
child = os.fork()
forked.set()
if child == 0:
    queue.add(key)
    queue.done(key)
    try:
        taken = queue.get(timeout=0)
    except TimeoutError:
        taken = None
    os._exit(0 if taken is key else 1)
_, status = os.waitpid(child, 0)
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("program", [PROGRAM, IN_THE_MIDDLE], ids=["asleep", "in-the-middle"])
def test_a_child_has_a_queue_that_works(program: str) -> None:
    """Threads that slept in the parent are not waited for in the child, and what one was changing is whole."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
