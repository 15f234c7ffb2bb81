"""Host names to addresses, on a thread that nothing ever waits for.

The event loop's own `getaddrinfo` runs in its executor, and an executor is joined when the loop or the process
ends: a name server that does not answer would hold up `stop`.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from contextlib import suppress
from functools import partial
from typing import Any

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]


async def look_up(host: str, port: int, family: int = socket.AF_UNSPEC) -> list[AddressInfo]:
    """Return what `socket.getaddrinfo` knows of a host. Cancelling returns at once and leaves the thread behind.

    Raises:
        OSError: The name is not known, no name server answers, or there is no thread to ask one.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[AddressInfo]] = loop.create_future()
    work = partial(_look_up, host, port, family, loop, found)
    try:
        threading.Thread(target=work, name=f"kubeinformer resolve {host}", daemon=True).start()
    except RuntimeError as error:  # the machine has no thread to give, or the interpreter ends
        raise OSError(errno.EAGAIN, str(error)) from error
    return await found


def _look_up(
    host: str,
    port: int,
    family: int,
    loop: asyncio.AbstractEventLoop,
    found: asyncio.Future[list[AddressInfo]],
) -> None:
    error: OSError | None = None
    infos: list[AddressInfo] = []
    try:
        infos = list(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM))
    except OSError as failure:
        error = failure
    except UnicodeError:  # no host name at all, such as a label of more than 63 characters
        error = socket.gaierror(socket.EAI_NONAME, "not a host name")
    with suppress(RuntimeError):  # the loop ended meanwhile
        loop.call_soon_threadsafe(_deliver, found, infos, error)


def _deliver(
    found: asyncio.Future[list[AddressInfo]], infos: list[AddressInfo], error: OSError | None
) -> None:
    if found.done():
        return
    if error is not None:
        found.set_exception(error)
    else:
        found.set_result(infos)
