"""Event loops that were closed with tasks on them: they take nobody else's keys with them."""

from __future__ import annotations

import asyncio
import threading

from kubeinformer.testing.waiting import eventually
from kubeinformer.workqueue.queue import WorkQueue


def closed_with_a_task(queue: WorkQueue[str]) -> asyncio.Task[str]:
    """Let a task wait for a key, and close its loop without cancelling it."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(queue.get_async())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is what this is about
    return task


def test_a_key_passes_over_tasks_whose_loop_is_closed() -> None:
    """Those who wait besides get it at once."""
    queue: WorkQueue[str] = WorkQueue()
    got: list[str] = []
    worker = threading.Thread(target=lambda: got.append(queue.get()), daemon=True)
    worker.start()
    eventually(lambda: len(queue._line) == 1)
    tasks = [closed_with_a_task(queue) for _ in range(3)]
    queue.add("a")
    worker.join(10)
    assert (got, len(queue._line), len(tasks)) == (["a"], 0, 3)


def test_a_task_whose_loop_is_closed_keeps_no_time() -> None:
    """A key that is due later wakes somebody who is there, whether he came before or after the moment was known."""
    for comes_first in (True, False):
        queue: WorkQueue[str] = WorkQueue()
        got: list[str] = []
        worker = threading.Thread(target=lambda: got.append(queue.get()), daemon=True)  # noqa: B023  # joined below
        if comes_first:
            worker.start()
            eventually(lambda: len(queue._line) == 1)  # noqa: B023  # called at once
            task = closed_with_a_task(queue)
            queue.add_after("a", 0.01)
        else:
            queue.add_after("a", 0.5)
            task = closed_with_a_task(queue)
            worker.start()
        worker.join(10)
        assert (got, task.done()) == (["a"], False)
