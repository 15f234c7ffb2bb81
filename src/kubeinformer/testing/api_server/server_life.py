"""What happens to a running server as a whole: restarts, lost history, restored data, cut connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kubeinformer.testing.api_server.bad_lines import BAD_LINES
from kubeinformer.testing.api_server.object_storage import ObjectStorage, SavedState
from kubeinformer.testing.api_server.registry import Registry
from kubeinformer.testing.api_server.server_thread import ServerThread
from kubeinformer.testing.api_server.watch_streams import RunningWatch, WatchHub


class ServerLife:
    """Any thread may call any method.

    Args:
        server: The thread that serves.
        hub: The running watches.
        storage: The objects.
        registry: The rules of writing.
        lock: Held around every use of the two.
    """

    def __init__(
        self,
        server: ServerThread,
        hub: WatchHub,
        storage: ObjectStorage,
        registry: Registry,
        lock: threading.RLock,
    ) -> None:
        self._server = server
        self._hub = hub
        self._storage = storage
        self._registry = registry
        self._lock = lock
        self._saved: SavedState | None = None

    def send_bookmarks(self, resource: str | None = None) -> None:
        """Send a bookmark now to each watch that asked for bookmarks."""
        self._for_watches(resource, RunningWatch.send_bookmark)

    def send_raw_to_watches(self, data: bytes, resource: str | None = None) -> None:
        """Send bytes as they are to each running watch, after everything written so far."""
        self._for_watches(resource, lambda watch: watch.send_raw(data))

    def send_bad_line(self, what: str, resource: str | None = None) -> None:
        """Send a line that no server should send to each running watch: a key of `BAD_LINES`.

        Raises:
            KeyError: There is no such line.
        """
        self.send_raw_to_watches(BAD_LINES[what], resource)

    def close_watches(self, resource: str | None = None) -> None:
        """End the running watches cleanly: they tell what was written so far, and nothing later."""
        self._for_watches(resource, RunningWatch.end)

    def expire_history(self) -> None:
        """Forget everything before the present and end the running watches; older versions get 410 Expired."""
        self._server.call(lambda: self._end_watches_and(self._storage.compact))

    def restart(self, *, forget: bool = False) -> None:
        """Do what a restart of a real server shows: all connections end, and its watch window is gone.

        Objects, versions and pages stay. A watch from before gets 410 Expired if anything was written since.

        Args:
            forget: Come back as another, empty cluster at the same address, whose versions begin anew.
        """
        self._come_back_after(self._registry.begin_anew if forget else self._storage.forget_watch_window)

    def snapshot(self) -> None:
        """Keep a copy of all data, in place of an earlier one."""
        with self._lock:
            self._saved = self._storage.saved()

    def restore(self) -> None:
        """Go back to the snapshot, as after a disaster: connections end, objects and versions are those of then.

        Raises:
            RuntimeError: There is no snapshot.
        """
        saved = self._saved
        if saved is None:
            raise RuntimeError("there is no snapshot to restore")
        self._come_back_after(lambda: self._registry.restore(saved))

    def _come_back_after(self, action: Callable[[], object]) -> None:
        self._server.stop_listening()
        self._server.call(lambda: self._end_watches_and(action))
        self._server.close_connections()
        self._server.listen_again()

    def cut_connections(self, *, reset: bool = True) -> None:
        """Break all TCP connections in mid-body: by RST, or by FIN where `reset` is false."""
        self._server.cut_connections(reset=reset)

    def stop_listening(self) -> None:
        """Refuse new connections; open ones stay open, and the port stays ours."""
        self._server.stop_listening()

    def listen_again(self) -> None:
        """Accept connections again, on the same port."""
        self._server.listen_again()

    @contextmanager
    def refuse_connections(self) -> Iterator[None]:
        """Be down for the length of a block: connections are cut, and new ones refused."""
        self.stop_listening()
        self.cut_connections()
        try:
            yield
        finally:
            self.listen_again()

    def _for_watches(self, resource: str | None, action: Callable[[RunningWatch], object]) -> None:
        def act() -> None:
            for watch in self._hub.running(resource):
                action(watch)

        self._server.call(act)

    def _end_watches_and(self, action: Callable[[], object]) -> None:
        with self._lock:
            for watch in self._hub.running():
                watch.end()
            action()
