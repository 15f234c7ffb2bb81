"""KubernetesObject: read-only, complete, decoded afresh for every reader, and silent about its body."""

from __future__ import annotations

import copy
import operator
import pickle
import pprint
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeinformer.errors import InvalidObject
from kubeinformer.objects import (
    DeletedFinalStateUnknown,
    KubernetesObject,
    OwnerReference,
    decode_header,
    decode_object,
    make_object,
)
from kubeinformer.resources import Resource

PODS = Resource("", "v1", "pods", "Pod")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
SECRET = "topsecretword"
FULL = b"""{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"ns","uid":"u1","resourceVersion":"7",
"generation":3,"labels":{"app":"web"},"annotations":{"note":"x"},"finalizers":["f/one","f/two"],
"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"rs","uid":"u2","controller":true,
"blockOwnerDeletion":true,"extra":1}],"creationTimestamp":"2024-02-03T04:05:06Z",
"deletionTimestamp":"2024-02-03T04:05:06.789012345+02:00","managedFields":[{"manager":"m"}]},
"spec":{"nodeName":"n1","containers":[{"name":"c"}]}}"""
BARE = b'{"metadata":{"name":"a"}}'
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


def pod(raw: bytes = FULL) -> KubernetesObject:
    """Return the pod in `raw`."""
    return decode_object(raw, PODS)


# -- the header ---------------------------------------------------------------------------------------------------


def test_the_fields_of_the_metadata_are_attributes() -> None:
    """Each under its name, read from the JSON of the object."""
    full = pod()
    assert (full.name, full.namespace, full.key) == ("a", "ns", "ns/a")
    assert (full.uid, full.resource_version, full.generation) == ("u1", "7", 3)
    assert (full.labels, full.annotations) == ({"app": "web"}, {"note": "x"})
    assert full.finalizers == ("f/one", "f/two")
    assert full.owner_references == (
        OwnerReference("ReplicaSet", "rs", "u2", "apps/v1", controller=True, block_owner_deletion=True),
    )
    assert full.creation_timestamp == datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
    deleted = full.deletion_timestamp
    assert deleted is not None
    assert deleted.utcoffset() == timedelta(hours=2)
    assert deleted.microsecond == 789012


@pytest.mark.parametrize("value", [None, b"null"])
def test_absent_and_null_read_alike(value: bytes | None) -> None:
    """As empty strings and collections, or as None where there is no empty value (Case C30)."""
    fields = ["namespace", "uid", "resourceVersion", "generation", "labels", "annotations", "finalizers"]
    fields += ["ownerReferences", "creationTimestamp", "deletionTimestamp"]
    nulls = b"".join(b',"%s":%s' % (field.encode(), value) for field in fields) if value else b""
    bare = pod(b'{"metadata":{"name":"a"%s}}' % nulls)
    assert (bare.name, bare.namespace, bare.key) == ("a", None, "a")
    assert (bare.uid, bare.resource_version, bare.generation) == ("", "", None)
    assert (bare.labels, bare.annotations, bare.finalizers, bare.owner_references) == ({}, {}, (), ())
    assert (bare.creation_timestamp, bare.deletion_timestamp) == (None, None)


def test_an_empty_namespace_is_none() -> None:
    """Cluster-scoped objects may spell it out."""
    spelled = pod(b'{"metadata":{"name":"a","namespace":""}}')
    assert (spelled.namespace, spelled.key) == (None, "a")


def test_any_name_is_kept() -> None:
    """Some kinds allow far more than DNS labels (Case C31)."""
    raw = msgspec.json.encode({"metadata": {"name": "team a:x,y=z+é/ü"}})
    assert pod(raw).key == "team a:x,y=z+é/ü"


def test_a_timestamp_that_is_none_is_told_without_its_text() -> None:
    """Only the reader of that field sees a ValueError."""
    odd = pod(b'{"metadata":{"name":"a","creationTimestamp":"%s"}}' % SECRET.encode())
    with pytest.raises(ValueError, match="creationTimestamp") as caught:
        odd.creation_timestamp  # noqa: B018 - reading it is the test
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert odd["metadata"]["creationTimestamp"] == SECRET


# -- the real type ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b'"kind":null,"apiVersion":null,',
        b'"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",',
        b'"kind":"Deployment",',
        b'"apiVersion":"apps/v1",',
        b'"kind":"Deployment","apiVersion":"apps/v1beta1",',
        b'"kind":"Deployment","apiVersion":"apps/v1",',
    ],
)
@pytest.mark.parametrize("end", [b"", b" \n"])
def test_kind_and_api_version_are_always_the_real_ones(start: bytes, end: bytes) -> None:
    """On every way to read them, whatever the server sent; `raw` is what it sent (Case C29)."""
    raw = b'{%s"metadata":{"name":"a"},"spec":{"kind":"other"}}%s' % (start, end)
    found = decode_object(raw, DEPLOYMENTS)
    expected = {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "a"},
        "spec": {"kind": "other"},
    }
    assert (
        (found.kind, found.api_version) == (found["kind"], found["apiVersion"]) == ("Deployment", "apps/v1")
    )
    assert found.to_dict() == dict(found) == found.decode(dict) == expected
    assert sorted(found) == sorted(expected)
    assert (len(found), "kind" in found, found.get("apiVersion")) == (4, True, "apps/v1")
    assert found.raw == raw


def test_list_items_and_watch_events_of_one_object_are_equal() -> None:
    """That one came with its type and the other without makes no difference (Case C29)."""
    listed = decode_object(BARE, PODS)
    watched = decode_object(b'{"kind":"Pod","apiVersion":"v1",' + BARE[1:], PODS)
    assert listed == watched
    assert hash(listed) == hash(watched)


# -- the body -----------------------------------------------------------------------------------------------------


def test_it_reads_as_the_mapping_that_its_json_is() -> None:
    """All of Mapping, pattern matching included."""
    full = pod()
    assert full["spec"]["nodeName"] == "n1"
    assert full.get("status") is None
    assert full.get("status", {}) == {}
    assert list(full) == list(full.keys()) == ["kind", "apiVersion", "metadata", "spec"]
    assert dict(full.items()) == {**full} == full.to_dict()
    assert ("spec" in full, "status" in full, len(full), bool(full)) == (True, False, 4, True)
    assert isinstance(full, Mapping)
    match full:
        case {"spec": {"nodeName": node}}:
            assert node == "n1"
        case _:
            pytest.fail("an object matches mapping patterns")
    with pytest.raises(KeyError, match="status"):
        full["status"]


def test_each_access_decodes_afresh() -> None:
    """What a reader gets is its own: writing to it is seen by nobody else (Case C36)."""
    full = pod()
    for read in (full.to_dict, lambda: dict(full), lambda: full.decode(dict)):
        mine = cast("dict[str, Any]", read())
        mine["spec"]["nodeName"] = "changed"
        mine["metadata"]["labels"].clear()
        mine["spec"]["containers"].append("x")
    full["spec"]["nodeName"] = "changed"
    assert full.to_dict() == msgspec.json.decode(FULL)
    assert full.labels == {"app": "web"}


CHANGES: dict[str, Callable[[Any], object]] = {
    "attribute": lambda obj: setattr(obj, "name", "b"),
    "field": lambda obj: setattr(obj, "_metadata", None),
    "new attribute": lambda obj: setattr(obj, "note", 1),
    "delete attribute": lambda obj: delattr(obj, "name"),
    "item": lambda obj: operator.setitem(obj, "spec", {}),
    "delete item": lambda obj: operator.delitem(obj, "spec"),
    "label": lambda obj: operator.setitem(obj.labels, "app", "b"),
    "annotation": lambda obj: operator.setitem(obj.annotations, "note", "b"),
    "finalizer": lambda obj: operator.setitem(obj.finalizers, 0, "b"),
    "owner": lambda obj: setattr(obj.owner_references[0], "name", "b"),
    "resource": lambda obj: setattr(obj._resource, "kind", "b"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("kind", [pod, lambda: DeletedFinalStateUnknown.of(pod())])
def test_it_is_read_only(change: Callable[[Any], object], kind: Callable[[], KubernetesObject]) -> None:
    """Every way of writing to it raises (Case C36)."""
    with pytest.raises((AttributeError, TypeError)):
        change(kind())


@pytest.mark.parametrize(
    "text", ["9223372036854775807", "18446744073709551615", "-9223372036854775808", "0", "1" * 40]
)
def test_whole_numbers_keep_all_their_digits(text: str) -> None:
    """They stay ints of any size (Case C30)."""
    value = pod(b'{"metadata":{"name":"a"},"x":%s}' % text.encode())["x"]
    assert type(value) is int
    assert str(value) == text


@pytest.mark.parametrize(("text", "expected"), [("1e+09", 1e9), ("1.0", 1.0), ("-0.5E-3", -0.0005)])
def test_other_numbers_stay_floats(text: str, expected: float) -> None:
    """Their spelling survives in `raw` (Case C30)."""
    found = pod(b'{"metadata":{"name":"a"},"x":%s}' % text.encode())
    assert type(found["x"]) is float
    assert found["x"] == found.to_dict()["x"] == expected
    assert text.encode() in found.raw


@given(
    st.dictionaries(st.text().filter(lambda key: key not in {"kind", "apiVersion", "metadata"}), JSON_VALUES)
)
def test_any_json_survives(fields: dict[str, Any]) -> None:
    """What was sent is what is read, field by field and as a whole."""
    sent = {"metadata": {"name": "a"}, **fields}
    found = pod(msgspec.json.encode(sent))
    assert found.to_dict() == {**sent, "kind": "Pod", "apiVersion": "v1"}
    assert {field: found[field] for field in fields} == fields
    assert found.raw == msgspec.json.encode(sent)


# -- repr, equality, copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "show", [repr, str, pprint.pformat, "{}".format, lambda obj: repr(list(obj.__rich_repr__()))]
)
def test_nothing_that_prints_it_shows_the_body(show: Callable[[Any], str]) -> None:
    """It names kind, key and version: a Secret can be logged."""
    raw = (
        b'{"metadata":{"name":"a","namespace":"ns","resourceVersion":"7","labels":{"x":"%s"}},"data":"%s"}'
        % ((SECRET.encode(),) * 2)
    )
    for shown in (show(pod(raw)), show(DeletedFinalStateUnknown.of(pod(raw)))):
        assert SECRET not in shown
        assert "ns/a" in shown
        assert "7" in shown


def test_objects_are_equal_by_content_and_hashed_by_identity_and_version() -> None:
    """Equal objects have equal hashes; any other key, version or content makes a difference."""
    other_spelling = msgspec.json.format(FULL, indent=4)
    assert pod() == pod(other_spelling)
    assert hash(pod()) == hash(pod(other_spelling))
    assert {pod(), pod(other_spelling)} == {pod()}
    changed = [FULL.replace(b'"7"', b'"8"'), FULL.replace(b'"n1"', b'"n2"'), FULL.replace(b'"u1"', b'"u9"')]
    for raw in changed:
        assert pod() != pod(raw)
    assert decode_object(BARE, PODS) != decode_object(BARE, DEPLOYMENTS)


def test_an_object_equals_the_mapping_of_its_json() -> None:
    """Which makes tests short; anything else it does not equal."""
    assert pod() == pod().to_dict()
    assert pod().to_dict() == pod()
    assert pod() == MappingProxyType(pod().to_dict())
    assert pod() != {}
    assert pod() != "a"
    assert pod() != None  # noqa: E711 - the operator is the test


@pytest.mark.parametrize("kind", [KubernetesObject, DeletedFinalStateUnknown])
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, *(lambda obj, n=n: pickle.loads(pickle.dumps(obj, n)) for n in range(2, 6))],
)
def test_copies_and_pickles_are_the_same_object(
    kind: type[KubernetesObject], duplicate: Callable[[KubernetesObject], KubernetesObject]
) -> None:
    """Type, bytes and real kind come along, without the storage of the process that made it."""
    original = decode_object(FULL, DEPLOYMENTS)
    if kind is DeletedFinalStateUnknown:
        original = DeletedFinalStateUnknown.of(original)
    duplicated = duplicate(original)
    assert type(duplicated) is kind
    assert duplicated == original
    assert (duplicated.raw, duplicated.kind, duplicated.labels) == (FULL, "Deployment", {"app": "web"})


def test_bytes_are_asked_of_the_storage_at_each_read() -> None:
    """The header needs none: the storage alone decides where the bodies lie."""
    loads: list[object] = []

    class Reversed:
        def store(self, raw: bytes) -> object:
            return raw[::-1]

        def load(self, handle: object) -> bytes:
            loads.append(handle)
            return cast("bytes", handle)[::-1]

    stored = decode_object(FULL, PODS, Reversed())
    assert (stored.name, stored.labels, stored.key, repr(stored)) == (
        "a",
        {"app": "web"},
        "ns/a",
        repr(pod()),
    )
    assert loads == []
    assert (stored.raw, stored["spec"]["nodeName"]) == (FULL, "n1")
    assert loads == [FULL[::-1]] * 2
    assert pickle.loads(pickle.dumps(stored)) == pod()


# -- tombstones ---------------------------------------------------------------------------------------------------


def test_a_tombstone_is_used_like_the_object_it_stands_for() -> None:
    """Nobody must unwrap it, and who wants to know can tell (Case C10)."""
    last = pod()
    tombstone = DeletedFinalStateUnknown.of(last)
    assert isinstance(tombstone, KubernetesObject)
    assert tombstone == last
    assert hash(tombstone) == hash(last)
    assert (tombstone.key, tombstone["spec"], tombstone.raw) == (last.key, last["spec"], last.raw)
    assert type(tombstone.object) is KubernetesObject
    assert tombstone.object == last


# -- what is no object --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", "truncated"),
        (b"null", "Expected `object`, got `null`"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `metadata`"),
        (b'{"metadata":null,"x":"%s"}' % SECRET.encode(), "Expected `object`, got `null`"),
        (b'{"metadata":{},"x":"%s"}' % SECRET.encode(), "metadata.name is empty"),
        (b'{"metadata":{"name":""}}', "metadata.name is empty"),
        (b'{"metadata":{"name":5}}', "Expected `str | null`, got `int`"),
        (b'{"metadata":{"name":"a","labels":{"%s":5}}}' % SECRET.encode(), "Expected `str`, got `int`"),
        (b'{"metadata":{"name":"a","generation":"%s"}}' % SECRET.encode(), "Expected `int | null`"),
        (b'{"metadata":{"name":"a","labels":{"x":"%s\xff"}}}' % SECRET.encode(), "not UTF-8"),
        (b'{"metadata":{"name":"a"},"x":"%s\xff"}' % SECRET.encode(), "not UTF-8"),
        (b'{"metadata":{"name":"a"},"x":"%s\xed\xa0\x80"}' % SECRET.encode(), "not UTF-8"),
        (b'{"metadata":{"name":"a"},"x":"%s\\ud800"}' % SECRET.encode(), "truncated"),
        (b'{"metadata":{"name":"a"},"x":tru%s}' % SECRET.encode(), "malformed"),
        (b'{"metadata":{"name":"a"}}%s' % SECRET.encode(), "trailing characters"),
        (b'{"metadata":{"name":"a"},"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    ],
)
def test_what_is_no_object_is_refused(raw: bytes, fault: str) -> None:
    """On arrival, so that no later read fails; the error shows nothing of the content (Case C30)."""
    with pytest.raises(InvalidObject) as caught:
        decode_object(raw, PODS)
    error = caught.value
    assert fault in str(error)
    assert error.resource == "pods"
    assert SECRET not in f"{error!r}\n" + "".join(traceback.format_exception(error))


def test_the_two_steps_of_decoding_give_the_same_object() -> None:
    """A watch decodes the header first and makes the object later."""
    header = decode_header(FULL, PODS)
    assert make_object(header, FULL, PODS, pod()._storage) == pod()
