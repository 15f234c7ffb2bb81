"""`done` of what is not in work: on a queue that runs, and on one that ends."""

from __future__ import annotations

import threading

import pytest

from kubeinformer.errors import ShutDown
from kubeinformer.testing.waiting import eventually
from kubeinformer.workqueue.queue import WorkQueue


def test_a_second_done_doubles_no_work() -> None:
    """Case C46: of a key that was added again in work, that waits, or that nobody knows."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert queue.get(timeout=0) == "a"
    queue.add("a")
    for key in ("a", "a", "unknown"):
        queue.done(key)
    assert len(queue) == 1
    assert queue.get(timeout=0) == "a"
    queue.done("unknown")
    queue.add("a")
    with pytest.raises(TimeoutError):  # it is in work still
        queue.get(timeout=0)
    queue.done("a")
    queue.done("a")
    assert queue.get(timeout=0) == "a"
    queue.done("a")
    with pytest.raises(TimeoutError):
        queue.get(timeout=0)


def test_a_stray_done_ends_no_drain() -> None:
    """Invariants 237 and 240, case C46: neither with keys in work, nor with keys that wait and nobody at work."""
    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b"):
        queue.add(key)
    assert queue.get(timeout=0) == "a"
    ended = threading.Event()

    def drain() -> None:
        queue.shut_down(drain=True)
        ended.set()

    draining = threading.Thread(target=drain, daemon=True)
    draining.start()
    eventually(lambda: len(queue._drainers) == 1)
    queue.done("unknown")
    queue.done("b")
    assert len(queue._drainers) == 1
    queue.done("a")
    queue.done("a")
    assert len(queue._drainers) == 1
    assert not ended.is_set()
    assert queue.get(timeout=0) == "b"
    queue.done("b")
    assert ended.wait(30)
    draining.join(30)
    with pytest.raises(ShutDown):
        queue.get(timeout=0)
