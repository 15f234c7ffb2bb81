"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902). Neither changes what it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any


class PatchError(ValueError):
    """A patch that cannot be applied.

    Attributes:
        malformed: Whether it is no patch at all, rather than one that does not fit the document.
    """

    def __init__(self, message: str, *, malformed: bool = False) -> None:
        super().__init__(message)
        self.malformed = malformed


def merge_patch(target: Any, patch: Any) -> Any:
    """Return `target` with a merge patch applied: null deletes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def json_patch(document: Any, operations: Any) -> Any:
    """Return `document` with the operations applied in order, all or none.

    Beyond the RFC, `replace` of a missing object member adds it: the real server does so too.

    Raises:
        PatchError: It is not a patch, a path leads nowhere, or a test fails.
    """
    if not isinstance(operations, list) or not all(isinstance(entry, dict) for entry in operations):
        raise PatchError("a JSON patch is a list of operations", malformed=True)
    root = {"": deepcopy(document)}
    for operation in operations:
        apply = _OPERATIONS.get(str(operation.get("op")))
        if apply is None:
            raise PatchError(f"not an operation: {operation.get('op')!r}")
        apply(root, operation)
    return root.get("")


def _add(root: Any, operation: Mapping[str, Any]) -> None:
    _insert(root, _pointer(operation, "path"), _value(operation))


def _remove(root: Any, operation: Mapping[str, Any]) -> None:
    _take(root, _pointer(operation, "path"))


def _replace(root: Any, operation: Mapping[str, Any]) -> None:
    *way, last = _pointer(operation, "path")
    parent = _follow(root, way)
    if isinstance(parent, list):
        parent[_index(last, len(parent) - 1)] = _value(operation)
    else:
        _member_holder(parent)[last] = _value(operation)


def _move(root: Any, operation: Mapping[str, Any]) -> None:
    target = _pointer(operation, "path")
    _insert(root, target, _take(root, _pointer(operation, "from")))


def _copy(root: Any, operation: Mapping[str, Any]) -> None:
    _insert(root, _pointer(operation, "path"), deepcopy(_follow(root, _pointer(operation, "from"))))


def _test(root: Any, operation: Mapping[str, Any]) -> None:
    if _follow(root, _pointer(operation, "path")) != _value(operation):
        raise PatchError("a test failed")


_OPERATIONS: Mapping[str, Callable[[Any, Mapping[str, Any]], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _pointer(operation: Mapping[str, Any], member: str) -> list[str]:
    """Return the steps of a JSON pointer (RFC 6901) from the holder of the root."""
    text = operation.get(member)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise PatchError(f"not a JSON pointer: {text!r}")
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")]


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise PatchError("an operation without a value")
    return deepcopy(operation["value"])


def _follow(root: Any, way: list[str]) -> Any:
    place = root
    for step in way:
        if isinstance(place, list):
            place = place[_index(step, len(place) - 1)]
        elif step in _member_holder(place):
            place = place[step]
        else:
            raise PatchError(f"no such member: {step!r}")
    return place


def _insert(root: Any, way: list[str], value: Any) -> None:
    parent, last = _follow(root, way[:-1]), way[-1]
    if isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(last, len(parent)), value)
    else:
        _member_holder(parent)[last] = value


def _take(root: Any, way: list[str]) -> Any:
    parent, last = _follow(root, way[:-1]), way[-1]
    if isinstance(parent, list):
        return parent.pop(_index(last, len(parent) - 1))
    if last not in _member_holder(parent):
        raise PatchError(f"no such member: {last!r}")
    return parent.pop(last)


def _member_holder(place: Any) -> dict[str, Any]:
    if not isinstance(place, dict):
        raise PatchError("a path through something that has no members")
    return place


def _index(step: str, largest: int) -> int:
    if re.fullmatch(r"0|[1-9][0-9]*", step) is None or int(step) > largest:
        raise PatchError(f"no such index: {step!r}")
    return int(step)
