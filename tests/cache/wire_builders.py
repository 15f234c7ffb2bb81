"""What the tests of the wire share: objects, lists and watch lines as servers write them, well or badly."""

from __future__ import annotations

import traceback
from typing import Any

import msgspec

from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.object_reader import ObjectReader, Transform
from kubeinformer.cache.watch_events import EventReader, StreamInput
from kubeinformer.object_bytes import RAW_BYTES, ObjectBytes
from kubeinformer.resources import Resource

PODS = Resource("", "v1", "pods", "Pod")
SECRET = "topsecretword"  # stands in the bodies of broken answers, and must stand in no message
TOO_DEEP = 100_000  # levels of nesting that no interpreter follows


def pod(name: str = "a", version: str = "1", **fields: Any) -> dict[str, Any]:
    """Return a pod of the namespace `ns` as a list's item has it: without kind and apiVersion."""
    return {"metadata": {"namespace": "ns", "name": name, "resourceVersion": version}, **fields}


def pod_json(name: str = "a", version: str = "1", **fields: Any) -> bytes:
    """Return the JSON of `pod`."""
    return msgspec.json.encode(pod(name, version, **fields))


def deep(levels: int = TOO_DEEP, *, opening: bytes = b'{"n":', closing: bytes = b"}") -> bytes:
    """Return JSON nested `levels` deep."""
    return opening * levels + b"0" + closing * levels


def deep_pod(name: str = "deep", version: str = "1") -> bytes:
    """Return a pod whose body, and the managedFields that follow its shape, nest too deeply to be decoded."""
    metadata = b'"namespace":"ns","name":"%s","resourceVersion":"%s"' % (name.encode(), version.encode())
    return b'{"metadata":{"managedFields":[%s],%s},"spec":%s}' % (deep(), metadata, deep())


def line(event_type: str, raw: bytes) -> bytes:
    """Return a watch line exactly as API servers write it."""
    return b'{"type":"%s","object":%s}' % (event_type.encode(), raw)


def page_json(*items: bytes, version: str = "100") -> bytes:
    """Return the body of a list of pods."""
    head = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"%s"},' % version.encode()
    return head + b'"items":[' + b",".join(items) + b"]}"


def object_reader(
    transform: Transform | None = None,
    *,
    storage: ObjectBytes = RAW_BYTES,
    strip_managed_fields: bool = False,
) -> ObjectReader:
    """Return a reader of pods."""
    return ObjectReader(PODS, storage, transform, strip_managed_fields)


def read_lines(*lines: bytes, transform: Transform | None = None) -> list[StreamInput]:
    """Return what a reader of pods makes of watch lines."""
    return list(EventReader(object_reader(transform)).read(lines))


def changes(said: list[StreamInput]) -> list[tuple[str, str, str | None]]:
    """Return type, key and JSON (None where there is no object) of every change among the inputs."""
    return [
        (delta.type.value, delta.key, delta.object.raw.decode() if delta.object else None)
        for received in said
        if isinstance(received, inputs.Received)
        for delta in received.deltas
    ]


def everything_shown(error: BaseException) -> str:
    """Return all that a log, a report or a debugger shows of an error."""
    return "\n".join((str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)))
