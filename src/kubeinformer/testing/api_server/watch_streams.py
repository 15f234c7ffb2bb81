"""The running watches: each pulls its lines out of the storage as fast as its client takes them.

A write only rings the bell. No watch has a queue of events, so a slow client costs a place in the history, and the
bytes of an event exist once for all watches.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

from kubeinformer.clock import Clock, Timer
from kubeinformer.testing.api_server.faults import Faults
from kubeinformer.testing.api_server.request_log import RequestRecord
from kubeinformer.testing.api_server.served_resources import ServedResource
from kubeinformer.testing.api_server.watch_cursor import WatchCursor


class RunningWatch:
    """One watch. It belongs to the server's loop."""

    def __init__(
        self, record: RequestRecord, served: ServedResource, cursor: WatchCursor, lock: threading.RLock
    ) -> None:
        self.record = record
        self.served = served
        self._cursor = cursor
        self._lock = lock
        self._outbox: list[bytes] = []
        self._bell = asyncio.Event()
        self._ended = False
        self._timers: dict[str, Timer] = {}

    def ring(self) -> None:
        """Wake the watch: there may be something to send."""
        self._bell.set()

    def end(self) -> None:
        """Send what has happened until now, nothing later, and end the body cleanly."""
        self._send_after_the_present(b"")
        self._ended = True

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, after what has happened until now."""
        self._send_after_the_present(data)

    def send_bookmark(self) -> None:
        """Send a bookmark, if this watch asked for them."""
        with self._lock:
            self._send_after_the_present(b"")
            self._outbox.append(self._cursor.bookmark())

    async def run(
        self,
        write: Callable[[bytes], Awaitable[None]],
        faults: Faults,
        *,
        clock: Clock,
        lifetime: float | None,
        bookmarks: float | None,
    ) -> None:
        """Send what there is to send until the watch ends.

        Args:
            write: Sends bytes to the client.
            faults: May hold them up.
            clock: Measures the two times below.
            lifetime: Seconds until the watch ends, None for no limit.
            bookmarks: Seconds between two bookmarks, None for none.
        """
        if bookmarks is not None:
            self._repeat_bookmark(clock, bookmarks)
        if lifetime is not None:
            self._timers["end"] = clock.call_later(lifetime, self.end)
        try:
            await self._send_until_the_end(write, faults)
        finally:
            for timer in self._timers.values():
                timer.cancel()

    async def _send_until_the_end(self, write: Callable[[bytes], Awaitable[None]], faults: Faults) -> None:
        while True:
            self._bell.clear()
            lines = self._next_lines()
            if lines:
                await faults.until_flowing(self.record)
                await write(lines)
            elif self._ended or self._cursor.finished:
                break
            else:
                await self._bell.wait()
        await faults.until_flowing(self.record)

    def _repeat_bookmark(self, clock: Clock, interval: float) -> None:
        def send() -> None:
            self.send_bookmark()
            self._repeat_bookmark(clock, interval)

        self._timers["bookmark"] = clock.call_later(interval, send)

    def _next_lines(self) -> bytes:
        if self._outbox or self._ended:
            lines = b"".join(self._outbox)
            self._outbox.clear()
            return lines
        with self._lock:
            return self._cursor.next_lines()

    def _send_after_the_present(self, data: bytes) -> None:
        if self._ended:
            return
        with self._lock:
            self._outbox.append(self._cursor.all_lines() + data)
        self.ring()


class WatchHub:
    """All running watches.

    `notify` and `wait_for` may be called from any thread, the rest belongs to the server's loop.

    Args:
        lock: The server's lock.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._opened = threading.Condition(lock)
        self._watches: list[RunningWatch] = []
        self._changed: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Ring on this loop from now on; None for no loop."""
        with self._lock:
            self._loop = loop
            self._changed.clear()

    def notify(self, collection: str) -> None:
        """Tell the watches of a collection that something was written. One wake-up a burst, not one a write."""
        with self._lock:
            if self._loop is not None and not self._changed:
                self._loop.call_soon_threadsafe(self._ring_changed)
            self._changed.add(collection)

    def _ring_changed(self) -> None:
        with self._lock:
            changed, self._changed = self._changed, set()
        for watch in self._watches:
            if watch.served.collection in changed:
                watch.ring()

    def add(self, watch: RunningWatch) -> None:
        """Count a watch among the running ones."""
        with self._lock:
            self._watches.append(watch)
            self._opened.notify_all()

    def remove(self, watch: RunningWatch) -> None:
        """Count a watch no longer."""
        with self._lock:
            self._watches.remove(watch)

    def running(self, resource: str | None = None) -> list[RunningWatch]:
        """Return the running watches, of one resource or all."""
        with self._lock:
            return [watch for watch in self._watches if resource in {None, watch.record.resource}]

    def wait_for(self, count: int, resource: str | None, timeout: float) -> None:
        """Wait until `count` watches run; see `APIServer.wait_for_watches`."""
        with self._opened:
            if not self._opened.wait_for(lambda: len(self.running(resource)) >= count, timeout):
                running = [watch.record for watch in self.running()]
                raise TimeoutError(
                    f"no {count} watches of {resource or 'anything'} in {timeout:g} s: {running}"
                )
