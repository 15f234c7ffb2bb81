"""What one watch has still to say: a place in the history, and the lines from there on. Pure."""

from __future__ import annotations

from kubeinformer.testing.api_server.list_options import ListOptions
from kubeinformer.testing.api_server.object_documents import encode
from kubeinformer.testing.api_server.object_selection import ObjectSelection
from kubeinformer.testing.api_server.object_storage import Compacted, ObjectStorage
from kubeinformer.testing.api_server.refusals import expired_watch, too_large_resource_version
from kubeinformer.testing.api_server.representations import Representation
from kubeinformer.testing.api_server.served_resources import ServedResource

_BATCH = 256


class WatchCursor:
    """Reads the watch lines of one watch out of the storage. Call with the server's lock held.

    Args:
        storage: Where the changes are.
        served: The resource watched.
        selection: The objects watched.
        form: How they are shown.
        options: What the watch asks for.

    Attributes:
        finished: Whether the watch has ended, with an ERROR event.

    Raises:
        Refusal: The version is no number (500), or initial events are asked for at a future version (504).
    """

    def __init__(
        self,
        storage: ObjectStorage,
        served: ServedResource,
        selection: ObjectSelection,
        form: Representation,
        options: ListOptions,
    ) -> None:
        self._storage = storage
        self._served = served
        self._selection = selection
        self._form = form
        self._bookmarks = options.bookmarks and served.resource.name != "events"
        self._initial: list[bytes] = []
        self._version = options.version or storage.version
        self.finished = False
        if options.send_initial_events and self._version > storage.version:
            raise too_large_resource_version(self._version, storage.version)
        if options.begins_with_all_objects:
            self._take_all(ends_with_bookmark=bool(options.send_initial_events) and self._bookmarks)

    def _take_all(self, *, ends_with_bookmark: bool) -> None:
        self._version = self._storage.version
        page = self._storage.snapshot(self._served).page(self._selection.prefix, selects=self._selection)
        self._initial = [self._form.event("ADDED", stored) for stored in page.items]
        if ends_with_bookmark:
            self._initial.append(self._form.bookmark(self._version, ends_initial_events=True))

    def next_lines(self) -> bytes:
        """Return some more lines; b"" when the watch is up to date or finished."""
        lines: list[bytes] = []
        while not lines and not self.finished:
            if self._initial:
                lines, self._initial = self._initial[:_BATCH], self._initial[_BATCH:]
            elif not self._read_changes(lines):
                break
        return b"".join(lines)

    def all_lines(self) -> bytes:
        """Return all lines up to the present."""
        lines = []
        while more := self.next_lines():
            lines.append(more)
        return b"".join(lines)

    def bookmark(self) -> bytes:
        """Return a bookmark for the present; b"" where this watch gets none. Read all lines first."""
        if not self._bookmarks or self.finished or self._version > self._storage.version:
            return b""
        self._version = self._storage.version
        return self._form.bookmark(self._version)

    def _read_changes(self, lines: list[bytes]) -> bool:
        try:
            changes = self._storage.changes(self._served, self._version, _BATCH)
        except Compacted as error:
            self.finished = True
            status = expired_watch(self._version, error.oldest).document()
            lines.append(b'{"type":"ERROR","object":%b}\n' % encode(status))
            return True
        lines.extend(line for change in changes if (line := change.line(self._selection, self._form)))
        if changes:
            self._version = changes[-1].version
        return bool(changes)
