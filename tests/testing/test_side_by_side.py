"""Test processes side by side: each has its own ports."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from contextlib import ExitStack
from kubeinformer import SharedInformerFactory
from kubeinformer.testing import APIServer

with ExitStack() as stack:
    servers = [stack.enter_context(APIServer()) for _ in range(10)]
    for number, server in enumerate(servers):
        server.create("configmaps", {"metadata": {"name": f"own-{number}"}}, namespace="default")
    for number, server in enumerate(servers):
        with SharedInformerFactory(server.config) as factory:
            maps = factory.informer("configmaps")
            factory.start()
            factory.wait_for_cache_sync(30)
            assert [found.name for found in maps.lister.list()] == [f"own-{number}"]
    print("done")
"""


def test_two_processes_start_servers_at_once() -> None:
    """Regression 30: ports do not collide, and nobody reads the other one's objects."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [process.communicate(timeout=60) for process in processes] == [("done\n", "")] * 2
