"""Which objects a list or a watch is about: a namespace, a label selector, a field selector."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kubeinformer.selectors import LabelSelector, parse_field_selector, parse_label_selector
from kubeinformer.testing.api_server.conversions import in_version
from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.object_storage import StoredObject
from kubeinformer.testing.api_server.refusals import bad_request, unknown_field
from kubeinformer.testing.api_server.served_resources import ServedResource

_TERM = re.compile(r"(?P<field>[^!=]+)(?P<operator>!=|=)(?P<value>.*)", re.DOTALL)
_TERMS = re.compile(r"(?:[^\\,]|\\.)+", re.DOTALL)


class FieldValue(NamedTuple):
    """Where the value of a selectable field comes from.

    Attributes:
        paths: Paths in the object, such as `spec.nodeName`, the first that has something; 0 is a list's first entry.
        absent: What counts where none of them has something.
    """

    paths: tuple[str, ...]
    absent: str = ""

    def of(self, document: Document) -> str:
        """Return the value of an object, as Go prints it."""
        found = (_found(document, path) for path in self.paths)
        return next((text for value in found if (text := _text(value))), self.absent)


_FIELD_VALUES: Mapping[tuple[str, str], FieldValue] = {
    ("events", "source"): FieldValue(("source.component", "reportingComponent")),
    ("jobs.batch", "status.successful"): FieldValue(("status.succeeded",), "0"),
    ("nodes", "spec.unschedulable"): FieldValue(("spec.unschedulable",), "false"),
    ("pods", "spec.host"): FieldValue(("spec.nodeName",)),
    ("pods", "spec.hostNetwork"): FieldValue(("spec.hostNetwork",), "false"),
    ("pods", "spec.restartPolicy"): FieldValue(("spec.restartPolicy",), "Always"),
    ("pods", "spec.schedulerName"): FieldValue(("spec.schedulerName",), "default-scheduler"),
    ("pods", "spec.serviceAccountName"): FieldValue(("spec.serviceAccountName", "spec.serviceAccount")),
    ("pods", "status.podIP"): FieldValue(("status.podIP", "status.podIPs.0.ip")),
    ("pods", "status.podIPs"): FieldValue(()),  # taken, and empty for every pod
    ("replicationcontrollers", "status.replicas"): FieldValue(("status.replicas",), "0"),
    ("secrets", "type"): FieldValue(("type",), "Opaque"),
    ("services", "spec.type"): FieldValue(("spec.type",), "ClusterIP"),
}
"""By resource and field, where it is not the path alone: `GetAttrs` in `pkg/registry`, and the defaults, which a real
server writes into the object itself."""


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One condition on one field.

    Attributes:
        served: The version of the resource in whose names the condition is written.
        field_value: What it is about.
        value: What it is compared with.
        equal: Whether it must be the value, or must not.
    """

    served: ServedResource
    field_value: FieldValue
    value: str
    equal: bool

    def matches(self, stored: StoredObject) -> bool:
        """Return whether an object, of whatever version, fulfils the condition."""
        return (self.field_value.of(in_version(stored.document, self.served)) == self.value) is self.equal


@dataclass(frozen=True, slots=True)
class ObjectSelection:
    """The objects whose key begins with `prefix` and that both selectors take."""

    prefix: str = ""
    labels: LabelSelector = field(default_factory=LabelSelector)
    fields: tuple[FieldTerm, ...] = ()

    @property
    def by_selectors(self) -> bool:
        """Whether a selector narrows it, beyond the namespace."""
        return not self.labels.is_everything or bool(self.fields)

    def __call__(self, stored: StoredObject) -> bool:
        """Return whether an object belongs to it."""
        return (
            stored.key.startswith(self.prefix)
            and self.labels.matches(stored.labels)
            and all(term.matches(stored) for term in self.fields)
        )


def parse_selection(
    served: ServedResource, namespace: str | None, label_selector: str = "", field_selector: str = ""
) -> ObjectSelection:
    """Return the selection that a request asks for.

    Raises:
        Refusal: A selector cannot be read, or names a field that this resource cannot be selected by (400).
    """
    try:
        labels = parse_label_selector(label_selector)
        fields = parse_field_selector(field_selector)
    except ValueError as error:
        raise bad_request(str(error)) from error
    terms = tuple(_field_term(served, text) for text in _TERMS.findall(fields))
    return ObjectSelection(served.prefix(namespace), labels, terms)


def _field_term(served: ServedResource, text: str) -> FieldTerm:
    found = _TERM.fullmatch(text)
    assert found is not None, "the canonical form has an operator in each term"
    name = found["field"]
    if name not in served.selectable_fields:
        raise unknown_field(served, name)
    value = re.sub(r"\\(.)", r"\1", found["value"], flags=re.DOTALL)
    field_value = _FIELD_VALUES.get((served.resource.group_resource, name), FieldValue((name,)))
    return FieldTerm(served, field_value, value, found["operator"] == "=")


def _found(place: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(place, list):
            place = place[0] if place and name == "0" else None
        else:
            place = place.get(name) if isinstance(place, dict) else None
    return place


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
