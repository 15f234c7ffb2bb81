"""What keeps tests apart that share a server: a namespace of their own, and a server that is well again afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from http.client import HTTPException

from kubeinformer.errors import NotFound
from kubeinformer.testing.api_server import APIServer
from kubeinformer.testing.control_plane import ControlPlane
from kubeinformer.testing.control_plane.processes import ControlPlaneError, wait_until

_READY_SECONDS = 10.0


def make_namespace(servers: Iterable[APIServer | ControlPlane]) -> str:
    """Make a namespace under one new name on each server, and return the name.

    The in-memory server's log of requests does not show it.
    """
    name = f"test-{secrets.token_hex(4)}"
    body = {"metadata": {"name": name}}
    for server in servers:
        if isinstance(server, APIServer):
            server.create("namespaces", body)
        else:
            status, answer = server.request("POST", "/api/v1/namespaces", body)
            assert status == 201, answer
    return name


def remove_namespace(servers: Iterable[APIServer | ControlPlane], name: str) -> None:
    """Delete a namespace and all that is in it, where the test has not done so itself.

    Raises:
        ControlPlaneError: The namespace has finalizers of its own on the real server, so it stays.
    """
    for server in servers:
        with suppress(NotFound):
            if isinstance(server, APIServer):
                server.delete("namespaces", name)
            else:
                mend(server)
                server.finalize_namespace(name)


def mend(control_plane: ControlPlane) -> None:
    """Bring back what a test has halted, killed or stopped; about 3 ms where that is nothing.

    Raises:
        ControlPlaneError: It does not start again.
    """
    try:
        control_plane.resume_etcd()
        control_plane.resume_api_server()
    except ControlPlaneError:  # it was stopped as a whole
        control_plane.start()
        return
    for start in (control_plane.start_etcd, control_plane.start_api_server):
        with suppress(ControlPlaneError):  # this one runs
            start()
    if not wait_until(lambda: _reads(control_plane), _READY_SECONDS):
        control_plane.stop()
        control_plane.start()


def last_words(control_plane: ControlPlane) -> str:
    """Return the last lines that both servers wrote; "" where they were stopped, and their files are gone."""
    with suppress(ControlPlaneError):
        return control_plane.logs
    return ""


def _reads(control_plane: ControlPlane) -> bool:
    """Return whether the API server answers out of etcd; without etcd it calls itself ready for a while."""
    try:
        return control_plane.request("GET", "/api/v1/namespaces/default")[0] == 200
    except (OSError, HTTPException):
        return False
