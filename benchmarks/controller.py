"""Controllers side by side: how fast they see to what is there at the start, and how soon to a change.

    python benchmarks/controller.py [--objects 5000] [--writes 50] [--seconds 20] [--rounds 3] [--only kopf-event]

Each program runs in a process of its own, in turns, on a fresh in-memory API server with ConfigMaps on it. First it has to
call its reconcile for each of them, which reads the cache; then another process writes at a steady pace over HTTP, and each
reconcile notes how long ago the write was sent off. kopf runs in the environment that `make peers` makes (.venv-peers), and
is left out where that is missing. Quote ratios of one run, not times.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-peers" / "bin" / "python"
QUIET_SECONDS = 5.0  # without a request: then what the start, or the last write, has set off is over
START_SECONDS = 600.0
WORKERS = 4


class Recorder:
    """What a program reports: a line when all objects were seen to, and one at the end of its standard input.

    Thread-safe.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._latencies: list[float] = []
        self._calls = 0
        self._first = 0.0

    def begin(self) -> None:
        """Start the clocks: the program starts now."""
        threading.Thread(target=self._report_at_the_end, daemon=True).start()
        self._began, self._cpu = time.perf_counter(), time.process_time()

    def note(self, key: str, written: str | None) -> None:
        """Count a reconcile.

        Args:
            key: Of what.
            written: When the object was written, in nanoseconds of the machine's monotonic clock.
        """
        with self._lock:
            self._calls += 1
            if written is not None:
                self._latencies.append((time.monotonic_ns() - int(written)) / 1e6)
            elif len(self._seen) < self._count:
                self._first = self._first or time.perf_counter()
                self._seen.add(key)
                if len(self._seen) == self._count:
                    self._report_the_start()

    def _report_the_start(self) -> None:
        now = time.perf_counter()
        self._say(start=now - self._began, burst=now - self._first, start_cpu=time.process_time() - self._cpu)
        self._calls = 0

    def _report_at_the_end(self) -> None:
        sys.stdin.readline()  # the writes begin
        cpu, began = time.process_time(), time.perf_counter()
        sys.stdin.read()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self._say(
            latencies=self._latencies,
            calls=self._calls,
            memory=pages * resource.getpagesize() / 1e6,
            load=(time.process_time() - cpu) / (time.perf_counter() - began),
        )
        os._exit(0)

    @staticmethod
    def _say(**figures: object) -> None:
        print(json.dumps(figures), flush=True)


def run_threads(count: int) -> None:
    """Run a controller of this package with worker threads."""
    from kubeinformer import Controller, Request, SharedInformerFactory, load_config

    recorder = Recorder(count)
    factory = SharedInformerFactory(load_config())
    informer = factory.informer("configmaps")

    def reconcile(request: Request) -> None:
        found = informer.lister.get(request.name, request.namespace)
        recorder.note(request.key, found["data"].get("written"))

    controller = Controller("bench", reconcile, workers=WORKERS)
    controller.watch(informer)
    recorder.begin()
    controller.run()


def run_tasks(count: int) -> None:
    """Run a controller of this package with asyncio workers."""
    from kubeinformer import aio

    recorder = Recorder(count)

    async def run() -> None:
        factory = aio.SharedInformerFactory(aio.load_config())
        informer = factory.informer("configmaps")

        async def reconcile(request: aio.Request) -> None:
            found = informer.lister.get(request.name, request.namespace)
            recorder.note(request.key, found["data"].get("written"))

        controller = aio.Controller("bench", reconcile, workers=WORKERS)
        controller.watch(informer)
        recorder.begin()
        await controller.run()

    asyncio.run(run())


OURS: dict[str, Callable[[int], None]] = {
    "kubeinformer-threads": run_threads,
    "kubeinformer-tasks": run_tasks,
}
PROGRAMS: dict[str, list[str]] = {
    **{name: [sys.executable, __file__, "--program", name] for name in OURS},
    "kopf-event": [str(PEERS), str(HERE / "kopf_controller.py"), "event"],
    "kopf-change": [str(PEERS), str(HERE / "kopf_controller.py"), "change"],
}


def write(url: str, count: int, pace: float, seconds: float) -> None:
    """Change one object after the other, so many a second, each with the moment at which it was sent off."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    began = time.monotonic()
    for number in range(int(pace * seconds)):
        time.sleep(max(0.0, began + number / pace - time.monotonic()))
        path = f"/api/v1/namespaces/default/configmaps/{name_of(number * 7919 % count)}"
        body = json.dumps({"data": {"written": str(time.monotonic_ns())}})
        connection.request("PATCH", path, body, {"Content-Type": "application/merge-patch+json"})
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise SystemExit(f"PATCH {path}: {response.status}")


def name_of(number: int) -> str:
    return f"map-{number:06}"


def measured(program: str, options: argparse.Namespace) -> dict[str, float]:
    """Run a program once on a server of its own, and return its figures."""
    from kubeinformer.testing import APIServer

    with APIServer() as server:
        for number in range(options.objects):
            server.create("configmaps", {"metadata": {"name": name_of(number)}, "data": {"k": "v"}})
        command = [*PROGRAMS[program], str(options.objects)]
        environment = os.environ | {"KUBECONFIG": server.kubeconfig}
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            killer = threading.Timer(START_SECONDS + options.seconds, running.kill)
            killer.start()
            try:
                return _figures(running, server, options)
            finally:
                killer.cancel()
                running.kill()


def _figures(running: subprocess.Popen[str], server: Any, options: argparse.Namespace) -> dict[str, float]:
    assert running.stdin is not None
    assert running.stdout is not None
    assert running.stderr is not None
    errors: list[str] = []
    collector = threading.Thread(target=lambda: errors.extend(running.stderr or ()), daemon=True)
    collector.start()  # a full pipe would halt the program
    line = running.stdout.readline()
    if not line:
        collector.join()
        raise SystemExit("".join(errors[-20:]))
    found: dict[str, Any] = json.loads(line)
    settle(server)
    found["start_writes"] = written(server)
    server.requests.clear()
    running.stdin.write("the writes begin\n")
    running.stdin.flush()
    words = [server.url, *(str(word) for word in (options.objects, options.writes, options.seconds))]
    subprocess.run([sys.executable, __file__, "--write", *words], check=True)
    settle(server)
    found["writes"] = written(server) - options.writes * options.seconds
    running.stdin.close()
    found.update(json.loads(running.stdout.readline()))
    latencies = sorted(found.pop("latencies"))
    found["latencies"] = len(latencies)
    found["p50"], found["p99"] = (latencies[int(len(latencies) * part)] for part in (0.5, 0.99))
    return found


def settle(server: Any) -> None:
    """Wait until the server is asked nothing any more."""
    before = -1
    while before != (before := len(server.requests)):
        time.sleep(QUIET_SECONDS)


def written(server: Any) -> int:
    """Return how many writes the server has seen."""
    return sum(request.method != "GET" for request in server.requests)


FIGURES = (  # what, in the table's head, and by which factor it is shown
    ("start", "start s", 1),
    ("start_cpu", "CPU s", 1),
    ("p50", "p50 ms", 1),
    ("p99", "p99 ms", 1),
    ("load", "CPU %", 100),
    ("memory", "MB", 1),
)


def report(results: dict[str, list[dict[str, float]]], objects: int) -> None:
    """Print the medians, and the ratios to the first program."""
    medians = {
        program: {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}
        for program, runs in results.items()
    }
    own = next(iter(medians.values()))
    head = "".join(f"{label:>10}" for _, label, _ in FIGURES)
    print(f"\n{'program':<22}{'reconciles/s':>14}{head}{'own writes':>18}   start, p50: ratios to the first")
    for program, median in medians.items():
        line = "".join(f"{median[figure] * factor:>10.2f}" for figure, _, factor in FIGURES)
        ratios = ", ".join(f"{median[figure] / own[figure]:.1f}x" for figure in ("start", "p50"))
        writes = f"{median['start_writes']:,.0f} + {median['writes']:,.0f}"
        print(f"{program:<22}{objects / median['start']:>14,.0f}{line}{writes:>18}   {ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=5_000)
    parser.add_argument("--writes", type=int, default=50, help="a second")
    parser.add_argument("--seconds", type=int, default=20, help="of writing")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help=f"programs, separated by commas, of {', '.join(PROGRAMS)}")
    parser.add_argument("--program", choices=OURS, help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.program:
        OURS[options.program](int(options.words[0]))
    elif options.write:
        url, count, pace, seconds = options.words
        write(url, int(count), float(pace), float(seconds))
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Run all programs in turns, and report."""
    programs = options.only.split(",") if options.only else list(PROGRAMS)
    if not PEERS.exists():
        programs = [program for program in programs if program in OURS]
        print("there is no .venv-peers (make peers): kopf is left out")
    print(f"load average at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
    results: dict[str, list[dict[str, float]]] = {program: [] for program in programs}
    for _ in range(options.rounds):
        for program, runs in results.items():
            runs.append(measured(program, options))
            print(program, {name: round(figure, 3) for name, figure in runs[-1].items()}, flush=True)
    print(f"load average at the end: {os.getloadavg()[0]:.1f}")
    report(results, options.objects)


if __name__ == "__main__":
    main()
