"""Label and field selectors, read and answered as an API server reads and answers them.

A lister answers a label selector from memory, so its answer must be the one that the server would give: an absent
label satisfies `!=` and `notin` and nothing else. Grammar and semantics are those of apimachinery 0.37, packages
`labels` (`Parse`, `NewRequirement`, `Requirement.Matches`) and `fields` (`ParseSelector`, `EscapeValue`).
Everything here is pure and safe to use from any thread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

_KEY_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_KEY_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_TOKEN = re.compile(r"==|!=|[=!<>(),]|[^ \t\r\n=!<>(),]+")
_FIELD_TERMS = re.compile(r"(?:[^\\,]|\\.|\\\Z)+", re.DOTALL)
_FIELD_TERM = re.compile(r"(?P<field>[^\s\\!=]+)(?P<operator>!=|==|=)(?P<value>(?:[^\\=]|\\[\\,=])*)")
_FIELD_ESCAPE = re.compile(r"[\\,=]")


class Operator(StrEnum):
    """How a requirement relates a label to its values; the texts are those of apimachinery's `selection`."""

    EQUALS = "="
    NOT_EQUALS = "!="
    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    DOES_NOT_EXIST = "!"
    GREATER_THAN = "gt"
    LESS_THAN = "lt"


_BINARY_OPERATORS: Mapping[str, Operator] = {
    "=": Operator.EQUALS,
    "==": Operator.EQUALS,
    "!=": Operator.NOT_EQUALS,
    "in": Operator.IN,
    "notin": Operator.NOT_IN,
    ">": Operator.GREATER_THAN,
    "<": Operator.LESS_THAN,
}
_SET_OPERATORS = frozenset({Operator.IN, Operator.NOT_IN})
_ORDER_SIGNS: Mapping[Operator, str] = {Operator.GREATER_THAN: ">", Operator.LESS_THAN: "<"}


@dataclass(frozen=True, slots=True, order=True)
class Requirement:
    """One condition on one label; :func:`parse_label_selector` makes them, and checks them.

    Attributes:
        key: The label's key, `example.com/tier` or `tier`.
        operator: How the label's value relates to `values`; `==` is `EQUALS`.
        values: Sorted and without duplicates. None for (non-)existence, one or more for `IN` and `NOT_IN`, else one.
    """

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether an object with these labels satisfies the condition."""
        value = labels.get(self.key)
        match self.operator:
            case Operator.EQUALS | Operator.IN:
                return value in self.values
            case Operator.NOT_EQUALS | Operator.NOT_IN:
                return value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None
        return self._compares(value)

    def _compares(self, text: str | None) -> bool:
        value, limit = _int64(text or ""), _int64(self.values[0])
        if value is None or limit is None:
            return False
        return value > limit if self.operator is Operator.GREATER_THAN else value < limit

    def __str__(self) -> str:
        if self.operator is Operator.EXISTS:
            return self.key
        if self.operator is Operator.DOES_NOT_EXIST:
            return f"!{self.key}"
        if self.operator in _SET_OPERATORS:
            return f"{self.key} {self.operator} ({','.join(self.values)})"
        return f"{self.key}{_ORDER_SIGNS.get(self.operator, self.operator)}{self.values[0]}"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Which objects are meant: those whose labels satisfy every requirement. Immutable and hashable.

    `str(selector)` is the canonical text: a server takes it, and selectors with equal requirements have equal texts.

    Attributes:
        requirements: Sorted by key, operator and values, without duplicates.
    """

    requirements: tuple[Requirement, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether it selects every object, having no requirement."""
        return not self.requirements

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Return whether an object with these labels (None: it has none) is selected."""
        present = labels or {}
        return all(requirement.matches(present) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


def parse_label_selector(selector: str | Mapping[str, str] | LabelSelector | None) -> LabelSelector:
    """Return what a label selector means.

    Args:
        selector: Requirements separated by commas, all of which must hold: `k=v`, `k==v`, `k!=v`, `k in (a,b)`,
            `k notin (a,b)`, `k`, `!k`, `k>5`, `k<5`. Blanks may stand anywhere between the words, and a value may be
            empty. A mapping means equality for each of its pairs. "", an empty mapping and None select everything.

    Raises:
        ValueError: The server would refuse it (400); the message shows the text and the place in it.
        TypeError: It is neither text nor a mapping of text to text.
    """
    if selector is None:
        return LabelSelector()
    if isinstance(selector, LabelSelector):
        return selector
    if isinstance(selector, str):
        requirements = _LabelSelectorParser(selector).parse()
    else:
        requirements = _equalities(_pairs("label", selector))
    return LabelSelector(tuple(sorted(set(requirements))))


def parse_field_selector(selector: str | Mapping[str, str] | None) -> str:
    """Return the canonical text of a field selector: sorted, without duplicates or empty terms, `==` as `=`.

    Which fields a resource can be selected by is for the server to say (400); local evaluation is not offered.

    Args:
        selector: Terms separated by commas, all of which must hold: `field=value`, `field==value`, `field!=value`.
            A comma, an equals sign and a backslash inside a value are escaped by a backslash
            (:func:`escape_field_value`). A mapping means equality for each of its pairs, its values as they are.
            "", an empty mapping and None select everything.

    Raises:
        ValueError: The server would refuse it (400), or it has a term without a field (`=` alone, which the server
            takes for everything); the message shows the text and the place in it.
        TypeError: It is neither text nor a mapping of text to text.
    """
    if selector is None:
        return ""
    if not isinstance(selector, str):
        pairs = _pairs("field", selector)
        selector = ",".join(f"{field}={escape_field_value(value)}" for field, value in pairs.items())
    terms = {_field_term(selector, *found.span()) for found in _FIELD_TERMS.finditer(selector)}
    return ",".join(sorted(terms))


def escape_field_value(value: str) -> str:
    r"""Return a literal value as it must stand in a field selector: `,`, `=` and `\` get a backslash before them.

    Names of some kinds (ClusterRole) may hold any of them. The rule is apimachinery's `fields.EscapeValue`.
    """
    return _FIELD_ESCAPE.sub(r"\\\g<0>", value)


class _Token(NamedTuple):
    text: str
    position: int

    @property
    def is_word(self) -> bool:
        return self.text != "" and self.text[0] not in "=!<>(),"

    def __str__(self) -> str:
        return repr(self.text) if self.text else "the end"


class _LabelSelectorParser:
    """One look-ahead token, one method for each rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [_Token(found.group(), found.start()) for found in _TOKEN.finditer(text)]
        self._tokens.append(_Token("", len(text)))
        self._index = 0

    def parse(self) -> list[Requirement]:
        if self._next.text == "":
            return []
        requirements = [self._requirement()]
        while self._skip(","):
            requirements.append(self._requirement())
        self._expect("", "',' or the end")
        return requirements

    @property
    def _next(self) -> _Token:
        return self._tokens[self._index]

    def _requirement(self) -> Requirement:
        negated = self._skip("!")
        key = self._key()
        if negated:
            return Requirement(key, Operator.DOES_NOT_EXIST)
        if self._next.text in {"", ","}:
            return Requirement(key, Operator.EXISTS)
        operator = self._operator()
        if operator in _SET_OPERATORS:
            return Requirement(key, operator, self._value_set())
        if operator in _ORDER_SIGNS:
            return Requirement(key, operator, (self._integer(),))
        return Requirement(key, operator, (self._value(),))

    def _key(self) -> str:
        token = self._next
        if not token.is_word:
            raise self._unexpected("a label key")
        self._index += 1
        return _checked(token, _key_fault(token.text), self._text)

    def _operator(self) -> Operator:
        operator = _BINARY_OPERATORS.get(self._next.text)
        if operator is None:
            raise self._unexpected("one of =, ==, !=, in, notin, >, <")
        self._index += 1
        return operator

    def _value_set(self) -> tuple[str, ...]:
        self._expect("(", "'('")
        values = {self._value()}
        while self._skip(","):
            values.add(self._value())
        self._expect(")", "',' or ')'")
        return tuple(sorted(values))

    def _integer(self) -> str:
        token = self._next
        value = self._value()
        fault = None if _int64(value) is not None else "the value must be an integer of 64 bits"
        return _checked(_Token(value, token.position), fault, self._text)

    def _value(self) -> str:
        token = self._next
        if not token.is_word:
            return ""
        self._index += 1
        return _checked(token, _value_fault(token.text), self._text)

    def _skip(self, text: str) -> bool:
        if self._next.text != text:
            return False
        self._index += 1
        return True

    def _expect(self, text: str, expected: str) -> None:
        if not self._skip(text):
            raise self._unexpected(expected)

    def _unexpected(self, expected: str) -> ValueError:
        reason = f"found {self._next}, expected {expected}"
        return _not_a_selector("label", self._text, self._next.position, reason)


def _equalities(pairs: Mapping[str, str]) -> list[Requirement]:
    text = ",".join(f"{key}={value}" for key, value in pairs.items())
    requirements, position = [], 0
    for key, value in pairs.items():
        _checked(_Token(key, position), _key_fault(key), text)
        position += len(key) + 1
        _checked(_Token(value, position), _value_fault(value), text)
        position += len(value) + 1
        requirements.append(Requirement(key, Operator.EQUALS, (value,)))
    return requirements


def _pairs(kind: str, selector: Mapping[str, str]) -> Mapping[str, str]:
    if not isinstance(selector, Mapping):
        raise TypeError(f"a {kind} selector is text or a mapping, not {type(selector).__name__}")
    for key, value in selector.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"a {kind} selector maps text to text, not {key!r} to {type(value).__name__}")
    return selector


def _checked(token: _Token, fault: str | None, text: str) -> str:
    if fault is not None:
        raise _not_a_selector("label", text, token.position, f"{token.text!r}: {fault}")
    return token.text


def _key_fault(key: str) -> str | None:
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or _KEY_PREFIX.fullmatch(prefix) is None):
        return "the prefix of a label key is a DNS subdomain of at most 253 characters"
    if len(name) > 63 or _KEY_NAME.fullmatch(name) is None:
        return "the name in a label key is 1 to 63 letters, digits, '-', '_', '.', a letter or digit at both ends"
    return None


def _value_fault(value: str) -> str | None:
    if value and (len(value) > 63 or _KEY_NAME.fullmatch(value) is None):
        return "a label value is at most 63 letters, digits, '-', '_', '.', a letter or digit at both ends"
    return None


def _int64(text: str) -> int | None:
    """Return the number as Go's `strconv.ParseInt(text, 10, 64)` reads it: no blanks, no `_`, no other digits."""
    if _INTEGER.fullmatch(text) is None:
        return None
    try:
        number = int(text)
    except ValueError:  # more digits than the interpreter's limit
        return None
    return number if -(2**63) <= number < 2**63 else None


def _field_term(text: str, start: int, end: int) -> str:
    found = _FIELD_TERM.fullmatch(text, start, end)
    if found is None:
        reason = (
            r"a term is field=value or field!=value; a value has '\,' for ',', '\=' for '=' and '\\' for '\'"
        )
        raise _not_a_selector("field", text, start, reason)
    operator = "!=" if found["operator"] == "!=" else "="
    return f"{found['field']}{operator}{found['value']}"


def _not_a_selector(kind: str, text: str, position: int, reason: str) -> ValueError:
    shown = "".join(character if character.isprintable() else " " for character in text)
    return ValueError(f"not a {kind} selector: {reason}\n  {shown}\n  {' ' * position}^")
