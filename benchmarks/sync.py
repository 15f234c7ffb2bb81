"""What it costs to fill a cache: CPU seconds, wall seconds and memory an object, side by side with a peer.

    python benchmarks/sync.py [--objects 20000] [--rounds 3]

A real kube-apiserver is started and filled with pods; then each program fills its cache from it, in a process of
its own, in turns. What is compared are the ratios of one run: absolute times vary with the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).parent))
from pods import namespaces, pod

WRITERS = 16


def memory() -> int:
    """Return the resident memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def sync_kubeinformer(kubeconfig: str) -> Callable[[], int]:
    """Fill the cache of this package."""
    from kubeinformer import SharedInformerFactory, load_config

    factory = SharedInformerFactory(load_config(kubeconfig))
    informer = factory.informer("pods")

    def run() -> int:
        factory.start()
        factory.wait_for_cache_sync(600)
        return len(informer.lister)

    return run


def sync_kubernetes(kubeconfig: str) -> Callable[[], int]:
    """Fill the cache of the official client's informer."""
    from kubernetes import client, config
    from kubernetes.informer import SharedInformer

    config.load_kube_config(kubeconfig)
    informer = SharedInformer(client.CoreV1Api().list_pod_for_all_namespaces)

    def run() -> int:
        informer.start()
        expected = int(sys.argv[sys.argv.index("--objects") + 1])
        while len(informer.cache.list()) < expected:
            time.sleep(0.05)
        return len(informer.cache.list())

    return run


PEERS: dict[str, Callable[[str], Callable[[], int]]] = {
    "kubeinformer": sync_kubeinformer,
    "kubernetes": sync_kubernetes,
}


def measure(peer: str, kubeconfig: str) -> None:
    """Fill one cache in this process and print what it cost, as JSON."""
    run = PEERS[peer](kubeconfig)
    gc.collect()
    before, cpu, wall = memory(), time.process_time(), time.perf_counter()
    count = run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    gc.collect()
    print(
        json.dumps(
            {"peer": peer, "objects": count, "cpu": cpu, "wall": wall, "bytes": (memory() - before) / count}
        ),
        flush=True,
    )
    import os

    os._exit(0)


async def fill(url: str, token: str, count: int) -> None:
    """Create the pods, and their status."""
    numbers = iter(range(count))
    connector = aiohttp.TCPConnector(ssl=False, limit=WRITERS)
    async with aiohttp.ClientSession(
        connector=connector, headers={"Authorization": f"Bearer {token}"}
    ) as session:

        async def send(method: str, path: str, body: object) -> dict[str, object]:
            async with session.request(method, f"{url}/api/v1/{path}", json=body) as response:
                answer: dict[str, object] = await response.json()
                if response.status >= 300 and response.status != 409:
                    raise SystemExit(f"{method} {path}: {answer.get('message')}")
                return answer

        async def write() -> None:
            for number in numbers:
                body = pod(number)
                path = f"namespaces/{body['metadata']['namespace']}/pods"
                created = await send("POST", path, body)
                await send(
                    "PUT", f"{path}/{body['metadata']['name']}/status", {**created, "status": body["status"]}
                )

        await asyncio.gather(
            *(send("POST", "namespaces", {"metadata": {"name": name}}) for name in namespaces())
        )
        await asyncio.gather(*(write() for _ in range(WRITERS)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", choices=PEERS)
    parser.add_argument("--kubeconfig")
    options = parser.parse_args()
    if options.peer:
        measure(options.peer, options.kubeconfig)
        return
    from kubeinformer.testing import ControlPlane

    with ControlPlane() as control_plane:
        began = time.perf_counter()
        asyncio.run(fill(control_plane.url, control_plane.admin_token, options.objects))
        print(f"{options.objects} pods created in {time.perf_counter() - began:.0f} s", flush=True)
        results: dict[str, list[dict[str, float]]] = {peer: [] for peer in PEERS}
        for _ in range(options.rounds):
            for peer in PEERS:
                command = [sys.executable, __file__, "--peer", peer, "--kubeconfig", control_plane.kubeconfig]
                done = subprocess.run(
                    [*command, "--objects", str(options.objects)], capture_output=True, text=True, check=False
                )
                if done.returncode:
                    raise SystemExit(done.stderr)
                results[peer].append(json.loads(done.stdout))
                print(done.stdout.strip(), flush=True)
    report(results)


def report(results: dict[str, list[dict[str, float]]]) -> None:
    """Print the medians, and the ratios to the first program."""
    figures = ("cpu", "wall", "bytes")
    medians = {
        peer: {figure: statistics.median(run[figure] for run in runs) for figure in figures}
        for peer, runs in results.items()
    }
    own = medians["kubeinformer"]
    print(
        f"\n{'program':<16}{'CPU s':>10}{'wall s':>10}{'kB/object':>12}   ratios to kubeinformer (CPU, wall, memory)"
    )
    for peer, median in medians.items():
        ratios = ", ".join(f"{median[figure] / own[figure]:.1f}x" for figure in figures)
        print(
            f"{peer:<16}{median['cpu']:>10.2f}{median['wall']:>10.2f}{median['bytes'] / 1000:>12.1f}   {ratios}"
        )


if __name__ == "__main__":
    main()
