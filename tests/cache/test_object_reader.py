"""ObjectReader: from an object's JSON to what the cache keeps, with the transform, or aside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.cache.wire_builders import (
    SECRET,
    deep_pod,
    everything_shown,
    object_reader,
    pod,
    pod_json,
)

from kubeinformer.cache.object_reader import Aside, ObjectReader, Transform
from kubeinformer.cache.salvage import Identity
from kubeinformer.errors import InvalidObject
from kubeinformer.object_bytes import RawBytes
from kubeinformer.objects import KubernetesObject


def kept(reader: ObjectReader, raw: bytes) -> KubernetesObject:
    """Return the object that a reader keeps."""
    read = reader.read(raw)
    assert isinstance(read, KubernetesObject)
    return read


def fault(reader: ObjectReader, raw: bytes) -> InvalidObject:
    """Return why a reader sets an object aside."""
    read = reader.read(raw)
    assert isinstance(read, Aside)
    assert read.error is not None
    return read.error


def test_without_a_transform_the_bytes_are_kept_as_they_came() -> None:
    """`raw` is what the server sent, blanks and order included."""
    raw = b'{ "metadata":{"name":"a"},\t"x":1e+09 }'
    assert kept(object_reader(), raw).raw == raw


@pytest.mark.parametrize(
    ("raw", "identity", "message"),
    [
        (pod_json(labels=None)[:-1] + b',"x":"%s\xff"}' % SECRET.encode(), "ns/a", "not UTF-8"),
        (b'{"metadata":{"name":"a","labels":{"x":"\xff%s"}}}' % SECRET.encode(), "a", "not UTF-8"),
        (b'{"metadata":{"name":"a","labels":{"%s":5}}}' % SECRET.encode(), "a", "Expected `str`, got `int`"),
        (deep_pod("a"), "ns/a", "nested too deeply"),
        (b'{"metadata":{"labels":{"x":"%s"}}}' % SECRET.encode(), "", "metadata.name is empty"),
        (b'{"x":"%s"}' % SECRET.encode(), "", "required field `metadata`"),
        (b'{"metadata":null,"x":"%s"}' % SECRET.encode(), "", "Expected `object`, got `null`"),
        (b'"%s"' % SECRET.encode(), None, "Expected `object`, got `str`"),
        (b"null", None, "Expected `object`, got `null`"),
        (b'{"x":"%s' % SECRET.encode(), None, "truncated"),
        (b"", None, "truncated"),
    ],
)
def test_what_cannot_be_read_is_set_aside(raw: bytes, identity: str | None, message: str) -> None:
    """The error names resource, key and fault, and not a word of the content (Cases C06, C30)."""
    read = object_reader().read(raw)
    assert isinstance(read, Aside)
    assert (read.identity.key if read.identity else None) == identity
    assert read.error is not None
    assert (read.error.resource, read.error.key) == ("pods", identity or "")
    assert message in str(read.error)
    assert SECRET not in everything_shown(read.error)


def test_a_transform_works_on_a_dict_of_its_own_with_the_real_type() -> None:
    """It sees kind and apiVersion although list items lack them, and its result is what is kept (Case C29)."""
    seen: list[dict[str, Any]] = []

    def transform(value: dict[str, Any]) -> dict[str, Any]:
        seen.append({**value})
        value["spec"] = {"added": 18446744073709551615}
        return value

    read = kept(object_reader(transform), pod_json())
    assert seen == [{**pod(), "apiVersion": "v1", "kind": "Pod"}]
    assert read.to_dict() == {**seen[0], "spec": {"added": 18446744073709551615}}
    assert read.key == "ns/a"


def test_a_transform_runs_once_an_object() -> None:
    """Also where it raises, drops the object, or spoils it."""
    calls: list[str] = []

    def transform(value: dict[str, Any]) -> dict[str, Any] | None:
        name = value["metadata"]["name"]
        calls.append(name)
        if name == "raise":
            raise ValueError
        return {} if name == "spoil" else None

    for name in ("raise", "drop", "spoil"):
        assert isinstance(object_reader(transform).read(pod_json(name)), Aside)
    assert calls == ["raise", "drop", "spoil"]


def test_a_transform_is_not_shown_what_cannot_be_read() -> None:
    """It need not know of nameless or broken objects."""
    reader = object_reader(lambda _: pytest.fail("called"))
    for raw in (b"{}", b"null", deep_pod(), b'{"metadata":{"name":"a"},"x":"\xff"}'):
        assert isinstance(reader.read(raw), Aside)


def test_none_from_a_transform_drops_the_object_without_an_error() -> None:
    """The identity tells what must leave the cache."""
    read = object_reader(lambda _: None).read(pod_json("a", "7"))
    assert read == Aside(None, Identity("ns", "a", "7"))


def raising(error: BaseException) -> Transform:
    """Return a transform that raises."""

    def transform(value: dict[str, Any]) -> dict[str, Any]:
        raise error

    return transform


@pytest.mark.parametrize(
    "error",
    [KeyError(SECRET), ValueError(f"no number: {SECRET}"), RecursionError(), asyncio.CancelledError()],
)
def test_whatever_a_transform_raises_costs_that_object_only(error: BaseException) -> None:
    """The error says what was raised where, without its text, which may quote the object (Case C43)."""
    shown = fault(object_reader(raising(error)), pod_json(x=SECRET))
    assert shown.key == "ns/a"
    assert f"the transform raised {type(error).__name__} in transform (test_object_reader.py, line" in str(
        shown
    )
    assert SECRET not in everything_shown(shown)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_the_end_of_the_program_passes_a_transform(error: BaseException) -> None:
    """An interrupt is no fault of the object."""
    with pytest.raises(type(error)):
        object_reader(raising(error)).read(pod_json())


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([SECRET], "Expected `object`, got `array`"),
        (SECRET, "Expected `object`, got `str`"),
        (5, "Expected `object`, got `int`"),
        ({SECRET: SECRET}, "required field `metadata`"),
        ({"metadata": {"namespace": SECRET}}, "metadata.name is empty"),
        ({"metadata": {"name": "a", "namespace": "ns", "labels": {"x": 1}}}, "Expected `str`, got `int`"),
        (pod("b", x=SECRET), "another name or namespace"),
        ({"metadata": {"name": "a", "namespace": "other"}}, "another name or namespace"),
        ({"metadata": {"name": "a"}}, "another name or namespace"),
        (pod("a", x=object()), "cannot be encoded"),
        (pod("a", x={(1, 2): {}}), "cannot be encoded"),
        (pod("a", x="\ud800"), "cannot be encoded"),
    ],
)
def test_odd_results_of_a_transform_are_set_aside(returned: Any, message: str) -> None:
    """What it returned and why that is no object is said; its name and namespace are not its to change."""
    shown = fault(object_reader(lambda _: returned), pod_json())
    assert shown.key == "ns/a"
    assert "what the transform returned" in str(shown)
    assert message in str(shown)
    assert SECRET not in everything_shown(shown)


def test_a_transform_may_return_something_endless() -> None:
    """A dict that holds itself is set aside like any other fault."""

    def transform(value: dict[str, Any]) -> dict[str, Any]:
        value["self"] = value
        return value

    assert "cannot be encoded" in str(fault(object_reader(transform), pod_json()))


def test_managed_fields_are_stripped_before_the_transform() -> None:
    """Nothing else is touched, and the transform does not see them."""
    raw = b'{"metadata":{"managedFields":[{"f":1}],"name":"a"},"spec":{"managedFields":2}}'
    stripped = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"managedFields": 2}}
    assert kept(object_reader(strip_managed_fields=True), raw).to_dict() == stripped
    seen: list[dict[str, Any]] = []

    def transform(value: dict[str, Any]) -> None:
        seen.append(value)

    object_reader(transform, strip_managed_fields=True).read(raw)
    assert seen == [stripped]


def test_only_what_is_kept_goes_into_the_storage() -> None:
    """Bytes that a transform replaced or dropped, or that cannot be read, are never stored."""
    stored: list[bytes] = []

    class Storage(RawBytes):
        def store(self, raw: bytes) -> object:
            stored.append(raw)
            return super().store(raw)

    def transform(value: dict[str, Any]) -> dict[str, Any] | None:
        name = value["metadata"]["name"]
        return None if name == "drop" else {"metadata": {**value["metadata"], "name": "keep"}}

    reader = object_reader(transform, storage=Storage())
    for raw in (pod_json("drop"), pod_json("rename"), b"{}", deep_pod()):
        reader.read(raw)
    assert stored == []
    assert kept(reader, pod_json("keep")).raw == stored[0]
    assert len(stored) == 1
