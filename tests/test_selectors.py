"""Selectors mean here what they mean on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeinformer.selectors import (
    LabelSelector,
    Operator,
    Requirement,
    escape_field_value,
    parse_field_selector,
    parse_label_selector,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

LETTERS = "abcxyzABC0123456789"
NAMES = st.text(LETTERS + "-_.", max_size=61).map(lambda middle: f"k{middle}9") | st.sampled_from(
    ["in", "notin", "a"]
)
KEYS = NAMES | NAMES.map(lambda name: f"example.com/{name}")
VALUES = st.sampled_from(["", "a", "in", "5", "007", "v-1.2_3"]) | NAMES
INTEGERS = st.integers(0, 2**63 - 1).map(str)


def requirements() -> st.SearchStrategy[Requirement]:
    """Return requirements of every operator."""
    one = st.tuples(VALUES)
    several = st.frozensets(VALUES, min_size=1, max_size=4).map(lambda values: tuple(sorted(values)))
    return (
        st.builds(Requirement, KEYS, st.sampled_from([Operator.EQUALS, Operator.NOT_EQUALS]), one)
        | st.builds(Requirement, KEYS, st.sampled_from([Operator.IN, Operator.NOT_IN]), several)
        | st.builds(Requirement, KEYS, st.sampled_from([Operator.EXISTS, Operator.DOES_NOT_EXIST]))
        | st.builds(
            Requirement,
            KEYS,
            st.sampled_from([Operator.GREATER_THAN, Operator.LESS_THAN]),
            st.tuples(INTEGERS),
        )
    )


SELECTORS = st.frozensets(requirements(), max_size=5).map(lambda some: LabelSelector(tuple(sorted(some))))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        (" \t\r\n", ""),
        ("k=v", "k=v"),
        ("k == v", "k=v"),
        ("k!=v", "k!=v"),
        ("k in (b,a,b)", "k in (a,b)"),
        ("k\tnotin\n( a , b )", "k notin (a,b)"),
        ("k in(a)", "k in (a)"),
        ("k", "k"),
        ("! k", "!k"),
        ("k < 9,k>5", "k>5,k<9"),
        ("k>007", "k>007"),
        ("k=", "k="),
        ("k= ,l!=", "k=,l!="),
        ("k in ()", "k in ()"),
        ("k in (,)", "k in ()"),
        ("k in (,a)", "k in (,a)"),
        ("k in (a,,b)", "k in (,a,b)"),
        ("k in (a,)", "k in (,a)"),
        ("z,a=1,a=2,a=1", "a=1,a=2,z"),
        ("in", "in"),
        ("!notin", "!notin"),
        ("in in (in,notin)", "in in (in,notin)"),
        ("notin notin (in),in=notin", "in=notin,notin notin (in)"),
        ("example.com/tier=web", "example.com/tier=web"),
        (f"{'p' * 253}/{'n' * 63}={'v' * 63}", f"{'p' * 253}/{'n' * 63}={'v' * 63}"),
    ],
)
def test_every_form_of_the_grammar_has_one_canonical_text(text: str, canonical: str) -> None:
    """Blanks, order, duplicates and the two spellings of equality make no difference."""
    assert str(parse_label_selector(text)) == canonical


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (",k", 0),
        ("k,", 2),
        ("k,,l", 2),
        ("k=v l=w", 4),
        ("k v", 2),
        ("!k=v", 2),
        ("!!k", 1),
        ("=v", 0),
        ("k===v", 3),
        ("k==v==w", 4),
        ("k=!v", 2),
        ("k<=5", 2),
        ("k=(v)", 2),
        ("k in", 4),
        ("k in a", 5),
        ("k in (a", 7),
        ("k in (a b)", 8),
        ("k in (a))", 8),
        ("k in in (a)", 5),
        ("k()", 1),
        ("k>", 2),
        ("k>five", 2),
        ("k<-5", 2),
        ("k>1_000", 2),
        ("k>9223372036854775808", 2),
        ("k>1,k in (-a)", 10),
        ("k=v||l=w", 2),
        ("-k=v", 0),
        ("k_=v", 0),
        ("/k=v", 0),
        ("p/=v", 0),
        ("p/q/k=v", 0),
        ("Example.com/k=v", 0),
        ("a..b/k=v", 0),
        (f"{'p' * 254}/k", 0),
        ("k" * 64, 0),
        (f"k={'v' * 64}", 2),
        ("k=-v", 2),
        ("k=v.", 2),
        ("k=a b", 4),
        ("k=é", 2),
        ("k\u00a0=v", 0),
        ("k=v\x00", 2),
    ],
)
def test_a_refused_selector_is_shown_with_its_place(text: str, position: int) -> None:
    """What the server answers with 400 is a ValueError whose caret stands under the fault."""
    with pytest.raises(ValueError, match="not a label selector") as raised:
        parse_label_selector(text)
    *_, shown, caret = str(raised.value).split("\n")
    assert shown == "  " + text.replace("\x00", " ").replace("\u00a0", " ")
    assert caret == " " * (2 + position) + "^"


@pytest.mark.parametrize(
    ("selector", "absent", "empty", "one", "two"),
    [
        ("k=1", False, False, True, False),
        ("k!=1", True, True, False, True),
        ("k=", False, True, False, False),
        ("k!=", True, False, True, True),
        ("k in (1,2)", False, False, True, True),
        ("k notin (1,3)", True, True, False, True),
        ("k in ()", False, True, False, False),
        ("k notin ()", True, False, True, True),
        ("k in (,2)", False, True, False, True),
        ("k", False, True, True, True),
        ("!k", True, False, False, False),
        ("k>1", False, False, False, True),
        ("k<2", False, False, True, False),
        ("k>0,k<9", False, False, True, True),
        ("k=1,k=2", False, False, False, False),
        ("k!=1,k!=2", True, True, False, False),
        ("", True, True, True, True),
    ],
)
def test_absent_and_empty_labels_differ(
    selector: str, absent: bool, empty: bool, one: bool, two: bool
) -> None:
    """Case C32: an absent label satisfies `!=`, `notin` and `!` alone; an empty one is a value like others."""
    parsed = parse_label_selector(selector)
    label_sets: list[Mapping[str, str]] = [{}, {"k": ""}, {"k": "1"}, {"k": "2"}]
    assert [parsed.matches(labels) for labels in label_sets] == [absent, empty, one, two]
    assert parsed.matches(None) is absent


@pytest.mark.parametrize(
    "value", ["", "five", "1_000", " 6", "6 ", "٦", "0x6", "6.0", "9223372036854775808", "6" * 5000]
)
def test_labels_that_are_no_int64_are_neither_greater_nor_less(value: str) -> None:
    """A comparison reads the label as Go's ParseInt does, and fails where that fails."""
    assert not parse_label_selector("k>5").matches({"k": value})
    assert not parse_label_selector("k<5").matches({"k": value})


def test_comparisons_are_of_numbers() -> None:
    """Digits are compared as a number, with leading zeros and up to the ends of int64."""
    assert parse_label_selector("k>9").matches({"k": "10"})
    assert parse_label_selector("k<011").matches({"k": "0010"})
    assert parse_label_selector("k>9223372036854775806").matches({"k": "9223372036854775807"})


def test_a_mapping_means_equality_of_each_pair() -> None:
    """A mapping and the text with the same pairs are one selector."""
    assert parse_label_selector({"b": "", "a": "1"}) == parse_label_selector("a=1,b=")
    assert parse_label_selector({"a": "in"}).requirements == (Requirement("a", Operator.EQUALS, ("in",)),)


@pytest.mark.parametrize(
    ("selector", "position"), [({"a": "1", "b": "x,y"}, 6), ({"a": "1", "b c": ""}, 4), ({"": "v"}, 0)]
)
def test_a_mapping_is_validated_too(selector: dict[str, str], position: int) -> None:
    """A pair is never read as grammar: a comma in a value is a fault, not a second requirement."""
    with pytest.raises(ValueError, match="not a label selector") as raised:
        parse_label_selector(selector)
    assert str(raised.value).endswith("\n" + " " * (2 + position) + "^")


@pytest.mark.parametrize("selector", [{"a": 1}, {1: "a"}, {"a": None}, 5, ["a=1"], b"a=1"])
def test_only_text_is_taken(selector: Any) -> None:
    """Numbers, None and bytes are type errors in both kinds of selector: YAML's `1` is not a label's `"1"`."""
    with pytest.raises(TypeError, match="label selector"):
        parse_label_selector(selector)
    with pytest.raises(TypeError, match="field selector"):
        parse_field_selector(selector)


@pytest.mark.parametrize("selector", [None, "", " ", {}])
def test_no_requirement_selects_everything(selector: str | dict[str, str] | None) -> None:
    """None, blanks and an empty mapping restrict nothing, and say so."""
    assert parse_label_selector(selector).is_everything
    assert not parse_label_selector("k").is_everything


def test_equal_selectors_are_one_dictionary_key() -> None:
    """Two spellings of a selector compare and hash alike, and a parsed one passes through."""
    first, second = parse_label_selector("b,a==1"), parse_label_selector(" a=1, b ")
    assert {first: "cache"}[second] == "cache"
    assert parse_label_selector(first) is first
    with pytest.raises(AttributeError):
        first.requirements = ()  # type: ignore[misc]  # the assignment is what must fail


@given(SELECTORS)
def test_the_canonical_text_reads_back(selector: LabelSelector) -> None:
    """What is sent to the server means what was parsed."""
    assert parse_label_selector(str(selector)) == selector


def by_definition(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    """Answer in the words of the Kubernetes documentation, one operator at a time."""
    has, values = requirement.key in labels, set(requirement.values)
    value = labels.get(requirement.key, "")
    number = int(value) if value.isdecimal() else None
    limit = int(requirement.values[0]) if requirement.operator in {"gt", "lt"} else 0
    return {
        Operator.EQUALS: has and value in values,
        Operator.NOT_EQUALS: not (has and value in values),
        Operator.IN: has and value in values,
        Operator.NOT_IN: not (has and value in values),
        Operator.EXISTS: has,
        Operator.DOES_NOT_EXIST: not has,
        Operator.GREATER_THAN: number is not None and number > limit,
        Operator.LESS_THAN: number is not None and number < limit,
    }[requirement.operator]


@given(st.data())
def test_matching_agrees_with_the_definition(data: st.DataObject) -> None:
    """An object is selected when each requirement, taken by itself, holds."""
    selector = data.draw(SELECTORS)
    keys = st.sampled_from([requirement.key for requirement in selector.requirements] or ["a"])
    mentioned = [value for requirement in selector.requirements for value in requirement.values]
    labels = data.draw(st.dictionaries(keys, st.sampled_from(mentioned or ["a"]) | INTEGERS | VALUES))
    expected = all(by_definition(requirement, labels) for requirement in selector.requirements)
    assert selector.matches(labels) is expected


@given(st.text(" ,()!=<>\t") | st.text("kin=!(),<>5 notv-./\\\n"))
def test_no_text_breaks_the_parsers(text: str) -> None:
    """Any text is either a selector whose canonical text is stable, or a ValueError."""
    for parse in (parse_label_selector, parse_field_selector):
        try:
            canonical = str(parse(text))
        except ValueError:
            continue
        assert str(parse(canonical)) == canonical


@pytest.mark.parametrize(
    ("selector", "canonical"),
    [
        (None, ""),
        ("", ""),
        (",,", ""),
        ({}, ""),
        ("spec.nodeName=n1,metadata.name!=x", "metadata.name!=x,spec.nodeName=n1"),
        ("a==b,a=b,", "a=b"),
        ("a=", "a="),
        ("a!=", "a!="),
        ("a= b!c ", "a= b!c "),
        (r"a=x\,y\=z\\", r"a=x\,y\=z\\"),
        ({"metadata.name": r"team a:x,y=z+é\d"}, r"metadata.name=team a:x\,y\=z+é\\d"),
    ],
)
def test_field_selectors_have_one_canonical_text(
    selector: str | dict[str, str] | None, canonical: str
) -> None:
    """Case C31: values keep every character, commas, equals signs and backslashes behind a backslash."""
    assert parse_field_selector(selector) == canonical


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a", 0),
        ("a=b,c", 4),
        ("a=b, c=d", 4),
        ("=b", 0),
        ("=", 0),
        ("a=b=c", 0),
        ("a===b", 0),
        ("a!==b", 0),
        (r"a=b\x", 0),
        ("a=b,c=\\", 4),
        (r"a\,b=c", 0),
    ],
)
def test_a_refused_field_selector_is_shown_with_its_place(text: str, position: int) -> None:
    """A term without operator or field, or with a stray special character, is pointed at."""
    with pytest.raises(ValueError, match="not a field selector") as raised:
        parse_field_selector(text)
    assert str(raised.value).endswith(f"\n  {text}\n  {' ' * position}^")


@given(st.dictionaries(st.sampled_from(["metadata.name", "spec.x"]), st.text(",=\\ab é\n"), min_size=1))
def test_escaped_values_keep_the_terms_apart(values: dict[str, str]) -> None:
    """Text built from escaped values reads back as those terms, whatever the values hold."""
    text = ",".join(f"{field}={escape_field_value(value)}" for field, value in values.items())
    assert parse_field_selector(text) == parse_field_selector(values)
    for value in values.values():
        assert f"={escape_field_value(value)}" in parse_field_selector(values)
