"""What an informer does, step by step: on an API server inside this process or, read-only, on a cluster of yours.

python examples/demo.py [--kubeconfig FILE] [--context NAME]
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from kubeinformer import (
    CacheSyncTimeout,
    Client,
    Config,
    ConfigurationError,
    Informer,
    KubernetesObject,
    SharedInformerFactory,
    load_config,
)
from kubeinformer.testing import APIServer

READS = 1000
CONSUMERS = 3
NODES = ("control-plane-0", "worker-0", "worker-1", "worker-2")


class Consumer:
    """Prints what it is told, and can be waited for."""

    def __init__(self, name: str = "", *, quiet: bool = False) -> None:
        self._name = f"{name}: " if name else ""
        self._quiet = quiet
        self._told = threading.Condition()
        self.count = 0

    def added(self, node: KubernetesObject, initial: bool) -> None:
        self._say(f"add a node: {node.name}{'   (it was there already)' if initial else ''}")

    def changed(self, old: KubernetesObject, new: KubernetesObject) -> None:
        gained = {key: value for key, value in new.labels.items() if old.labels.get(key) != value}
        what = f"labels {gained}" if gained else f"resourceVersion {new.resource_version}"
        self._say(f"update a node: {new.name}   ({what})")

    def deleted(self, node: KubernetesObject) -> None:
        self._say(f"delete a node: {node.name}")

    def wait_for(self, count: int) -> None:
        with self._told:
            if not self._told.wait_for(lambda: self.count >= count, 30):
                raise SystemExit(f"only {self.count} of {count} calls came in 30 s")

    def _say(self, text: str) -> None:
        if not self._quiet:
            print(f"      {self._name}{text}", flush=True)
        with self._told:
            self.count += 1
            self._told.notify_all()


def step(title: str, explanation: str) -> None:
    print(f"\n== {title}\n   {explanation}", flush=True)


def show(text: str) -> None:
    print(f"      {text}", flush=True)


def find(options: Namespace) -> Config:
    step(
        "kubeconfig", "A flag, else $KUBECONFIG, else the home directory, else the pod's own service account."
    )
    show(f"--kubeconfig {options.kubeconfig}" if options.kubeconfig else "(no flag)")
    step("config", "Where the API server is and who we are. No request is sent for it.")
    config = load_config(options.kubeconfig, options.context)
    show(repr(config))
    return config


@contextmanager
def running(config: Config) -> Iterator[tuple[SharedInformerFactory, Informer]]:
    step("client and factory", "One connection, and one cache for each resource, with a resync period of 0.")
    with SharedInformerFactory(config, resync_period=0) as factory:
        step("informer", "factory.informer('nodes'): the shared cache of the nodes. Nothing is sent yet.")
        nodes = factory.informer("nodes")
        step("start, wait for sync", "One list, then one watch that stays open.")
        factory.start()
        factory.wait_for_cache_sync(30)
        show(f"synced: {len(nodes.lister)} nodes at resourceVersion {nodes.resource_version}")
        yield factory, nodes


def listen(nodes: Informer) -> Consumer:
    step("handler", "It comes late, so it is first told of what is there, then of every change.")
    consumer = Consumer()
    nodes.add_event_handler(consumer.added, consumer.changed, consumer.deleted)
    consumer.wait_for(len(nodes.lister))
    step("lister", "Reads come from memory: no request leaves the process.")
    show("nodes: " + ", ".join(sorted(node.name for node in nodes.lister.list())))
    return consumer


def read(nodes: Informer) -> float:
    began = time.perf_counter()
    for number in range(READS):
        nodes.lister.list(label_selector=f"pool notin (pool-{number})")
    return time.perf_counter() - began


def on_a_cluster(options: Namespace) -> None:
    with running(find(options)) as (factory, nodes):
        listen(nodes)
        step(
            "changes",
            "For ten seconds we print what changes. We only read: nothing is written to your cluster.",
        )
        time.sleep(10)
        step("cost", "What the API server was asked for, whoever reads and however often.")
        seconds = read(nodes)
        status = factory.status["nodes"]
        show(f"{READS:,} reads took {seconds:.2f} s here, and no request")
        show(f"lists: {status.lists}, watches: {status.watches}")


def on_the_embedded_server(server: APIServer, options: Namespace) -> None:
    for name in NODES:
        server.create("nodes", {"metadata": {"name": name, "labels": {"pool": "default"}}})
    options.kubeconfig = server.kubeconfig
    with running(find(options)) as (_, nodes):
        consumer = listen(nodes)
        step("changes", "Somebody adds a node, labels one, and removes one.")
        server.create("nodes", {"metadata": {"name": "worker-3"}})
        server.patch("nodes", "worker-1", {"metadata": {"labels": {"pool": "gpu"}}})
        server.delete("nodes", "worker-0")
        consumer.wait_for(len(NODES) + 3)
        show(
            "with pool=gpu, from memory: "
            + ", ".join(n.name for n in nodes.lister.list(label_selector="pool=gpu"))
        )
        step("cut", "The connection breaks, and a node comes meanwhile: the watch resumes, without a list.")
        with server.refuse_connections():
            server.create("nodes", {"metadata": {"name": "worker-4"}})
        consumer.wait_for(len(NODES) + 4)
        step("sharing", f"Two more consumers join, and {READS:,} reads are made.")
        others = [Consumer(quiet=True) for _ in range(CONSUMERS - 1)]
        for other in others:
            nodes.add_event_handler(other.added, other.changed, other.deleted)
        for other in others:
            other.wait_for(len(nodes.lister))
        show(f"{READS:,} reads took {read(nodes):.2f} s")
    compare(server)


def compare(server: APIServer) -> None:
    step("cost", "The server's own request log: discovery, one list, the watch, and what the cut cost.")
    shared = server.requests.counts()
    print_log(shared)
    total = len(server.requests)
    step(
        "without an informer",
        f"The same {READS:,} reads and {CONSUMERS} consumers as plain requests, also measured.",
    )
    server.requests.clear()
    with Client(server.config) as client:
        for _ in range(CONSUMERS):  # a consumer that polls needs at least a list to begin with
            client.list("nodes")
        for number in range(READS):
            client.list("nodes", label_selector=f"pool notin (pool-{number})")
    print_log(server.requests.counts())
    show(
        f"{total} requests with the informer, {len(server.requests):,} without, and those see no change at all"
    )


def print_log(counts: dict[tuple[str, str], int]) -> None:
    for (verb, resource), count in sorted(counts.items()):
        show(f"{count:>6,}  {verb or 'other'} {resource}".rstrip())


def main() -> int:
    parser = ArgumentParser(description="What an informer does, step by step.")
    parser.add_argument("--kubeconfig", help="run on a cluster: the kubeconfig file")
    parser.add_argument("--context", help="run on a cluster: the context of the kubeconfig")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="      [%(name)s] %(message)s")
    try:
        if options.kubeconfig or options.context:
            on_a_cluster(options)
        else:
            print("On an API server inside this process; on a cluster of yours: make demo CONTEXT=name")
            with APIServer() as server:
                on_the_embedded_server(server, options)
    except (ConfigurationError, CacheSyncTimeout) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print("\nDone.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
