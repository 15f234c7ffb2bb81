"""Record what the built-in kinds of a real API server are like, as data for the in-memory one.

    python scripts/record_kinds.py            # starts a control plane, writes kinds/v<major>.<minor>.json

Discovery tells names, verbs and subresources. The rest is tried: which fields can be selected by, what a created
object looks like, and what its deletion answers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from minimal_objects import FIELDS, MINIMAL

from kubeinformer.testing import ControlPlane
from kubeinformer.testing.plain_client import PlainClient

FOLDER = Path(__file__).parents[1] / "src" / "kubeinformer" / "testing" / "api_server" / "kinds"
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_ANY_NAME = "Any:Name"


def record(client: PlainClient) -> dict[str, Any]:
    """Return everything there is to know, resource by resource in the server's order."""
    resources = []
    for root in ("/api", "/apis"):
        for group in client.call("GET", root, accept=_AGGREGATED)["items"]:
            name = group["metadata"].get("name", "")
            for version in group["versions"]:
                resources += [
                    _entry(client, name, version["version"], resource) for resource in version["resources"]
                ]
    return {"version": client.call("GET", "/version")["gitVersion"], "resources": resources}


def _entry(client: PlainClient, group: str, version: str, found: dict[str, Any]) -> dict[str, Any]:
    entry = {
        "group": group,
        "version": version,
        "name": found["resource"],
        "kind": found["responseKind"]["kind"],
        "singular": found["singularResource"],
        "namespaced": found["scope"] == "Namespaced",
        "verbs": found["verbs"],
        "short": found.get("shortNames", []),
        "categories": found.get("categories", []),
        "subresources": [_subresource(group, version, part) for part in found.get("subresources", ())],
    }
    prefix = f"/apis/{group}/{version}" if group else f"/api/{version}"
    place = "/namespaces/default" if entry["namespaced"] else ""
    entry |= _Trial(client, f"{prefix}{place}/{entry['name']}", entry).facts()
    return {name: value for name, value in entry.items() if value not in ("", [], None, False)}


def _subresource(group: str, version: str, part: dict[str, Any]) -> dict[str, Any]:
    kind = part.get("responseKind") or {}
    own = kind.get("group", ""), kind.get("version", "")
    other = {} if own in {("", ""), (group, version)} else {"group": own[0], "version": own[1]}
    return {"name": part["subresource"], "kind": kind.get("kind", ""), **other, "verbs": part["verbs"]}


class _Trial:
    """Finds out how one resource behaves."""

    def __init__(self, client: PlainClient, path: str, entry: dict[str, Any]) -> None:
        self._client, self._path, self._entry = client, path, entry
        self._qualified = f"{entry['name']}.{entry['group']}" if entry["group"] else entry["name"]

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        if "list" in self._entry["verbs"]:
            facts["fields"] = [field for field in FIELDS if self._selects_by(field)]
        if self._entry["verbs"] == ["create"]:
            facts["answered_only"] = True
        elif "create" in self._entry["verbs"]:
            facts |= self._written()
        return facts

    def _selects_by(self, field: str) -> bool:
        status, _ = self._client.request("GET", f"{self._path}?limit=1&fieldSelector={field}%3Dx")
        return status == 200

    def _body(self, name: str) -> dict[str, Any]:
        group, version = self._entry["group"], self._entry["version"]
        given = MINIMAL.get(self._qualified, {})
        return {
            "kind": self._entry["kind"],
            "apiVersion": f"{group}/{version}" if group else version,
            **given,
            "metadata": {"name": name, **given.get("metadata", {})},
        }

    def _written(self) -> dict[str, Any]:
        body = self._body("a")
        status, created = self._client.request("POST", self._path, body)
        if status >= 300:
            return {"untried": f"{status} {created['message'][:120]}"}
        name = created.get("metadata", {}).get("name", "")
        facts = {
            "generation": "generation" in created["metadata"],
            "initial_status": _without_moments(created.get("status")),
            "has_spec": "spec" in created,
            "creates_on_update": self._creates_on_update(),
            "keeps_status": self._keeps_status(),
            "needs_version": self._needs_version(created),
            "any_name": self._takes_any_name(),
            "returns_deleted": self._client.request("DELETE", f"{self._path}/{name}?gracePeriodSeconds=0")[1][
                "kind"
            ]
            != "Status",
        }
        self._client.request("PATCH", f"{self._path}/{name}", {"metadata": {"finalizers": None}})
        return facts

    def _needs_version(self, created: dict[str, Any]) -> bool:
        metadata = {name: value for name, value in created["metadata"].items() if name != "resourceVersion"}
        document = {**created, "metadata": metadata}
        return self._client.request("PUT", f"{self._path}/{metadata['name']}", document)[0] >= 400

    def _creates_on_update(self) -> bool:
        """Return whether an update of an object that is not there makes it."""
        name = MINIMAL.get(self._qualified, {}).get("metadata", {}).get("name", "unmade")
        path = f"{self._path}/{name}?dryRun=All"
        return name == "unmade" and self._client.request("PUT", path, self._body(name))[0] == 201

    def _keeps_status(self) -> bool:
        """Return whether a created object keeps the status that it is given."""
        if all(part["name"] != "status" for part in self._entry["subresources"]):
            return False
        body = self._body("kept")
        if MINIMAL.get(self._qualified, {}).get("metadata"):
            return False
        _, created = self._client.request("POST", self._path, {**body, "status": {"phase": "Tried"}})
        self._client.request("DELETE", f"{self._path}/kept?gracePeriodSeconds=0")
        return bool(created.get("status", {}) == {"phase": "Tried"})

    def _takes_any_name(self) -> bool:
        status, _ = self._client.request("POST", f"{self._path}?dryRun=All", self._body(_ANY_NAME))
        return status == 201


def _without_moments(status: dict[str, Any] | None) -> dict[str, Any] | None:
    if status is None:
        return None
    return {name: value for name, value in status.items() if not name.endswith("Time")}


def main() -> None:
    """Record from a control plane of its own."""
    with ControlPlane() as control_plane:
        client = PlainClient(
            control_plane.url, ca_file=Path(control_plane.ca_file), token=control_plane.admin_token
        )
        recorded = record(client)
    lines = ",\n".join(json.dumps(entry) for entry in recorded["resources"])
    minor = ".".join(recorded["version"].split(".")[:2])
    text = f'{{"version": "{recorded["version"]}", "resources": [\n{lines}\n]}}\n'
    (FOLDER / f"{minor}.json").write_text(text)
    untried = {entry["name"]: entry["untried"] for entry in recorded["resources"] if "untried" in entry}
    print(f"{len(recorded['resources'])} resources of {recorded['version']}; not tried: {untried}")


if __name__ == "__main__":
    main()
