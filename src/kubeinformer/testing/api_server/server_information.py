"""What a server answers about itself: health, version, and the resources it has, in both forms of discovery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kubeinformer.testing.api_server import discovery_documents as discovery
from kubeinformer.testing.api_server.object_documents import Document, encode
from kubeinformer.testing.api_server.refusals import no_such_path
from kubeinformer.testing.api_server.resource_table import ResourceTable

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
_HEALTH_PATHS = ("/readyz", "/livez", "/healthz")


class Page(NamedTuple):
    """An answer: its body and the type of it."""

    body: bytes
    content_type: str


class ServerInformation:
    """Answers what is not about a resource.

    Attributes:
        version: What /version says.
    """

    def __init__(self, table: ResourceTable, version: str) -> None:
        self._table = table
        self.version = version

    def covers(self, path: str) -> bool:
        """Return whether a path is about the server itself."""
        parts = path.strip("/").split("/")
        if parts[0] == "api":
            return len(parts) <= 2
        if parts[0] == "apis":
            return len(parts) <= 3
        return path.rstrip("/") == "/version" or path.startswith(_HEALTH_PATHS)

    def has_root_of(self, path: str) -> bool:
        """Return whether anything is served below the path's root; if not, the answer is not even a Status."""
        parts = path.strip("/").split("/")
        if parts[0] == "apis" and len(parts) > 1:
            return parts[1] in self._table.versions()
        return parts[0] in {"api", "apis"} or self.covers(path)

    def page(self, path: str, headers: Mapping[str, str], host: str) -> Page:
        """Return the answer at a path that is covered.

        Raises:
            Refusal: There is nothing there (404).
        """
        if path.startswith(_HEALTH_PATHS):
            return Page(b"ok", _TEXT)
        if path.rstrip("/") == "/version":
            return Page(encode(discovery.version_document(self.version)) + b"\n", _JSON)
        parts = path.strip("/").split("/")
        if len(parts) == 1 and _takes_aggregated(headers.get("Accept", "")):
            document = discovery.aggregated(self._table, core=parts[0] == "api")
            return Page(encode(document) + b"\n", discovery.AGGREGATED_TYPE)
        found = self._older_form(parts, host)
        if found is None:
            raise no_such_path()
        return Page(encode(found) + b"\n", _JSON)

    def _older_form(self, parts: list[str], host: str) -> Document | None:
        match parts:
            case ["api"]:
                return discovery.api_versions(host)
            case ["api", version]:
                return discovery.api_resource_list(self._table, "", version)
            case ["apis"]:
                return discovery.api_group_list(self._table)
            case ["apis", group]:
                return discovery.api_group(self._table, group)
            case ["apis", group, version]:
                return discovery.api_resource_list(self._table, group, version)
        return None


def _takes_aggregated(accept: str) -> bool:
    wanted = set(discovery.AGGREGATED_TYPE.split(";"))
    return any(wanted <= {part.strip() for part in entry.split(";")} for entry in accept.split(","))
