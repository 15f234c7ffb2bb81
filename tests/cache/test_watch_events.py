"""EventReader: watch lines, plainly or oddly spelled, broken or not, as inputs of the reflector."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cache.wire_builders import (
    SECRET,
    changes,
    deep,
    deep_pod,
    everything_shown,
    line,
    object_reader,
    pod_json,
    read_lines,
)

from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.watch_events import EventReader, StreamInput
from kubeinformer.errors import Expired, InvalidObject, InvalidResponse, StatusError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(["ADDED", "MODIFIED", "DELETED"])
FIELDS = st.dictionaries(st.sampled_from(["spec", "object", "type", "items"]), VALUES, max_size=3)


def garbled(*lines: bytes) -> InvalidResponse:
    """Return the error of the one garbled line."""
    [said] = read_lines(*lines)
    assert isinstance(said, inputs.Garbled)
    assert isinstance(said.error, InvalidResponse)
    return said.error


def failed(*lines: bytes) -> StatusError:
    """Return the error that the server sent."""
    [said] = read_lines(*lines)
    assert isinstance(said, inputs.Failed)
    assert isinstance(said.error, StatusError)
    return said.error


def read_with_asides(*lines: bytes) -> tuple[list[StreamInput], list[InvalidObject]]:
    """Return what lines say and what was set aside."""
    events = EventReader(object_reader())
    return list(events.read(lines)), events.asides


# -- spelling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event_type", ["ADDED", "MODIFIED", "DELETED"])
def test_a_change_keeps_the_bytes_of_its_object(event_type: str) -> None:
    """The object is cut out of the line as the server wrote it."""
    said = read_lines(line(event_type, pod_json("a", "7")) + b"\r")
    assert changes(said) == [(event_type, "ns/a", pod_json("a", "7").decode())]
    assert [received.version for received in said if isinstance(received, inputs.Received)] == ["7"]


@given(TYPES, FIELDS, st.dictionaries(st.sampled_from(["x", "kind"]), st.text(max_size=5)), st.randoms())
def test_any_spelling_says_the_same(
    event_type: str, fields: dict[str, Any], extra: dict[str, str], random: Any
) -> None:
    """Blanks, another order and further keys lead the slow way, and to the same end."""
    raw = pod_json("a", "7", **fields)
    members = [
        *((key, msgspec.json.encode(value)) for key, value in extra.items()),
        ("type", msgspec.json.encode(event_type)),
        ("object", raw),
    ]
    random.shuffle(members)
    blanks = ["", " ", "\t", "\r", "  "]
    written = b",".join(
        f"{random.choice(blanks)}{msgspec.json.encode(key).decode()}{random.choice(blanks)}:".encode()
        + random.choice(blanks).encode()
        + value
        + random.choice(blanks).encode()
        for key, value in members
    )
    odd = b"{" + written + b"}" + random.choice(blanks).encode()
    plain = line(event_type, raw)
    assert changes(read_lines(odd)) == changes(read_lines(plain)) == [(event_type, "ns/a", raw.decode())]


@pytest.mark.parametrize(
    "between",
    [
        b',"object":',
        b' ,"object":',
        b', "object":',
        b',"object" :',
        b',"type":"ADDED","object":',
        b',"x":1,"object":',
        b',"\\u006fbject":',
    ],
)
def test_the_last_of_doubled_objects_counts(between: bytes) -> None:
    """However they are spelled, header and bytes are of one and the same object (Case C30)."""
    doubled = b'{"type":"ADDED","object":' + pod_json("a") + between + pod_json("b") + b"}"
    assert changes(read_lines(doubled)) == [("ADDED", "ns/b", pod_json("b").decode())]


def test_the_last_of_doubled_types_counts() -> None:
    """Before the object or behind it."""
    before = b'{"type":"ADDED","type":"DELETED","object":' + pod_json() + b"}"
    behind = line("ADDED", pod_json())[:-1] + b',"type":"DELETED"}'
    assert [change[0] for change in changes(read_lines(before, behind))] == ["DELETED", "DELETED"]


def test_fields_named_like_an_event_are_the_objects_own() -> None:
    """`object` and `type` inside an object, and text that looks like a line, mean nothing."""
    raw = pod_json("a", x={"object": {}}, object={"type": "ERROR"}, type="object", y='},"object":{')
    assert changes(read_lines(line("ADDED", raw))) == [("ADDED", "ns/a", raw.decode())]


def test_labels_and_annotations_may_be_null() -> None:
    """Null is taken for absent (Case C30)."""
    raw = b'{"metadata":{"name":"a","labels":null,"annotations":null,"ownerReferences":null}}'
    assert changes(read_lines(line("ADDED", raw))) == [("ADDED", "a", raw.decode())]


# -- runs ---------------------------------------------------------------------------------------------------------


def test_runs_of_changes_are_one_input_in_order() -> None:
    """Everything else stands between them where it came."""
    said = read_lines(
        line("ADDED", pod_json("a", "1")),
        line("MODIFIED", pod_json("a", "2")),
        line("BOOKMARK", b'{"metadata":{"resourceVersion":"5"}}'),
        line("DELETED", pod_json("a", "6")),
        b"null",
        line("ADDED", pod_json("b", "7")),
        line("ERROR", b'{"code":410}'),
    )
    kinds = [type(each).__name__ for each in said]
    assert kinds == ["Received", "Bookmarked", "Received", "Garbled", "Received", "Failed"]
    assert [each.version for each in said if isinstance(each, inputs.Received)] == ["2", "6", "7"]
    assert [change[:2] for change in changes(said)] == [
        ("ADDED", "ns/a"),
        ("MODIFIED", "ns/a"),
        ("DELETED", "ns/a"),
        ("ADDED", "ns/b"),
    ]


def test_no_lines_say_nothing() -> None:
    """An empty chunk gives no input."""
    assert read_lines() == []


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (["5", "3"], "5"),
        (["9", "10"], "10"),
        (["a1b2", "18014398509481985", "7"], "18014398509481985"),
        (["5", ""], "5"),
    ],
)
def test_a_run_stands_at_its_latest_version(versions: list[str], expected: str) -> None:
    """Within a stream the version never falls, and all changes are passed on as they came (Case C14)."""
    [received] = read_lines(
        *[line("ADDED", pod_json(f"p{n}", version)) for n, version in enumerate(versions)]
    )
    assert isinstance(received, inputs.Received)
    assert received.version == expected
    assert [delta.key for delta in received.deltas] == [f"ns/p{n}" for n in range(len(versions))]


# -- bookmarks and errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b'{"kind":"Pod","metadata":{"resourceVersion":"900"}}',
        b'{"metadata":{"name":null,"resourceVersion":"900","labels":null},"spec":{"containers":null}}',
        b'{"metadata":{"resourceVersion":"900","annotations":{"k8s.io/initial-events-end":"false"}}}',
        b'{"metadata":{"resourceVersion":"900","annotations":{"k8s.io/initial-events-end":true,"x":[{}]}}}',
        b'{"metadata":{"resourceVersion":"900","annotations":["k8s.io/initial-events-end","true"]}}',
        b'{"metadata":{"resourceVersion":"900","annotations":null}}',
        b'{"metadata":{"resourceVersion":"900","annotations":7}}',
    ],
)
def test_a_bookmark_is_a_version_and_no_object(raw: bytes) -> None:
    """Its nulls in required fields, and odd annotations, are nobody's business (Case C12, regression 21)."""
    assert read_lines(line("BOOKMARK", raw)) == [inputs.Bookmarked("900")]


def test_a_marked_bookmark_closes_a_load() -> None:
    """Invariant 64: the annotation's value must be "true"."""
    raw = b'{"metadata":{"resourceVersion":"900","annotations":{"k8s.io/initial-events-end":"true"}}}'
    assert read_lines(line("BOOKMARK", raw)) == [inputs.Bookmarked("900", ends_load=True)]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"metadata":{"name":"%s"}}' % SECRET.encode(),
        b'{"metadata":{"resourceVersion":null,"x":"%s"}}' % SECRET.encode(),
        b'{"metadata":{"resourceVersion":"","x":"%s"}}' % SECRET.encode(),
        b'{"metadata":{"annotations":{"k8s.io/initial-events-end":"true"}}}',
        b'{"metadata":{"resourceVersion":900}}',
        b'{"metadata":null}',
        b"null",
        b'["%s"]' % SECRET.encode(),
        b'{"metadata":{"resourceVersion":"%s\xff"}}' % SECRET.encode(),
        b'{"metadata":{"resourceVersion":"900"},"x":' + deep() + b"}",
    ],
)
def test_a_bookmark_without_a_version_is_garbled(raw: bytes) -> None:
    """What it should have said is lost, and that is said."""
    error = garbled(line("BOOKMARK", raw))
    assert "a bookmark" in str(error)
    assert SECRET not in everything_shown(error)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (line("ERROR", b'{"kind":"Status","code":410,"reason":"Expired"}'), 410),
        (b'{"kind":"Status","apiVersion":"v1","code":410,"reason":"Expired"}', 410),
        (b'{"code":410,"kind":"Status","reason":"Gone","object":null}', 410),
        (line("ERROR", b'{"kind":"Status","code":500,"reason":"Gone"}'), 500),
    ],
)
def test_a_status_is_the_servers_error(text: bytes, code: int) -> None:
    """As an ERROR event, or bare in place of an event (Cases C08, C10)."""
    error = failed(text)
    assert isinstance(error, Expired)
    assert (error.code, error.verb, error.resource) == (code, "watch", "pods")


@pytest.mark.parametrize(
    "raw", [b"null", b'["%s"]' % SECRET.encode(), b'{"code":"%s"}' % SECRET.encode(), b'"\xff"', deep()]
)
def test_an_error_that_cannot_be_read_is_still_one(raw: bytes) -> None:
    """It counts as a 500, and is not quoted."""
    error = failed(line("ERROR", raw))
    assert error.code == 500
    assert SECRET not in everything_shown(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"null", "Expected `object`, got `null`"),
        (b"[]", "Expected `object`, got `array`"),
        (b"5", "Expected `object`, got `int`"),
        (b"{}", "a line that is no event"),
        (b'{"object":%s}' % pod_json(x=SECRET), "a line that is no event"),
        (b'{"type":null,"object":%s}' % pod_json(x=SECRET), "a line that is no event"),
        (b'{"type":5,"object":%s}' % pod_json(x=SECRET), "Expected `str | null`"),
        (line(SECRET, pod_json()), "an event of unknown type"),
        (line("added", pod_json(x=SECRET)), "an event of unknown type"),
        (b"<html>%s</html>" % SECRET.encode(), "JSON is malformed"),
        (line("ADDED", pod_json(x=SECRET))[:-1], "truncated"),
        (line("ADDED", pod_json(x=SECRET)[:-1]), "truncated"),
        (line("ADDED", pod_json(x=SECRET)) + b"}", "JSON is malformed"),
        (line("ADDED", pod_json(x=SECRET)) + b"{}}", "JSON is malformed"),
        (line("ADDED", b"null"), "Expected `object`, got `null`"),
        (line("ADDED", b'["%s"]' % SECRET.encode()), "Expected `object`, got `array`"),
        (b'{"type":"ADDED"}', "Expected `object`, got `null`"),
        (line("MODIFIED", b'{"x":"%s"}' % SECRET.encode()), "required field `metadata`"),
        (line("DELETED", b'{"metadata":{"namespace":"%s"}}' % SECRET.encode()), "metadata.name is empty"),
        (line("ADDED", b'{"metadata":{"name":""},"x":"%s"}' % SECRET.encode()), "metadata.name is empty"),
        (line("ADDED", deep()), "nested too deeply"),
        (line(SECRET, deep()), "an event of unknown type"),
        (deep(), "a line that is no event"),
        (deep(opening=b"[", closing=b"]"), "Expected `object`, got `array`"),
        (line("ADDED", b'{"metadata":{"name":"a"},"x":%s}' % deep())[:-1], "a line that is no event"),
        (line("ADDED", b'{"metadata":{"name":"a"},"x":%s}' % deep()) + b"}", "a line that is no event"),
    ],
)
def test_what_is_no_event_is_garbled(text: bytes, message: str) -> None:
    """The error says what is wrong with the line, not a word of what stands in it (Cases C08, C30)."""
    error = garbled(text)
    assert message in str(error)
    assert (error.code, error.verb, error.resource) == (200, "watch", "pods")
    assert SECRET not in everything_shown(error)


def test_a_garbled_line_costs_no_other() -> None:
    """The lines around it get through (Case C06)."""
    said = read_lines(line("ADDED", pod_json("a")), b"\xff{", line("ADDED", pod_json("b")))
    assert [change[1] for change in changes(said)] == ["ns/a", "ns/b"]
    assert [type(each) for each in said] == [inputs.Received, inputs.Garbled, inputs.Received]


# -- what is set aside --------------------------------------------------------------------------------------------

BROKEN = {
    "field-no-utf8": pod_json("x", "8")[:-1] + b',"data":"%s\xff"}' % SECRET.encode(),
    "labels-no-utf8": b'{"metadata":{"namespace":"ns","name":"x","resourceVersion":"8","labels":{"a":"%s\xff"}}}'
    % SECRET.encode(),
    "labels-no-strings": b'{"metadata":{"namespace":"ns","name":"x","resourceVersion":"8","labels":{"%s":5}}}'
    % SECRET.encode(),
    "too-deep": deep_pod("x", "8"),
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize(
    "spell", [line, lambda kind, raw: b'{"object":%s, "type":"%s"}' % (raw, kind.encode())]
)
def test_an_unreadable_object_is_set_aside(raw: bytes, spell: Any) -> None:
    """It changes nothing in the cache, the version moves on, and its key is in the error (Case C06)."""
    said, asides = read_with_asides(spell("MODIFIED", raw))
    assert said == [inputs.Received((), "8")]
    assert [(aside.key, aside.resource) for aside in asides] == [("ns/x", "pods")]
    assert SECRET not in everything_shown(asides[0])


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_an_unreadable_object_is_deleted_by_its_key(raw: bytes) -> None:
    """That it is gone can be told without reading it."""
    said, asides = read_with_asides(line("ADDED", pod_json("a")), line("DELETED", raw))
    assert changes(said) == [("ADDED", "ns/a", pod_json("a").decode()), ("DELETED", "ns/x", None)]
    assert len(asides) == 1


def test_a_template_does_not_lend_its_name_to_a_deletion() -> None:
    """The key of an object that nests too deeply is that of its own metadata."""
    template = b'{"metadata":{"namespace":"ns","name":"innocent"},"deep":' + deep() + b"}"
    raw = b'{"data":%s,"metadata":{"namespace":"ns","name":"x"}}' % template
    assert changes(read_lines(line("DELETED", raw))) == [("DELETED", "ns/x", None)]


# -- the transform ------------------------------------------------------------------------------------------------


def test_what_the_transform_drops_leaves_the_cache() -> None:
    """Whatever the event is called: it must not stay there from before."""
    lines = [
        line(kind, pod_json(version=str(n))) for n, kind in enumerate(["ADDED", "MODIFIED", "DELETED"], 1)
    ]
    said = read_lines(*lines, transform=lambda _: None)
    assert changes(said) == [("DELETED", "ns/a", None)] * 3
    assert isinstance(said[0], inputs.Received)
    assert said[0].version == "3"


@pytest.mark.parametrize("blank", [b"", b" "])
def test_the_transform_runs_once_an_event_on_either_way(blank: bytes) -> None:
    """Also where it fails; a deletion is carried out all the same."""
    calls: list[str] = []

    def transform(value: dict[str, Any]) -> dict[str, Any]:
        calls.append(value["metadata"]["resourceVersion"])
        return value if len(calls) == 1 else value["missing"]

    events = EventReader(object_reader(transform))
    lines = [
        line("ADDED", pod_json("a", "1")),
        line("MODIFIED", pod_json("a", "2")),
        line("DELETED", pod_json("a", "3")),
    ]
    [received] = events.read([text + blank for text in lines])
    assert calls == ["1", "2", "3"]
    assert isinstance(received, inputs.Received)
    assert [(delta.type.value, delta.object is None) for delta in received.deltas] == [
        ("ADDED", False),
        ("DELETED", True),
    ]
    assert received.version == "3"
    assert [aside.key for aside in events.asides] == ["ns/a", "ns/a"]


@pytest.mark.parametrize("blank", [b"", b" "])
@pytest.mark.parametrize("version", [None, "", "999999"])
def test_the_position_in_the_stream_is_the_servers(blank: bytes, version: str | None) -> None:
    """A transform that drops or changes resourceVersion does not move the point where a watch resumes."""

    def transform(value: dict[str, Any]) -> dict[str, Any]:
        return {**value, "metadata": {**value["metadata"], "resourceVersion": version}}

    [received] = read_lines(line("ADDED", pod_json("a", "7")) + blank, transform=transform)
    assert isinstance(received, inputs.Received)
    assert received.version == "7"
    assert received.deltas[0].object is not None
    assert received.deltas[0].object.resource_version == (version or "")
