"""Which objects a list or a watch is about: a namespace, a label selector, a field selector."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from kubeinformer.selectors import LabelSelector, parse_field_selector, parse_label_selector
from kubeinformer.testing.api_server.object_storage import StoredObject
from kubeinformer.testing.api_server.refusals import bad_request
from kubeinformer.testing.api_server.served_resources import ServedResource

_TERM = re.compile(r"(?P<field>[^!=]+)(?P<operator>!=|=)(?P<value>.*)", re.DOTALL)
_TERMS = re.compile(r"(?:[^\\,]|\\.)+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One condition on one field.

    Attributes:
        path: The names that lead to it, such as `("spec", "nodeName")`.
        value: What it is compared with; a field that is absent counts as "".
        equal: Whether it must be the value, or must not.
    """

    path: tuple[str, ...]
    value: str
    equal: bool

    def matches(self, stored: StoredObject) -> bool:
        """Return whether an object fulfils the condition."""
        place: Any = stored.document
        for name in self.path:
            place = place.get(name) if isinstance(place, dict) else None
        return ((place or "") == self.value) is self.equal


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
    if found["field"] not in served.selectable_fields:
        known = ", ".join(f'"{name}"' for name in served.selectable_fields)
        raise bad_request(f'"{found["field"]}" is not a known field selector: only {known}')
    value = re.sub(r"\\(.)", r"\1", found["value"], flags=re.DOTALL)
    return FieldTerm(tuple(found["field"].split(".")), value, found["operator"] == "=")
