"""Sets of fields of an object, as `metadata.managedFields` writes them (FieldsV1, KEP-555).

A field is a path of steps: `f:name` into a map, `k:{"name":"main"}` to the item of a list, `v:"value"` to the value of
a set.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from kubeinformer.testing.api_server.list_keys import ATOMIC, MAPS, SETS, key_of, keys_of

Path = tuple[str, ...]
FieldSet = frozenset[Path]

_BY_SERVER = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "managedFields",
    }
)


_STRUCTS = frozenset({"spec", "status"})
_ALWAYS_THERE = "containers"  # a field without which there is no object is nobody's


class Inner(Enum):
    """What stands for the value of a field that has fields of its own."""

    MAP = "map"
    ITEM = "item"


def fields_of(document: dict[str, Any], *, typed: bool) -> dict[Path, Any]:
    """Return every field that somebody can own, with its value, or an :class:`Inner` where it has fields of its own.

    Args:
        document: The object.
        typed: Whether the kind is built in, so that some of its lists are merged by key.
    """
    found: dict[Path, Any] = {}
    for name, value in document.items():
        if name == "metadata":
            owned = {key: entry for key, entry in value.items() if key not in _BY_SERVER}
            found.update(_children(owned, ("f:metadata",), typed=typed))
        elif name not in {"kind", "apiVersion"} and not (typed and name in _STRUCTS and not value):
            found.update(_field(name, value, (), typed=typed))
    return found


def _children(value: dict[str, Any], path: Path, *, typed: bool) -> Iterator[tuple[Path, Any]]:
    for name, entry in value.items():
        yield from _field(name, entry, path, typed=typed)


def _field(name: str, value: Any, above: Path, *, typed: bool) -> Iterator[tuple[Path, Any]]:
    path = (*above, f"f:{name}")
    if isinstance(value, dict) and not value and not typed and above[:1] != ("f:metadata",):
        yield path, Inner.MAP
    elif isinstance(value, dict) and value and not (typed and name in ATOMIC and above):
        if not typed or name in MAPS:
            yield path, Inner.MAP
        yield from _children(value, path, typed=typed)
    elif isinstance(value, list) and value and name in SETS and above == ("f:metadata",):
        yield path, Inner.MAP
        yield from (((*path, f"v:{_json(entry)}"), entry) for entry in value)
    elif isinstance(value, list) and value and _is_merged(name, value, above, typed=typed):
        if name != _ALWAYS_THERE:
            yield path, Inner.MAP
        for item in value:
            step = (*path, f"k:{_json(dict(key_of(item, keys_of(name, value))))}")
            yield step, Inner.ITEM
            yield from _children(item, step, typed=typed)
    else:
        yield path, value


def _is_merged(name: str, value: list[Any], above: Path, *, typed: bool) -> bool:
    return (typed or above == ("f:metadata",)) and bool(keys_of(name, value))


def from_fields_v1(tree: dict[str, Any]) -> FieldSet:
    """Return the set that a tree of `fieldsV1` stands for."""
    return frozenset(_paths(tree, ()))


def _paths(tree: dict[str, Any], above: Path) -> Iterator[Path]:
    for step, below in tree.items():
        if step == ".":
            yield above
        elif below:
            yield from _paths(below, (*above, step))
        else:
            yield (*above, step)


def to_fields_v1(fields: Iterable[Path]) -> dict[str, Any]:
    """Return the tree of `fieldsV1` that stands for a set."""
    tree: dict[str, Any] = {}
    members = set(fields)
    for path in sorted(members):
        place = tree
        for index, step in enumerate(path):
            place = place.setdefault(step, {})
            if index + 1 < len(path) and path[: index + 1] in members:
                place.setdefault(".", {})
    return tree


def leads_to(step: str, item: Any) -> bool:
    """Return whether a step into a list leads to this item of it."""
    kind, _, content = step.partition(":")
    wanted = json.loads(content)
    if kind == "v":
        return bool(wanted == item)
    return isinstance(item, dict) and dict(key_of(item, tuple(wanted))) == wanted


def shown(path: Path) -> str:
    """Return a path as conflicts name it, such as `.spec.containers[name="main"].image`."""
    return "".join(_shown_step(step) for step in path)


def _shown_step(step: str) -> str:
    kind, _, content = step.partition(":")
    if kind == "f":
        return f".{content}"
    if kind == "k":
        return "[" + ",".join(f"{name}={_json(value)}" for name, value in json.loads(content).items()) + "]"
    return f"[={content}]"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
