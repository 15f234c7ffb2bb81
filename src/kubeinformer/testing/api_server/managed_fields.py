"""Who owns which fields of an object: `metadata.managedFields`, kept as kube-apiserver keeps it (KEP-555)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from kubeinformer.testing.api_server.field_sets import FieldSet, Path, fields_of, from_fields_v1, to_fields_v1
from kubeinformer.testing.api_server.object_documents import Document

APPLY, UPDATE = "Apply", "Update"
BEFORE_FIRST_APPLY = "before-first-apply"


class Manager(NamedTuple):
    """Who writes, by which operation, through which version and subresource."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Ownership:
    """The fields that one manager owns, and when it last wrote; "" where it never changed the object."""

    fields: FieldSet = frozenset()
    time: str = ""

    def without(self, lost: Iterable[Path]) -> Ownership:
        """Return what is left when fields are lost."""
        return Ownership(self.fields.difference(lost), self.time)


class Change(NamedTuple):
    """What a write does to the fields of an object."""

    written: FieldSet
    removed: FieldSet


def change_between(before: Document, after: Document, *, typed: bool) -> Change:
    """Return which fields are new or different, and which are gone."""
    old, new = fields_of(before, typed=typed), fields_of(after, typed=typed)
    written = frozenset(path for path, value in new.items() if path not in old or old[path] != value)
    return Change(written, frozenset(old.keys() - new.keys()))


def read_managers(document: Document) -> dict[Manager, Ownership]:
    """Return the managers of an object; entries that make no sense are dropped, as the real server does."""
    found: dict[Manager, Ownership] = {}
    for entry in document["metadata"].get("managedFields") or ():
        if isinstance(entry, dict) and isinstance(entry.get("fieldsV1"), dict) and entry.get("operation"):
            manager = Manager(
                entry.get("manager", ""),
                entry["operation"],
                entry.get("apiVersion", ""),
                entry.get("subresource", ""),
            )
            found[manager] = Ownership(from_fields_v1(entry["fieldsV1"]), entry.get("time", ""))
    return found


def write_managers(managers: Mapping[Manager, Ownership]) -> list[Document]:
    """Return `managedFields`: applied ones first, then by time, then by name."""
    ordered = sorted(managers.items(), key=lambda entry: (entry[0].operation, entry[1].time, entry[0]))
    return [_entry(manager, ownership) for manager, ownership in ordered if ownership.fields]


def _entry(manager: Manager, ownership: Ownership) -> Document:
    entry = {"manager": manager.name, "operation": manager.operation, "apiVersion": manager.api_version}
    entry |= {"time": ownership.time} if ownership.time else {}
    content: Document = {
        **entry,
        "fieldsType": "FieldsV1",
        "fieldsV1": to_fields_v1(ownership.fields),
    }
    return {**content, "subresource": manager.subresource} if manager.subresource else content


def with_update(
    before: Document, after: Document, manager: Manager, *, typed: bool, wall_time: float
) -> list[Document]:
    """Return the `managedFields` of an object after somebody has created or changed it otherwise than by apply.

    Whoever owned a field that changes loses it, and the writer owns it. An object that nobody owns anything of is left
    alone until the first apply.
    """
    base = before if after["metadata"].get("managedFields") in (None, []) else after
    managers = {} if after["metadata"].get("managedFields") == [{}] else read_managers(base)
    if not managers and "uid" in before["metadata"]:
        return []
    change = change_between(before, after, typed=typed)
    taken = change.written | change.removed
    changed = {
        owner: ownership.without(change.removed if owner == manager else taken)
        for owner, ownership in managers.items()
    }
    if change.written:
        known = changed.get(manager, Ownership())
        changed[manager] = Ownership(known.fields | change.written, timestamp(wall_time))
    return write_managers(changed)


def managers_before_apply(
    document: Document, api_version: str, *, typed: bool, wall_time: float
) -> dict[Manager, Ownership]:
    """Return the managers of an object; what nobody owned before the first apply has an owner of that name."""
    managers = read_managers(document)
    if managers or "uid" not in document["metadata"]:
        return managers
    everything = change_between({"metadata": {}}, document, typed=typed).written
    if not everything:
        return {}
    return {Manager(BEFORE_FIRST_APPLY, UPDATE, api_version): Ownership(everything, timestamp(wall_time))}


def timestamp(wall_time: float) -> str:
    """Return a moment as it stands in metadata."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall_time))


def owned_by_others(managers: Mapping[Manager, Ownership], manager: Manager) -> set[Path]:
    """Return the fields that anybody else owns."""
    owned: set[Path] = set()
    for owner, ownership in managers.items():
        if owner != manager:
            owned |= ownership.fields
    return owned


def any_below(paths: Iterable[Path], above: Path) -> bool:
    """Return whether one of the paths is `above`, or leads through it."""
    return any(path[: len(above)] == above for path in paths)
