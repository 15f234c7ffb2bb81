"""The work queue beside client-go's: keys a second, what a million delayed keys cost, and how fast a waiting worker wakes.

    python benchmarks/workqueue.py [--count 200000] [--delayed 1000000] [--seconds 20] [--rounds 3] [--only worker,delayed]

Each measurement is a process of its own, in turns with the same by client-go's util/workqueue in a Go program
(`go_queue/`, built here; without Go ours is measured alone). The goal is 60,000 keys a second with one worker thread and
one producer thread. Quote ratios of one run, not times; on a machine
that others use too, CPU time says more than keys a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kubeinformer.errors import ShutDown
from kubeinformer.workqueue.queue import WorkQueue
from kubeinformer.workqueue.queue_core import QueueCore

GO_QUEUE = Path(__file__).parent / "go_queue"
SPREAD = 0.1  # seconds in which delayed keys fall due, the last of them at the moment named
GOAL = 60_000

Figures = dict[str, float]


@dataclass(frozen=True)
class Row:
    """One line of the table: a scenario of ours, the scenario of client-go that it is held against, and a figure."""

    label: str
    ours: str
    theirs: str
    figure: str = "rate"
    unit: str = "keys/s"


ROWS = (
    Row("add, get, done; the decisions alone", "core", "cycle"),
    Row("add, get, done; one thread", "cycle", "cycle"),
    Row("all added, then all got and done; one thread", "bulk", "bulk"),
    Row("one worker thread, one producer", "worker", "worker"),
    Row("the same, by `with queue.processing()`", "processing", "worker"),
    Row("four worker threads, one producer", "workers", "workers"),
    Row("one asyncio worker, a producer thread", "task", "worker"),
    Row("failed once, delayed 5 ms, done, forgotten", "limited", "limited"),
    Row("add_rate_limited alone, meanwhile", "limited", "limited", "added"),
    Row("delayed keys: add_after", "delayed", "delayed"),
    Row("delayed keys: memory of one", "delayed", "delayed", "bytes", "bytes"),
    Row("delayed keys: all due in 0.1 s, until the last is done", "delayed", "delayed", "fired", "s"),
    Row("delayed keys: the longest wait for one of them then", "delayed", "delayed", "stall", "s"),
    Row("a waiting worker thread has a new key after (median)", "handoff", "handoff", "p50", "us"),
    Row("the same (99th percentile)", "handoff", "handoff", "p99", "us"),
    Row("a waiting asyncio worker, a producer thread (median)", "task_handoff", "handoff", "p50", "us"),
    Row("the same (99th percentile)", "task_handoff", "handoff", "p99", "us"),
)


def keys(count: int) -> list[str]:
    """Return the keys that both programs use."""
    return [f"team-{number % 200:03d}/object-{number:07d}" for number in range(count)]


def memory() -> int:
    """Return the resident bytes of this process, after a collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def core(names: list[str], _: float) -> Figures:
    """The pure decisions; time is read as the queue reads it."""
    queue: QueueCore[str] = QueueCore()
    add, get, done, now = queue.add, queue.get, queue.done, time.monotonic
    began = time.perf_counter()
    for key in names:
        add(key, now())
        entry = get(now())
        assert entry is not None
        done(entry.key, now())
    return {"rate": len(names) / (time.perf_counter() - began)}


def cycle(names: list[str], _: float) -> Figures:
    queue: WorkQueue[str] = WorkQueue()
    began = time.perf_counter()
    for key in names:
        queue.add(key)
        queue.done(queue.get())
    return {"rate": len(names) / (time.perf_counter() - began)}


def bulk(names: list[str], _: float) -> Figures:
    queue: WorkQueue[str] = WorkQueue()
    began = time.perf_counter()
    for key in names:
        queue.add(key)
    for _key in names:
        queue.done(queue.get())
    return {"rate": len(names) / (time.perf_counter() - began)}


def work(queue: WorkQueue[str]) -> None:
    with contextlib.suppress(ShutDown):
        while True:
            queue.done(queue.get())


def work_in_blocks(queue: WorkQueue[str]) -> None:
    with contextlib.suppress(ShutDown):
        while True:
            with queue.processing():
                pass


def work_in_task(queue: WorkQueue[str]) -> None:
    async def body() -> None:
        with contextlib.suppress(ShutDown):
            while True:
                queue.done(await queue.get_async())

    asyncio.run(body())


def worked(names: list[str], body: Callable[[WorkQueue[str]], None], workers: int = 1) -> Figures:
    """Add keys in this thread while others work."""
    queue: WorkQueue[str] = WorkQueue()
    threads = [threading.Thread(target=body, args=(queue,)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)  # they wait
    began = time.perf_counter()
    for key in names:
        queue.add(key)
    queue.shut_down(drain=True)
    seconds = time.perf_counter() - began
    for thread in threads:
        thread.join()
    return {"rate": len(names) / seconds}


def limited(names: list[str], _: float) -> Figures:
    queue: WorkQueue[str] = WorkQueue()

    def body() -> None:
        for _key in names:
            key = queue.get()
            queue.forget(key)
            queue.done(key)

    worker = threading.Thread(target=body)
    worker.start()
    began = time.perf_counter()
    for key in names:
        queue.add_rate_limited(key)
    added = time.perf_counter() - began
    worker.join()
    return {"rate": len(names) / (time.perf_counter() - began), "added": len(names) / added}


def delayed(names: list[str], seconds: float) -> Figures:
    """Add keys that fall due together, then let one worker have them."""
    queue: WorkQueue[str] = WorkQueue()
    before = memory()
    began = time.monotonic()
    due = began + seconds
    state = 1
    for key in names:
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        queue.add_after(key, due - (state >> 33) / (1 << 31) * SPREAD - time.monotonic())
    took = time.monotonic() - began
    size = (memory() - before) / len(names)
    if time.monotonic() > due - SPREAD:
        raise SystemExit("keys fell due before all were added: more --seconds are needed")

    stall = 0.0

    def body() -> None:
        nonlocal stall
        last = due - SPREAD
        for _key in names:
            key = queue.get()
            now = time.monotonic()
            stall = max(stall, now - last)
            last = now
            queue.done(key)

    worker = threading.Thread(target=body)
    worker.start()
    worker.join()
    fired = time.monotonic() - (due - SPREAD)
    return {"rate": len(names) / took, "bytes": size, "fired": fired, "stall": stall}


def handed_off(names: list[str], in_task: bool) -> Figures:
    """Add a key to an empty queue, in front of a worker that waits, each millisecond."""
    queue: WorkQueue[str] = WorkQueue()
    added = 0.0
    waits: list[float] = []
    handled = threading.Semaphore(0)

    def note(key: str) -> None:
        waits.append(time.perf_counter() - added)
        queue.done(key)
        handled.release()

    def in_thread() -> None:
        for _key in names:
            note(queue.get())

    async def in_loop() -> None:
        for _key in names:
            note(await queue.get_async())

    worker = threading.Thread(target=(lambda: asyncio.run(in_loop())) if in_task else in_thread)
    worker.start()
    for key in names:
        time.sleep(0.001)
        added = time.perf_counter()
        queue.add(key)
        handled.acquire()
    worker.join()
    waits.sort()
    return {"p50": waits[len(waits) // 2] * 1e6, "p99": waits[len(waits) * 99 // 100] * 1e6}


SCENARIOS: dict[str, Callable[[list[str], float], Figures]] = {
    "core": core,
    "cycle": cycle,
    "bulk": bulk,
    "worker": lambda names, _: worked(names, work),
    "processing": lambda names, _: worked(names, work_in_blocks),
    "workers": lambda names, _: worked(names, work, 4),
    "task": lambda names, _: worked(names, work_in_task),
    "limited": limited,
    "delayed": delayed,
    "handoff": lambda names, _: handed_off(names, in_task=False),
    "task_handoff": lambda names, _: handed_off(names, in_task=True),
}


@contextlib.contextmanager
def go_program() -> Iterator[list[str]]:
    """Build client-go's side and yield its command; an empty one where there is no Go."""
    if shutil.which("go") is None:
        print("Go is not installed: client-go is left out")
        yield []
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "go",
            "build",
            "-mod=readonly",
            "-trimpath",
            "-buildvcs=false",
            "-o",
            f"{folder}/queue",
            ".",
        ]
        environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
        subprocess.run(command, cwd=GO_QUEUE, env=environment, check=True)
        yield [f"{folder}/queue"]


def measured(command: list[str]) -> Figures:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: Figures = json.loads(done.stdout)
    print(
        f"{Path(command[0]).name:>8} {' '.join(command[1 if command[0] != sys.executable else 2 :])}: {found}"
    )
    sys.stdout.flush()
    return found


def report(ours: dict[str, list[Figures]], theirs: dict[str, list[Figures]]) -> None:
    """Print the medians, and how many times better client-go is."""
    print(
        f"\n{'':<55}{'kubeinformer':>13}{'client-go':>11}{'':9}client-go is   CPU us a key: ours, client-go's"
    )
    for row in ROWS:
        if row.ours not in ours:
            continue
        own = median(ours[row.ours], row.figure)
        line = f"{row.label:<55}{shown(own):>13}"
        if runs := theirs.get(row.theirs):
            other = median(runs, row.figure)
            ratio = other / own if row.unit == "keys/s" else own / other
            line += f"{shown(other):>11} {row.unit:<8}{ratio:>6.1f}x better"
            line += f"{median(ours[row.ours], 'cpu'):>16.1f}{median(runs, 'cpu'):>8.1f}"
        else:
            line += f" {row.unit}"
        if row.ours == "worker":
            line += f"   (goal {GOAL:,}: {'met' if own >= GOAL else 'MISSED'})"
        print(line)


def median(runs: list[Figures], figure: str) -> float:
    return statistics.median(run[figure] for run in runs)


def shown(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--delayed", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="until the delayed keys fall due")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="scenarios, separated by commas")
    parser.add_argument("--scenario", choices=SCENARIOS)
    options = parser.parse_args()
    if options.scenario:
        names, cpu = keys(options.count), time.process_time()
        found = SCENARIOS[options.scenario](names, options.seconds)
        print(json.dumps(found | {"cpu": (time.process_time() - cpu) / options.count * 1e6}))
        return
    chosen = options.only.split(",") if options.only else list(SCENARIOS)
    counts = {"delayed": options.delayed, "handoff": 1000, "task_handoff": 1000}
    ours: dict[str, list[Figures]] = {}
    theirs: dict[str, list[Figures]] = {}
    with go_program() as go:
        print(f"load average at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        for _ in range(options.rounds):
            for scenario in chosen:
                count, seconds = str(counts.get(scenario, options.count)), str(options.seconds)
                own = [
                    sys.executable,
                    __file__,
                    "--scenario",
                    scenario,
                    "--count",
                    count,
                    "--seconds",
                    seconds,
                ]
                ours.setdefault(scenario, []).append(measured(own))
                if go and any(row.theirs == scenario for row in ROWS):
                    theirs.setdefault(scenario, []).append(measured([*go, scenario, count, seconds]))
        print(f"load average at the end: {os.getloadavg()[0]:.1f}")
    report(ours, theirs)


if __name__ == "__main__":
    main()
