"""read_page: lists as servers write them, and all that comes in place of a list."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cache.wire_builders import (
    SECRET,
    deep,
    deep_pod,
    everything_shown,
    object_reader,
    page_json,
    pod,
    pod_json,
)

from kubeinformer.cache.list_pages import ListPage, read_page
from kubeinformer.errors import Expired, Forbidden, InvalidResponse, StatusError

NAMES = st.text(min_size=1, max_size=8)


def read(body: bytes) -> ListPage:
    """Return the page of pods in a body."""
    return read_page(body, object_reader())


def names(page: ListPage) -> list[str]:
    """Return the names of what was read."""
    return [found.name for found in page.objects]


def test_a_page_holds_objects_version_and_token() -> None:
    """Items come in order, complete with kind and apiVersion, which they lack on the wire (Case C29)."""
    body = msgspec.json.encode(
        {"metadata": {"resourceVersion": "10", "continue": "t0k"}, "items": [pod("b"), pod("a")]}
    )
    page = read(body)
    assert (names(page), page.asides, page.version, page.token) == (["b", "a"], [], "10", "t0k")
    assert page.objects[0].to_dict() == {**pod("b"), "apiVersion": "v1", "kind": "Pod"}
    assert page.objects[0].raw == pod_json("b")


@given(st.lists(NAMES), st.integers(0, 3), st.randoms())
def test_spelling_does_not_matter(found: list[str], indent: int, random: Any) -> None:
    """Blanks, the order of the keys and further keys change nothing."""
    members: list[tuple[str, Any]] = [
        ("kind", "List"),
        ("metadata", {"x": 1, "resourceVersion": "5"}),
        ("x", {"items": [1]}),
    ]
    members.append(("items", [pod(name) for name in found]))
    random.shuffle(members)
    page = read(msgspec.json.format(msgspec.json.encode(dict(members)), indent=indent))
    assert (names(page), page.version, page.token) == (found, "5", "")


@pytest.mark.parametrize("items", [b"null", b"[]", b" [ ] "])
def test_an_empty_list_may_be_null(items: bytes) -> None:
    """`items: null` is a list of nothing (Case C02)."""
    page = read(b'{"metadata":{"resourceVersion":"3"},"items":' + items + b"}")
    assert (page.objects, page.asides, page.version) == ([], [], "3")


@pytest.mark.parametrize(
    "metadata",
    [b"", b'"metadata":null,', b'"metadata":{},', b'"metadata":{"resourceVersion":null,"continue":null},'],
)
def test_a_list_may_lack_its_version(metadata: bytes) -> None:
    """As the lists of some aggregated APIs do; the items are read all the same (Case C14)."""
    page = read(b"{" + metadata + b'"items":[' + pod_json() + b"]}")
    assert (names(page), page.version, page.token) == (["a"], "", "")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b" \r\n", "the body is empty"),
        (b"null", "not a list"),
        (b"[]", "not a list"),
        (b"5", "not a list"),
        (b'"%s"' % SECRET.encode(), "not a list"),
        (b"{}", "not a list of objects: kind unknown"),
        (pod_json(x=SECRET), "not a list of objects: kind unknown"),
        (b'{"kind":"Pod","metadata":{"name":"%s"}}' % SECRET.encode(), "not a list of objects: kind Pod"),
        (b'{"kind":"Table","apiVersion":"meta.k8s.io/v1","rows":["%s"]}' % SECRET.encode(), "kind Table"),
        (b'{"kind":"Table","apiVersion":"meta.k8s.io/v1","items":["%s"]}' % SECRET.encode(), "kind Table"),
        (b"<html><body>%s</body></html>" % SECRET.encode(), "not a list: JSON is malformed"),
        (b'{"items":[{"metadata":{"name":"%s"}}' % SECRET.encode(), "truncated"),
        (b'{"items":[{"metadata":{"name":"%s"}},]}' % SECRET.encode(), "not a list: JSON is malformed"),
        (page_json(pod_json(x=SECRET)) + SECRET.encode(), "not a list: JSON is malformed"),
        (b'{"items":{"%s":{}}}' % SECRET.encode(), "Expected `array | null`"),
        (b'{"items":[],"metadata":"%s"}' % SECRET.encode(), "Expected `object | null`"),
        (b'{"items":[],"metadata":{"resourceVersion":5,"x":"%s"}}' % SECRET.encode(), "resourceVersion"),
        (b'{"items":[],"metadata":{"continue":"\xff%s"}}' % SECRET.encode(), "not UTF-8"),
        (b'{"items":%s}' % deep(opening=b"[", closing=b"]")[:-9], "nested too deeply"),
        (b'{"items":[],"metadata":%s}' % deep(), "nested too deeply"),
        (deep(), "nested too deeply"),
        (page_json(deep_pod()) + b"x", "nested too deeply"),
        (page_json(deep_pod())[:-1] + b',"x":%s!}' % SECRET.encode(), "not a list: JSON is malformed"),
    ],
)
def test_what_is_no_list_is_refused(body: bytes, message: str) -> None:
    """The error says what is wrong with the answer, and not a word of its content (Case C08)."""
    with pytest.raises(InvalidResponse, match=message) as caught:
        read(body)
    assert (caught.value.code, caught.value.verb, caught.value.resource) == (200, "list", "pods")
    assert SECRET not in everything_shown(caught.value)


def test_a_list_kind_may_be_called_table() -> None:
    """Only the Table of `meta.k8s.io` is no list: a custom resource may bear any name."""
    assert names(read(b'{"kind":"Table","apiVersion":"example.com/v1","items":[' + pod_json() + b"]}")) == [
        "a"
    ]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"code": 410, "reason": "Expired"}, Expired),
        ({"code": 403, "reason": "Forbidden", "message": "no"}, Forbidden),
        ({}, StatusError),
    ],
)
def test_a_status_in_place_of_a_list_is_its_error(fields: dict[str, Any], kind: type[StatusError]) -> None:
    """It is raised as what it says (Case C08)."""
    with pytest.raises(kind) as caught:
        read(msgspec.json.encode({"kind": "Status", "apiVersion": "v1", "metadata": {}, **fields}))
    assert (caught.value.code, caught.value.verb, caught.value.resource) == (
        fields.get("code", 500),
        "list",
        "pods",
    )


BROKEN = {
    "no-metadata": (b'{"x":"%s"}' % SECRET.encode(), ""),
    "metadata-null": (b'{"metadata":null}', ""),
    "no-name": (b'{"metadata":{"namespace":"ns"}}', ""),
    "null": (b"null", None),
    "number": (b"5", None),
    "array": (b'["%s"]' % SECRET.encode(), None),
    "labels-no-utf8": (b'{"metadata":{"name":"x","labels":{"a":"%s\xff"}}}' % SECRET.encode(), "x"),
    "field-no-utf8": (b'{"metadata":{"name":"x"},"data":"%s\xff"}' % SECRET.encode(), "x"),
    "labels-no-strings": (b'{"metadata":{"name":"x","labels":{"%s":{}}}}' % SECRET.encode(), "x"),
    "too-deep": (deep_pod("x"), "ns/x"),
}


@pytest.mark.parametrize(("broken", "key"), BROKEN.values(), ids=BROKEN)
def test_a_broken_item_costs_only_itself(broken: bytes, key: str | None) -> None:
    """Its neighbours are read, and it is set aside with its key where it has one (Cases C06, C30)."""
    page = read(page_json(pod_json("before"), broken, pod_json("after", labels=None)))
    assert (names(page), page.version) == (["before", "after"], "100")
    [aside] = page.asides
    assert (aside.identity.key if aside.identity else None) == key
    assert aside.error is not None
    assert SECRET not in everything_shown(aside.error)


def test_broken_items_of_every_kind_beside_a_deep_one() -> None:
    """The way around an item that is too deep finds all the others, and the same faults."""
    page = read(page_json(*[raw for raw, _ in BROKEN.values()], pod_json("after")))
    assert names(page) == ["after"]
    found = [aside.identity.key if aside.identity else None for aside in page.asides]
    assert found == [key for _, key in BROKEN.values()]


def test_a_page_beside_a_deep_item_keeps_version_and_token() -> None:
    """Also where they stand behind the items, and others are called items."""
    body = b'{"x":{"items":[1]},"items":[%s,%s],"metadata":{"continue":"t","resourceVersion":"9"}}'
    page = read(body % (deep_pod(), pod_json()))
    assert (names(page), page.version, page.token) == (["a"], "9", "t")


def test_three_thousand_levels_cost_no_neighbour() -> None:
    """Whether the interpreter can follow them or not (it depends on its version)."""
    nested = b'{"metadata":{"name":"x"},"spec":' + deep(3_000) + b"}"
    page = read(page_json(pod_json("before"), nested, pod_json("after")))
    assert [name for name in names(page) if name != "x"] == ["before", "after"]
    keys = [aside.identity.key for aside in page.asides if aside.identity]
    assert keys + [name for name in names(page) if name == "x"] == ["x"]


def test_objects_do_not_keep_their_page_alive() -> None:
    """Each has a copy of its own bytes: exactly as long as they are."""
    page = read(page_json(pod_json("a"), pod_json("b", x="y" * 100_000)))
    assert type(page.objects[0].raw) is bytes
    assert page.objects[0].raw == pod_json("a")


def test_what_the_transform_drops_is_aside_without_an_error() -> None:
    """It is gone on purpose, and counts as that."""
    page = read_page(page_json(pod_json("a"), pod_json("b")), object_reader(lambda _: None))
    assert page.objects == []
    assert [(aside.error, aside.identity.key if aside.identity else "") for aside in page.asides] == [
        (None, "ns/a"),
        (None, "ns/b"),
    ]


def test_a_long_page_with_a_deep_item_takes_linear_time() -> None:
    """The slow way is slow, not quadratic."""
    item = pod_json("a", spec={"containers": [{"name": f"c{n}", "args": ["x", "y"]} for n in range(30)]})
    started = time.process_time()
    page = read(page_json(*[item] * 500, deep_pod()))
    assert time.process_time() - started < 5
    assert (len(page.objects), len(page.asides)) == (500, 1)
