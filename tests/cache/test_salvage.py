"""Salvage: which object it was, and where the items lie, in JSON that the decoder refuses."""

from __future__ import annotations

import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cache.wire_builders import SECRET, deep, deep_pod, line, page_json, pod_json

from kubeinformer.cache.salvage import Identity, identify, split_event, split_items

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_the_key_of_an_identity() -> None:
    """It is `namespace/name`, `name` alone, or nothing where there is no name."""
    keys = [Identity(*fields, "1").key for fields in [("ns", "a"), ("", "a"), ("ns", ""), ("", "")]]
    assert keys == ["ns/a", "a", "", ""]


@pytest.mark.parametrize(
    "raw",
    [
        pod_json("a", "7"),
        b'{"spec":{"metadata":{"name":"b"}},"metadata":{"name":"a","namespace":"ns","resourceVersion":"7"}}',
        b'{"metadata":{"name":"a","namespace":"ns","resourceVersion":"7","labels":{"x":1}}}',
        b'{"metadata":{"name":"a","namespace":"ns","resourceVersion":"7","labels":{"x":"\xff"}}}',
        deep_pod("a", "7"),
        deep_pod("a", "7").replace(b":", b" : ").replace(b",", b" ,\n"),
    ],
    ids=["plain", "metadata-last", "labels-no-strings", "labels-no-utf8", "deep", "deep-with-blanks"],
)
def test_an_object_is_identified(raw: bytes) -> None:
    """Its key and version can be told, whatever makes it unreadable."""
    assert identify(raw) == Identity("ns", "a", "7")


def test_only_the_objects_own_metadata_counts() -> None:
    """A template inside a deep object, in front of the metadata, does not lend the object its name."""
    template = b'{"metadata":{"namespace":"ns","name":"wrong"},"deep":' + deep() + b"}"
    raw = b'{"data":%s,"metadata":{"namespace":"ns","name":"right","resourceVersion":"7"}}' % template
    assert identify(raw) == Identity("ns", "right", "7")


def test_text_that_looks_like_structure_is_passed_over() -> None:
    """Brackets, commas, quotes and names inside strings mean nothing."""
    text = msgspec.json.encode('}],{"metadata":{"name":"wrong"},\\"\\')
    raw = b'{"a":%s,"deep":%s,"metadata":{"name":"right","note":%s}}' % (text, deep(), text)
    assert identify(raw) == Identity("", "right", "")


def test_the_last_of_doubled_keys_counts() -> None:
    """As it does for the decoder."""
    raw = b'{"metadata":{"name":"a"},"deep":%s,"metadata":{"name":"x","name":"b"}}' % deep()
    assert identify(raw) == Identity("", "b", "")


@pytest.mark.parametrize(
    "raw", [b"{}", b'{"metadata":null}', b'{"metadata":{}}', b'{"metadata":{"name":null}}']
)
def test_json_without_a_name_is_no_object(raw: bytes) -> None:
    """It has an identity without a name: nothing is lost with it."""
    identity = identify(raw)
    assert identity is not None
    assert (identity.name, identity.key) == ("", "")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"metadata"',
        b"<html>",
        b'{"metadata":{"name":5}}',
        b'{"metadata":{"name":"a',
        b'{"metadata":5,"deep":' + deep() + b"}",
        b'{"metadata":{"name":5},"deep":' + deep() + b"}",
        b'{"metadata":{"name":"\xff"},"deep":' + deep() + b"}",
        b'{"metadata":{"name":' + deep() + b"}}",
        b'{"metadata":{"namespace":"ns"},"deep":' + deep() + b"}",
        deep(),
        deep(opening=b"[", closing=b"]"),
        b'{"metadata":{"name":"a"},"deep":' + deep()[:-3],
    ],
)
def test_what_cannot_be_identified_has_no_identity(raw: bytes) -> None:
    """None says that some object may be behind it, and not which."""
    assert identify(raw) is None


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1), st.text(), st.dictionaries(st.text(), PLAIN, max_size=3), st.booleans())
def test_deep_and_plain_objects_are_identified_alike(
    name: str, namespace: str, fields: dict[str, object], last: bool
) -> None:
    """Any name that JSON can spell is found among any neighbours."""
    metadata = {"metadata": {"labels": fields, "name": name, "namespace": namespace, "resourceVersion": "7"}}
    others = {f"x{key}": value for key, value in fields.items()}
    raw = msgspec.json.encode({**others, **metadata} if last else {**metadata, **others})
    too_deep = raw[:-1] + b',"deep":' + deep(20_000) + b"}"
    assert identify(raw) == identify(too_deep) == Identity(namespace, name, "7")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (line("DELETED", deep_pod()), ("DELETED", deep_pod())),
        (b' { "object" : ' + deep_pod() + b' , "type" : "ADDED" } ', ("ADDED", deep_pod())),
        (
            b'{"object":{"type":"wrong"},"deep":' + deep() + b',"type":"ADDED"}',
            ("ADDED", b'{"type":"wrong"}'),
        ),
        (b'{"type":"ADDED"}', ("ADDED", b"null")),
        (b'{"type":5,"object":{}}', ("", b"{}")),
        (b'{"type":"\xff","object":{}}', ("", b"{}")),
        (b'{"object":{}}', ("", b"{}")),
        (b'["type","ADDED"]', ("", b"null")),
        (b'{"type":"ADDED","object":{', ("", b"null")),
        (b"", ("", b"null")),
    ],
)
def test_an_event_is_taken_apart(text: bytes, expected: tuple[str, bytes]) -> None:
    """Type and object are found in any order; what is missing reads as "" and null."""
    assert split_event(text) == expected


@given(st.lists(PLAIN, max_size=6), st.dictionaries(st.sampled_from("abc"), PLAIN), st.integers(0, 2))
def test_a_list_is_split_as_the_decoder_splits_it(
    items: list[object], others: dict[str, object], indent: int
) -> None:
    """Items of any kind come out whole and in order, and what stands around them stays."""
    body = msgspec.json.format(msgspec.json.encode({**others, "items": items, "kind": "List"}), indent=indent)
    split = split_items(body)
    assert split is not None
    assert msgspec.json.decode(split[0]) == {**others, "items": [], "kind": "List"}
    assert [msgspec.json.decode(item) for item in split[1]] == items


def test_only_the_lists_own_items_count() -> None:
    """A field of the same name further inside is not taken for them."""
    body = b'{"metadata":{"items":[{"a":1}]},"items":[%s,{"b":2}]}' % deep_pod()
    assert split_items(body) == (b'{"metadata":{"items":[{"a":1}]},"items":[]}', [deep_pod(), b'{"b":2}'])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"items":null}',
        b'{"items":{}}',
        b'{"items":[{},]}',
        b'{"items":[{}],}',
        b'{"items":[{}',
        b'{"items":[{}]',
        deep(),
    ],
)
def test_a_body_without_items_is_not_split(body: bytes) -> None:
    """None says that there is no whole list of items."""
    assert split_items(body) is None


def test_splitting_takes_linear_time() -> None:
    """A text of 8 MB full of escapes, or without one, costs neither quadratic time nor the stack."""
    escaped = msgspec.json.encode({"data": '"\\' * 2_000_000, "plain": SECRET * 300_000})
    body = page_json(escaped, deep_pod())
    started = time.process_time()
    split = split_items(body)
    assert time.process_time() - started < 5
    assert split is not None
    assert split[1] == [escaped, deep_pod()]
