"""The rules for labels, annotations, finalizers and owner references, in the words of the real server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.refusals import Cause, invalid
from kubeinformer.testing.api_server.served_resources import ServedResource

_NAME_PART = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_ANNOTATIONS_LIMIT = 256 * 1024
_STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_NAME_FAULT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_FAULT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_PREFIX_FAULT = (
    "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
    "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def check_metadata(served: ServedResource, document: Document) -> None:
    """Raise a Refusal (422) unless the metadata of an object follows the rules; its name is checked apart."""
    metadata = document["metadata"]
    causes = [
        *_labels(metadata.get("labels") or {}),
        *_annotations(metadata.get("annotations") or {}),
        *_owners(metadata.get("ownerReferences") or ()),
        *_finalizers(metadata.get("finalizers") or ()),
    ]
    if causes:
        raise invalid(served, metadata.get("name") or "", causes)


def _labels(labels: dict[str, str]) -> Iterator[Cause]:
    for name, value in labels.items():
        yield from _qualified("metadata.labels", name)
        if len(value) > 63:
            yield _invalid("metadata.labels", value, "must be no more than 63 bytes")
        elif _VALUE.fullmatch(value) is None:
            yield _invalid("metadata.labels", value, _VALUE_FAULT)


def _annotations(annotations: dict[str, str]) -> Iterator[Cause]:
    for name in annotations:
        yield from _qualified("metadata.annotations", name.lower(), shown=name)
    size = sum(len(name.encode()) + len(value.encode()) for name, value in annotations.items())
    if size > _ANNOTATIONS_LIMIT:
        message = f"Too long: may not be more than {_ANNOTATIONS_LIMIT} bytes"
        yield Cause("FieldValueTooLong", message, "metadata.annotations")


def _qualified(field: str, name: str, *, shown: str = "") -> Iterator[Cause]:
    """Yield what is wrong with a name that may have a domain in front of it."""
    prefix, slash, part = name.rpartition("/")
    if slash and _SUBDOMAIN.fullmatch(prefix) is None:
        yield _invalid(field, shown or name, _PREFIX_FAULT if prefix else "prefix part must be non-empty")
    if not part:
        yield _invalid(field, shown or name, "name part must be non-empty")
    elif len(part) > 63:
        yield _invalid(field, shown or name, "name part must be no more than 63 bytes")
    if _NAME_PART.fullmatch(part) is None:
        yield _invalid(field, shown or name, _NAME_FAULT)


def _finalizers(finalizers: Any) -> Iterator[Cause]:
    for index, name in enumerate(finalizers):
        field = f"metadata.finalizers[{index}]"
        faults = list(_qualified(field, name))
        yield from faults
        if not faults and "/" not in name and name not in _STANDARD_FINALIZERS:
            yield _invalid(field, name, "name is neither a standard finalizer name nor is it fully qualified")


def _owners(owners: Any) -> Iterator[Cause]:
    controllers = [owner for owner in owners if owner.get("controller")]
    for index, owner in enumerate(owners):
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                field = f"metadata.ownerReferences[{index}].{name}"
                yield Cause("FieldValueRequired", "Required value: must not be empty", field)
    if len(controllers) > 1:
        message = "Only one reference can have Controller set to true"
        yield Cause("FieldValueInvalid", f"Invalid value: {message}", "metadata.ownerReferences")


def _invalid(field: str, value: str, fault: str) -> Cause:
    return Cause("FieldValueInvalid", f'Invalid value: "{value}": {fault}', field)
