"""Server-side apply (KEP-555): merge what a manager wants, take away what it wants no longer, and see who is in the way."""

from __future__ import annotations

from typing import Any

from kubeinformer.testing.api_server.field_sets import FieldSet, Inner, Path, fields_of, leads_to, shown
from kubeinformer.testing.api_server.list_keys import SETS, key_of, keys_of
from kubeinformer.testing.api_server.managed_fields import (
    UPDATE,
    Manager,
    Ownership,
    any_below,
    change_between,
    managers_before_apply,
    owned_by_others,
    timestamp,
    write_managers,
)
from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.refusals import Cause, apply_conflict
from kubeinformer.testing.api_server.served_resources import ServedResource


def applied(
    served: ServedResource,
    current: Document,
    wanted: Document,
    manager: Manager,
    *,
    force: bool,
    wall_time: float,
) -> Document:
    """Return the object after a manager has applied a configuration, with its `managedFields`.

    Args:
        served: The resource.
        current: The object; without fields where there is none yet.
        wanted: The configuration.
        manager: Who applies it.
        force: Whether fields are taken from others who own them with another value.
        wall_time: Seconds since 1970.

    Raises:
        Refusal: Somebody else owns a field, and it is not forced (409).
    """
    managers = managers_before_apply(
        current, served.resource.api_version, typed=served.typed, wall_time=wall_time
    )
    wants = frozenset(
        path
        for path, value in fields_of(wanted, typed=served.typed).items()
        if value is not Inner.MAP or not (served.typed or path[0] == "f:metadata")
    )
    wanted_before = managers[manager].fields if manager in managers else frozenset()
    merged = _merge(current, wanted, typed=served.typed)
    others = owned_by_others(managers, manager)
    for path in sorted(wanted_before - wants, key=len, reverse=True):
        if not any_below(others, path) and not any_below(wants, path):
            merged = _remove(merged, path)
    change = change_between(current, merged, typed=served.typed)
    conflicts = _conflicts(managers, manager, change.written)
    if conflicts and not force:
        raise apply_conflict([_cause(path, owner) for path, owner in conflicts])
    lost = {path for path, _ in conflicts} | change.removed
    changed = {owner: ownership.without(lost) for owner, ownership in managers.items()}
    wrote = change.written or change.removed
    before = managers.get(manager, Ownership())
    changed[manager] = Ownership(wants, timestamp(wall_time) if wrote else before.time)
    metadata = {**merged["metadata"], "managedFields": write_managers(changed)}
    return {**merged, "metadata": metadata}


def _conflicts(
    managers: dict[Manager, Ownership], manager: Manager, written: FieldSet
) -> list[tuple[Path, Manager]]:
    return [
        (path, owner)
        for owner, ownership in sorted(managers.items())
        if owner != manager
        for path in sorted(ownership.fields & written)
    ]


def _cause(path: Path, owner: Manager) -> Cause:
    """Name the owner as the real server does."""
    part = f' with subresource "{owner.subresource}"' if owner.subresource else ""
    using = f" using {owner.api_version}" if owner.operation == UPDATE else ""
    return Cause("FieldManagerConflict", f'conflict with "{owner.name}"{part}{using}', shown(path))


def _merge(current: Any, wanted: Any, *, typed: bool, field: str = "") -> Any:
    """Return `current` with everything in `wanted`: maps field by field, some lists item by item."""
    if isinstance(wanted, dict) and isinstance(current, dict):
        merged = dict(current)
        for name, value in wanted.items():
            merged[name] = _merge(current.get(name), value, typed=typed, field=name)
        return merged
    if isinstance(wanted, list) and isinstance(current, list):
        return _merge_lists(field, current, wanted, typed=typed)
    return wanted


def _merge_lists(field: str, current: list[Any], wanted: list[Any], *, typed: bool) -> list[Any]:
    if field in SETS:
        return [*current, *(entry for entry in wanted if entry not in current)]
    names = keys_of(field, [*current, *wanted]) if typed or field == "ownerReferences" else ()
    if not names:
        return wanted
    merged = {key_of(item, names): item for item in current}
    for item in wanted:
        key = key_of(item, names)
        merged[key] = _merge(merged.get(key, {}), item, typed=typed)
    return list(merged.values())


def _remove(value: Any, path: Path) -> Any:
    """Return a value without the field at a path, if it is there."""
    step, below = path[0], path[1:]
    kind, _, content = step.partition(":")
    if kind == "f" and isinstance(value, dict):
        if content not in value:
            return value
        if not below:
            return {name: entry for name, entry in value.items() if name != content}
        return {**value, content: _remove(value[content], below)}
    if isinstance(value, list):
        return _remove_item(value, step, below)
    return value


def _remove_item(items: list[Any], step: str, below: Path) -> list[Any]:
    left = []
    for item in items:
        if not leads_to(step, item):
            left.append(item)
        elif below:
            left.append(_remove(item, below))
    return left
