"""Strategic merge patch, the patch of `kubectl` for built-in kinds: lists are merged by key, and directives delete.

The rules are those of "Strategic Merge Patch" in the Kubernetes community's API conventions. Nothing that is given is
changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubeinformer.testing.api_server.list_keys import SETS, Key, key_of, keys_of

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_REMOVE = "$deleteFromPrimitiveList/"


def strategic_merge(target: Any, patch: Any) -> Any:
    """Return `target` with a strategic merge patch applied."""
    if not isinstance(patch, dict):
        return patch
    current = target if isinstance(target, dict) else {}
    if patch.get(_DIRECTIVE) == "replace":
        return _plain({name: value for name, value in patch.items() if name != _DIRECTIVE})
    if patch.get(_DIRECTIVE) == "delete":
        return {}
    merged = dict(current)
    for name, value in patch.items():
        if name.startswith("$"):
            continue
        if value is None or (isinstance(value, dict) and value.get(_DIRECTIVE) == "delete"):
            merged.pop(name, None)
        elif isinstance(value, list):
            merged[name] = _merge_list(name, current.get(name), value)
        else:
            merged[name] = strategic_merge(current.get(name), value)
    return _retained(_directed(merged, patch), patch)


def _directed(merged: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Carry out the directives that stand beside the lists they are about."""
    for name, value in patch.items():
        if name.startswith(_REMOVE):
            field = name.removeprefix(_REMOVE)
            merged[field] = [entry for entry in merged.get(field) or () if entry not in value]
    for name, value in patch.items():
        if name.startswith(_ORDER):
            field = name.removeprefix(_ORDER)
            if isinstance(merged.get(field), list):
                merged[field] = _ordered(field, merged[field], value)
    return merged


def _retained(merged: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    if _RETAIN not in patch:
        return merged
    return {name: value for name, value in merged.items() if name in patch[_RETAIN]}


def _merge_list(field: str, target: Any, patch: list[Any]) -> list[Any]:
    current = target if isinstance(target, list) else []
    if field in SETS:
        return [*current, *(entry for entry in patch if entry not in current)]
    items = [item for item in patch if item != {_DIRECTIVE: "replace"}]
    names = keys_of(field, [*current, *items])
    if not names or len(items) < len(patch):
        return [_plain(item) for item in items]
    return _merge_by_key(names[:1], current, items)


def _merge_by_key(names: tuple[str, ...], current: list[Any], items: list[Any]) -> list[Any]:
    merged: dict[Key, Any] = {key_of(item, names): item for item in current}
    for item in items:
        key = key_of(item, names)
        if item.get(_DIRECTIVE) == "delete":
            merged.pop(key, None)
        else:
            merged[key] = strategic_merge(merged.get(key), item)
    return list(merged.values())


def _ordered(field: str, items: list[Any], order: list[Any]) -> list[Any]:
    """Return the items in the wanted order; one that the order does not name keeps its place among the others."""
    names = keys_of(field, items)[:1]
    identity: Callable[[Any], Any] = (lambda item: key_of(item, names)) if names else (lambda item: item)
    places = {identity(entry): place for place, entry in enumerate(order)}
    last = -1
    ranked = []
    for index, item in enumerate(items):
        last = places.get(identity(item), last)
        ranked.append((last, identity(item) not in places, index, item))
    return [item for *_, item in sorted(ranked, key=lambda entry: entry[:3])]


def _plain(value: Any) -> Any:
    """Return a new value without the directives in it."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items() if not name.startswith("$")}
    return [_plain(entry) for entry in value] if isinstance(value, list) else value
