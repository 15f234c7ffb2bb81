"""Events of `events.k8s.io/v1` (KEP-383) as the server wants them: names, references, documents, patches. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec

from kubeinformer.objects import KubernetesObject
from kubeinformer.resources import Resource

EVENTS: Final = Resource("events.k8s.io", "v1", "events", "Event", verbs=("create", "patch"))

NOTE_BYTES: Final = 1024
REASON_BYTES: Final = 128  # also of an action, and of a reporting instance
NAME_LENGTH: Final = 253
_STAMP_LENGTH = 17  # a dot, and nanoseconds in hexadecimal

EventType = Literal["Normal", "Warning"]

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


class ObjectReference(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Which object an event is about: the same for all versions of it, other for one that was made anew."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    uid: str = ""


class EventKey(msgspec.Struct, frozen=True):
    """What makes events equal (with who reports them): equal ones are one series, as in client-go's tools/events.

    The note is not among it, nor the resourceVersion of an object: both may differ from one time to the next.
    """

    type: EventType
    action: str
    reason: str
    regarding: ObjectReference
    related: ObjectReference | None = None

    @property
    def namespace(self) -> str:
        """Where the event is kept: with its object, or in `default` for an object that has no namespace."""
        return self.regarding.namespace or "default"


class Occurrence(NamedTuple):
    """Something happened.

    Attributes:
        key: What.
        note: In words for people.
        time: When, in seconds since 1970.
        versions: The resourceVersions of the object it is about and of the related one, "" where there is none.
    """

    key: EventKey
    note: str
    time: float
    versions: tuple[str, str] = ("", "")


class Reporter(NamedTuple):
    """Who reports."""

    controller: str
    instance: str


def make_reporter(component: str, instance: str | None, hostname: str) -> Reporter:
    """Return the reporter of a component.

    Raises:
        ValueError: The server would take no event of it: `component` is no qualified name, or `instance` too long.
    """
    prefix, slash, name = component.rpartition("/")
    good_prefix = not slash or (len(prefix) <= NAME_LENGTH and _SUBDOMAIN.fullmatch(prefix))
    if not good_prefix or not _QUALIFIED_NAME.fullmatch(name):
        raise ValueError(f"component {component!r}: write 'my-controller' or 'example.com/my-controller'")
    if instance is None:
        return Reporter(component, cut(f"{component}-{hostname}", REASON_BYTES))
    if not instance or len(instance.encode()) > REASON_BYTES:
        raise ValueError(f"instance {instance!r}: 1 to {REASON_BYTES} bytes are allowed")
    return Reporter(component, instance)


def make_occurrence(
    regarding: object,
    type: str,  # noqa: A002  # the API's own word
    reason: str,
    note: str,
    action: str | None,
    related: object,
    time: float,
) -> Occurrence:
    """Return what happened, with nothing of the objects in it that could change later.

    Raises:
        ValueError: A type that the API does not know, no reason, or an object without apiVersion, kind or name.
        TypeError: Something that is no object.
    """
    if type not in ("Normal", "Warning"):
        raise ValueError(f"type {type!r} is neither 'Normal' nor 'Warning'")
    if not reason or action == "":
        raise ValueError("an event needs a reason and an action")
    about, version = object_reference(regarding)
    other, other_version = (None, "") if related is None else object_reference(related)
    reason = cut(reason, REASON_BYTES)
    action = reason if action is None else cut(action, REASON_BYTES)
    key = EventKey(cast("EventType", type), action, reason, about, other)
    return Occurrence(key, cut(str(note), NOTE_BYTES), time, (version, other_version))


def object_reference(target: object) -> tuple[ObjectReference, str]:
    """Return which object it is, and its resourceVersion ("" where it has none).

    Args:
        target: An object of the cache, or a mapping with apiVersion, kind and metadata.

    Raises:
        ValueError: It has no apiVersion, kind or name.
        TypeError: It is something else.
    """
    if isinstance(target, KubernetesObject):
        reference = ObjectReference(
            target.api_version, target.kind, target.name, target.namespace or "", target.uid
        )
        return reference, target.resource_version
    if not isinstance(target, Mapping):
        raise TypeError(f"an event is about an object, or a dict of one, not a {type(target).__name__}")
    metadata = target.get("metadata")
    if not isinstance(metadata, Mapping):
        raise ValueError("an event needs an object with metadata")  # noqa: TRY004  # as what is missing in it
    names = _text(target, "apiVersion"), _text(target, "kind"), _text(metadata, "name")
    if not all(names):
        raise ValueError("an event needs an object with apiVersion, kind and metadata.name")
    reference = ObjectReference(*names, _text(metadata, "namespace"), _text(metadata, "uid"))
    return reference, _text(metadata, "resourceVersion")


def cut(text: str, length: int) -> str:
    """Return a text of at most so many bytes of UTF-8, without half a character at its end."""
    if len(text) * 4 <= length:
        return text if text.isascii() else text.encode(errors="replace").decode()
    return text.encode(errors="replace")[:length].decode(errors="ignore")


def event_name(name: str, nanoseconds: int) -> str:
    """Return the name of an event about an object: `<name>.<time>` as client-go makes it, always a valid one.

    Args:
        name: The object's; what no event may have in its name (RBAC has colons, say) becomes a hyphen.
        nanoseconds: Since 1970, another number each time.
    """
    stamp = f".{nanoseconds:x}"
    if len(name) + len(stamp) > NAME_LENGTH or not _SUBDOMAIN.fullmatch(name):
        name = re.sub("[^a-z0-9]+", "-", name.lower())[: NAME_LENGTH - _STAMP_LENGTH].strip("-") or "event"
    return name + stamp


def event_document(
    first: Occurrence, reporter: Reporter, name: str, count: int, last_time: float
) -> dict[str, Any]:
    """Return the event to create; one that happened several times begins as a series.

    Args:
        first: What happened the first time.
        reporter: Who saw it.
        name: Its name.
        count: How often it has happened.
        last_time: When it last did, in seconds since 1970.
    """
    key = first.key
    document = {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": name, "namespace": key.namespace},
        "eventTime": micro_time(first.time),
        "type": key.type,
        "reason": key.reason,
        "action": key.action,
        "note": first.note,
        "reportingController": reporter.controller,
        "reportingInstance": reporter.instance,
        "regarding": _reference(key.regarding, first.versions[0]),
    }
    if key.related is not None:
        document["related"] = _reference(key.related, first.versions[1])
    return document | series_patch(count, last_time) if count > 1 else document


def series_patch(count: int, last_time: float) -> dict[str, Any]:
    """Return the merge patch that says how often an event has happened, and when last (seconds since 1970)."""
    return {"series": {"count": count, "lastObservedTime": micro_time(last_time)}}


def micro_time(seconds: float) -> str:
    """Return seconds since 1970 as the API's MicroTime."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _reference(reference: ObjectReference, resource_version: str) -> dict[str, str]:
    fields = cast("dict[str, str]", msgspec.to_builtins(reference))
    return fields | {"resourceVersion": resource_version} if resource_version else fields


def _text(fields: Mapping[str, Any], name: str) -> str:
    text = fields.get(name)
    if text is not None and not isinstance(text, str):
        raise ValueError(f"an event needs an object whose {name} is a string")
    return text or ""
