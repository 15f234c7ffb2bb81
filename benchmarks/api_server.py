"""How fast the in-memory API server is: start, writes, lists, and the events of a watch.

    python benchmarks/api_server.py [--objects 100000] [--events 200000]

The client is a process of its own that only reads bytes from a socket, so what is measured is the server. Goals: started in
under 50 ms, 50,000 watch events a second to one client, 100,000 objects held, a list of 20,000 in under a second.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from urllib.parse import urlsplit

from pods import namespaces, pod

from kubeinformer.testing import APIServer

READER = """
import socket, sys, time
host, port, path, wanted = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
connection = socket.create_connection((host, port))
connection.sendall(f"GET {path} HTTP/1.1\\r\\nHost: bench\\r\\nConnection: close\\r\\n\\r\\n".encode())
print("ready", flush=True)
lines = size = 0
began = None
while chunk := connection.recv(1 << 20):
    began = began or time.perf_counter()
    lines += chunk.count(b'"type":"')
    size += len(chunk)
    if wanted and lines >= wanted:
        break
print(lines, size, time.perf_counter() - began)
"""


def read(server: APIServer, path: str, wanted: int = 0) -> subprocess.Popen[str]:
    """Start a reader, which is connected on return."""
    address = urlsplit(server.url)
    command = [sys.executable, "-c", READER, str(address.hostname), str(address.port), path, str(wanted)]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    reader.stdout.readline()
    return reader


def result(reader: subprocess.Popen[str]) -> tuple[int, int, float]:
    """Return the lines, the bytes and the seconds that a reader counted."""
    out, _ = reader.communicate()
    lines, size, seconds = out.split()
    return int(lines), int(size), float(seconds)


def started() -> float:
    """Return the seconds that a start takes, after the first."""
    APIServer().__enter__().stop()
    began = time.perf_counter()
    with APIServer():
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=200_000)
    options = parser.parse_args()
    print(f"start: {started() * 1000:.1f} ms")
    with APIServer(history_limit=options.events + 10) as server:
        began = time.perf_counter()
        for number in range(options.objects):
            server.create("configmaps", {"metadata": {"name": f"map-{number:06}"}, "data": {"k": "v"}})
        seconds = time.perf_counter() - began
        print(f"hold {options.objects:,} objects: {options.objects / seconds:,.0f} creations a second")
        for name in namespaces():
            server.create("namespaces", {"metadata": {"name": name}})
        for number in range(20_000):
            server.create("pods", pod(number))
        _, size, seconds = result(read(server, "/api/v1/pods"))
        print(f"list of 20,000 pods ({size / 1e6:.0f} MB): {seconds:.2f} s from the first byte to the last")
        began = time.perf_counter()
        _, size, _ = result(read(server, "/api/v1/pods"))
        print(
            f"the same, from the request on: {time.perf_counter() - began:.2f} s, with the start of a process"
        )
        for body in ({"data": {"k": str(number)}} for number in range(options.events)):
            server.patch("configmaps", "map-000000", body)
        version = server.resource_version - options.events
        path = f"/api/v1/configmaps?watch=1&resourceVersion={version}"
        lines, size, seconds = result(read(server, path, options.events))
        print(f"replayed to a watch: {lines / seconds:,.0f} events a second ({size / lines:.0f} bytes each)")
        reader = read(server, f"/api/v1/configmaps?watch=1&resourceVersion={server.resource_version}", 50_000)
        for number in range(50_000):
            server.patch("configmaps", "map-000000", {"data": {"k": f"live {number}"}})
        lines, _, seconds = result(reader)
        print(f"live, while the test writes them: {lines / seconds:,.0f} events a second")


if __name__ == "__main__":
    main()
