"""Record what the built-in kinds of a real API server are like, as data for the in-memory one.

    python scripts/record_kinds.py            # starts a control plane, writes kinds/v<major>.<minor>.json

Discovery tells names, verbs and subresources. The rest is tried: what a created object looks like, what its deletion
answers, and which fields objects can be selected by. A kind without field labels of its own names all it has when it
refuses another one; of the others, every path of the schema is tried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minimal_objects import MINIMAL, NAMES_OF_NO_FIELD

from kubeinformer.testing import ControlPlane
from kubeinformer.testing.plain_client import PlainClient

FOLDER = Path(__file__).parents[1] / "src" / "kubeinformer" / "testing" / "api_server" / "kinds"
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_ANY_NAME = "Any:Name"
_LONGEST_PATH = 3  # names, as in `spec.pool.name`
_KNOWN_FIELDS = re.compile(r"is not a known field selector: only (.*)")


def record(client: PlainClient) -> dict[str, Any]:
    """Return everything there is to know, resource by resource in the server's order."""
    resources = []
    schemas = _Schemas(client.call("GET", "/openapi/v2"))
    for root in ("/api", "/apis"):
        for group in client.call("GET", root, accept=_AGGREGATED)["items"]:
            name = group["metadata"].get("name", "")
            for version in group["versions"]:
                resources += [
                    _entry(client, schemas, name, version["version"], resource)
                    for resource in version["resources"]
                ]
    return {"version": client.call("GET", "/version")["gitVersion"], "resources": resources}


def _entry(
    client: PlainClient, schemas: _Schemas, group: str, version: str, found: dict[str, Any]
) -> dict[str, Any]:
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
    paths = schemas.paths(group, version, entry["kind"])
    entry |= _Trial(client, f"{prefix}{place}/{entry['name']}", entry, paths).facts()
    return {name: value for name, value in entry.items() if value not in ("", [], None, False)}


def _subresource(group: str, version: str, part: dict[str, Any]) -> dict[str, Any]:
    kind = part.get("responseKind") or {}
    own = kind.get("group", ""), kind.get("version", "")
    other = {} if own in {("", ""), (group, version)} else {"group": own[0], "version": own[1]}
    return {"name": part["subresource"], "kind": kind.get("kind", ""), **other, "verbs": part["verbs"]}


class _Schemas:
    """What the objects of each kind are made of, out of an OpenAPI document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._definitions = document["definitions"]
        self._of_kind = {
            (kind["group"], kind["version"], kind["kind"]): definition
            for definition in self._definitions.values()
            for kind in definition.get("x-kubernetes-group-version-kind", ())
        }

    def paths(self, group: str, version: str, kind: str) -> set[str]:
        """Return the paths of everything outside lists, such as `spec.nodeName`."""
        return set(self._paths_in(self._of_kind.get((group, version, kind), {}), _LONGEST_PATH))

    def _paths_in(self, schema: dict[str, Any], length: int) -> Iterator[str]:
        schema = self._definitions.get(schema.get("$ref", "").rpartition("/")[2], schema)
        for name, part in schema.get("properties", {}).items():
            yield name
            if length > 1:
                yield from (f"{name}.{rest}" for rest in self._paths_in(part, length - 1))


class _Trial:
    """Finds out how one resource behaves."""

    def __init__(self, client: PlainClient, path: str, entry: dict[str, Any], paths: set[str]) -> None:
        self._client, self._path, self._entry, self._paths = client, path, entry, paths
        self._qualified = f"{entry['name']}.{entry['group']}" if entry["group"] else entry["name"]

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        if "list" in self._entry["verbs"]:
            facts["fields"] = self._fields()
        if self._entry["verbs"] == ["create"]:
            facts["answered_only"] = True
        elif "create" in self._entry["verbs"]:
            facts |= self._written()
        return facts

    def _fields(self) -> list[str]:
        known = _KNOWN_FIELDS.search(self._refusal("none"))
        if known:
            return re.findall(r'"(.*?)"', known[1])
        return [name for name in sorted({*self._paths, *NAMES_OF_NO_FIELD}) if not self._refusal(name)]

    def _refusal(self, field: str) -> str:
        """Return what the server says to a selector by a field; "" where it takes it."""
        status, answer = self._client.request("GET", f"{self._path}?limit=1&fieldSelector={field}%3Dx")
        return "" if status == 200 else str(answer["message"])

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
