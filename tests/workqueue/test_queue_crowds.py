"""The queue under many threads and tasks at once."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from kubeinformer.errors import ShutDown
from kubeinformer.workqueue.queue import WorkQueue


def in_thread(function: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_fifty_producers_and_ten_consumers_lose_nothing() -> None:
    """Invariant 231: each key is processed, none by two workers at a time, and what comes after the end never is."""
    queue: WorkQueue[str] = WorkQueue()
    in_work: set[str] = set()
    seen: Counter[str] = Counter()
    faults: list[str] = []
    lock = threading.Lock()

    def consume() -> None:
        while True:
            try:
                key = queue.get()
            except ShutDown:
                return
            with lock:
                if key in in_work or key == "late":
                    faults.append(key)
                in_work.add(key)
                seen[key] += 1
            with lock:
                in_work.remove(key)
            queue.done(key)

    consumers = [in_thread(consume) for _ in range(10)]

    def produce(number: int) -> None:
        for item in range(50):
            queue.add(f"{number % 25}-{item}")

    producers = [in_thread(partial(produce, number)) for number in range(50)]
    for producer in producers:
        producer.join()
    queue.shut_down(drain=True)
    queue.add("late")
    for consumer in consumers:
        consumer.join()
    assert not faults
    assert len(seen) == 25 * 50
    assert (len(queue), queue._core.is_idle) == (0, True)


def test_adding_in_work_while_the_queue_ends_leaves_it_empty() -> None:
    """Invariant 232, regression 17: workers that add their own keys again do not keep a queue alive."""
    queue: WorkQueue[str] = WorkQueue()

    def work() -> None:
        while True:
            try:
                key = queue.get()
            except ShutDown:
                return
            queue.add(key)
            queue.done(key)

    workers = [in_thread(work) for _ in range(10)]
    for number in range(100):
        queue.add(f"key-{number}")
    queue.shut_down()
    for worker in workers:
        worker.join()
    assert len(queue) == 0


def test_threads_and_tasks_share_a_queue() -> None:
    """Workers of both kinds, on two loops, get what threads, tasks and workers add; each key comes once a turn."""
    queue: WorkQueue[int] = WorkQueue()
    counts: Counter[str] = Counter()
    total = 3000
    left = threading.Semaphore(0)

    def reconcile(key: int, kind: str) -> None:
        counts[kind] += 1
        if key < 0:
            queue.add(-key)  # from inside a run
        left.release()

    def work() -> None:
        with suppress(ShutDown):
            while True:
                with queue.processing() as key:
                    reconcile(key, "thread")

    async def work_async() -> None:
        with suppress(ShutDown):
            while True:
                async with queue.processing() as key:
                    reconcile(key, "task")
                await asyncio.sleep(0)

    async def several() -> None:
        await asyncio.gather(*(work_async() for _ in range(3)))

    with ThreadPoolExecutor(5) as pool:
        workers = [pool.submit(work), pool.submit(work)]
        workers += [pool.submit(asyncio.run, several()) for _ in range(2)]
        for number in range(1, total // 2 + 1):
            queue.add(-number)
        assert all(left.acquire(timeout=30) for _ in range(total))
        queue.shut_down(drain=True)
        for worker in workers:
            worker.result(30)
    assert sum(counts.values()) == total
