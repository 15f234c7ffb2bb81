"""Objects as rows of a table, as `kubectl get` asks for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kubeinformer.testing.api_server.object_documents import encode, encode_event
from kubeinformer.testing.api_server.object_storage import StoredObject
from kubeinformer.testing.api_server.representations import (
    MetadataOnly,
    Representation,
    bookmark_metadata,
    list_metadata,
)
from kubeinformer.testing.api_server.served_resources import PrinterColumn, ServedResource

_AGE = PrinterColumn("Age", "date", ("metadata", "creationTimestamp"))
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


class Tables:
    """A table has the name, the columns that a CRD asks for, and the age.

    The columns that a real server computes for built-in kinds (such as a pod's `Ready`) are not there.

    Args:
        served: The resource.
        rows: The form of the object that goes with each row, None for none.
        wall_time: Returns seconds since 1970, for ages.
    """

    key = ""

    def __init__(
        self, served: ServedResource, rows: Representation | None, wall_time: Callable[[], float]
    ) -> None:
        self._columns = served.columns or (_AGE,)
        self._rows = MetadataOnly() if rows is None else rows
        self._without_objects = rows is None
        self._wall_time = wall_time

    def whole(self, stored: StoredObject) -> bytes:
        """Return the JSON of a table of one row."""
        return self.listed([stored], int(stored.document["metadata"]["resourceVersion"]))

    def listed(
        self, found: list[StoredObject], version: int, continue_token: str = "", remaining: int | None = None
    ) -> bytes:
        """Return the JSON of a table."""
        rows = [self._row(stored) for stored in found]
        return self._table(list_metadata(version, continue_token, remaining), rows)

    def event(self, event_type: str, stored: StoredObject) -> bytes:
        """Return a line of a watch."""
        return encode_event(event_type, self.whole(stored))

    def bookmark(self, version: int, *, ends_initial_events: bool = False) -> bytes:
        """Return a bookmark line."""
        return encode_event("BOOKMARK", self._table(bookmark_metadata(version, ends_initial_events), []))

    def _table(self, metadata: dict[str, Any], rows: list[bytes]) -> bytes:
        head = {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": [_definition("Name", "string", "name")]
            + [_definition(column.name, _shown_type(column), "", column) for column in self._columns],
        }
        return b'%b,"rows":[%b]}' % (encode(head)[:-1], b",".join(rows))

    def _row(self, stored: StoredObject) -> bytes:
        cells = [
            stored.document["metadata"]["name"],
            *(self._cell(stored, column) for column in self._columns),
        ]
        shown = b"null" if self._without_objects else self._rows.whole(stored)
        return b'{"cells":%b,"object":%b}' % (encode(cells), shown)

    def _cell(self, stored: StoredObject, column: PrinterColumn) -> Any:
        value: Any = stored.document
        for name in column.path:
            value = value.get(name) if isinstance(value, dict) else None
        if column.type == "date":
            return _age(value, self._wall_time())
        return value


def _definition(name: str, kind: str, form: str, column: PrinterColumn | None = None) -> dict[str, Any]:
    description = column.description if column else ""
    priority = column.priority if column else 0
    return {"name": name, "type": kind, "format": form, "description": description, "priority": priority}


def _shown_type(column: PrinterColumn) -> str:
    return "string" if column is _AGE else column.type


def _age(timestamp: Any, now: float) -> str:
    """Return the time since a timestamp in its largest unit, such as `5m`."""
    try:
        seconds = int(now - datetime.fromisoformat(str(timestamp)).timestamp())
    except ValueError:
        return "<unknown>"
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return "0s"
