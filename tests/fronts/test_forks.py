"""A process that forks: twenty children of a busy parent read, are told what they cannot do, and begin anew."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

PROGRAM = """
import os, sys, threading
from kubeinformer import Client, SharedInformerFactory, UsageError
from kubeinformer.testing import APIServer

CHILDREN = 20


def child(factory, informer, registration, events, config):
    assert len(informer.lister) >= 20
    assert informer.lister.get("m0", "default").name == "m0"
    assert informer.indexer.by_index("namespace", "default")
    assert sorted(informer.indexer.keys()) == sorted(found.key for found in informer.lister.list())
    assert informer.has_synced and registration.has_synced in (True, False) and registration.pending >= 0
    assert informer.status.state == "made before the fork" and informer.status.stale_since
    assert not factory.healthy() and factory.healthy(3600)
    for forbidden in (
        factory.start,
        factory.wait_for_cache_sync,
        factory.run,
        informer.stop,
        registration.remove,
        lambda: factory.informer("pods"),
        lambda: informer.add_event_handler(print),
        informer.events,
        lambda: next(events),
        lambda: factory.client.list("configmaps"),
    ):
        try:
            forbidden()
        except UsageError as error:
            assert "made before the fork" in str(error), error
        else:
            raise AssertionError(f"{forbidden} did not raise")
    factory.stop()  # what is another process's stays its own
    with SharedInformerFactory(config) as own:
        fresh = own.informer("configmaps", namespaces=["default"])
        own.start()
        own.wait_for_cache_sync(30)
        assert len(fresh.lister) >= 20
        own.client.get("configmaps", "m0", "default")


def main():
    with APIServer() as server, SharedInformerFactory(server.config) as factory:
        for number in range(20):
            server.create("configmaps", {"metadata": {"name": f"m{number}"}}, namespace="default")
        informer = factory.informer("configmaps", namespaces=["default"])
        registration = informer.add_event_handler(on_update=lambda old, new: None)
        events = informer.events(coalesce=True)
        factory.start()
        factory.wait_for_cache_sync(30)
        for _ in range(20):
            next(events)
        stop = threading.Event()

        def write():
            number = 0
            while not stop.is_set():
                number += 1
                stop.wait(0.002)
                server.patch("configmaps", f"m{number % 20}", {"data": {"n": str(number)}}, namespace="default")

        def read():
            while not stop.is_set():
                informer.lister.list("default")

        threads = [threading.Thread(target=write), threading.Thread(target=read)]
        for thread in threads:
            thread.start()
        codes = []
        for _ in range(CHILDREN):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    child(factory, informer, registration, events, server.config)
                    code = 0
                except BaseException:
                    import traceback
                    traceback.print_exc()
                finally:
                    sys.stderr.flush()
                    os._exit(code)
            codes.append(os.waitpid(pid, 0)[1])
        stop.set()
        for thread in threads:
            thread.join()
        assert codes == [0] * CHILDREN, codes
        assert factory.healthy()
    print("done")


main()
"""


def test_children_of_a_busy_parent() -> None:
    """Reads work in each, everything else says what to do, a new factory works, and the parent goes on."""
    # Python warns of a fork beside threads, since 3.12.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "done\n", "")
