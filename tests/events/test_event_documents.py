"""Events as the API wants them: references, names, lengths, and who reports."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubeinformer.events.event_documents import (
    EventKey,
    Occurrence,
    cut,
    event_document,
    event_name,
    make_occurrence,
    make_reporter,
    object_reference,
    series_patch,
)
from kubeinformer.objects import DeletedFinalStateUnknown, decode_object
from kubeinformer.resources import Resource

PODS = Resource("", "v1", "pods", "Pod")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "7"},
}
REPORTER = make_reporter("example.com/shopkeeper", None, "host-1")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def made(regarding: object = POD, **given: Any) -> Occurrence:
    """Return an occurrence of the usual, but for what is given."""
    usual = {"type": "Normal", "reason": "Made", "note": "it is there", "action": None, "related": None}
    return make_occurrence(regarding, time=1_800_000_000.25, **{**usual, **given})


def test_an_event_has_references_and_note() -> None:
    """Invariant 304: the object it is about, the related one, the note, and who reports, in the API's own fields."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}
    document = event_document(made(related=node, action="Place"), REPORTER, "web.1", 1, 1_800_000_000.25)
    assert document == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "web.1", "namespace": "shop"},
        "eventTime": "2027-01-15T08:00:00.250000Z",
        "type": "Normal",
        "reason": "Made",
        "action": "Place",
        "note": "it is there",
        "reportingController": "example.com/shopkeeper",
        "reportingInstance": "example.com/shopkeeper-host-1",
        "regarding": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": "web",
            "namespace": "shop",
            "uid": "u1",
            "resourceVersion": "7",
        },
        "related": {"apiVersion": "v1", "kind": "Node", "name": "n1"},
    }


def test_what_happened_several_times_is_a_series_from_the_start() -> None:
    """Invariant 299: count and last time are in the document where its creation comes late; a patch has only these."""
    document = event_document(made(), REPORTER, "web.1", 3, 1_800_000_060.0)
    patch = series_patch(3, 1_800_000_060.0)
    assert patch == {"series": {"count": 3, "lastObservedTime": "2027-01-15T08:01:00.000000Z"}}
    assert document["series"] == patch["series"]
    assert document["eventTime"] == "2027-01-15T08:00:00.250000Z"


def test_without_a_namespace_it_is_in_default() -> None:
    """Invariant 293: an event about a node, or about a namespace itself, is kept in `default`."""
    node = made({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}})
    assert node.key.namespace == "default"
    assert "namespace" not in event_document(node, REPORTER, "n1.1", 1, 0.0)["regarding"]


def test_objects_of_the_cache_name_themselves() -> None:
    """Invariant 304: full objects, those with metadata only (of another kind, they say) and deleted ones."""
    metadata = b'"metadata":{"name":"web","namespace":"shop","uid":"u1","resourceVersion":"7"}'
    bare = decode_object(b"{%s}" % metadata, DEPLOYMENTS)
    partial = decode_object(
        b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",%s}' % metadata, DEPLOYMENTS
    )
    expected = object_reference({**POD, "apiVersion": "apps/v1", "kind": "Deployment"})
    assert expected[1] == "7"
    for found in (bare, partial, DeletedFinalStateUnknown.of(bare)):
        assert object_reference(found) == expected


def test_what_makes_events_equal() -> None:
    """Invariant 288: another uid, type, reason, action or related object does; a note or a resourceVersion does not."""
    later = {**POD, "metadata": {**POD["metadata"], "resourceVersion": "8"}}
    reborn = {**POD, "metadata": {**POD["metadata"], "uid": "u2"}}
    assert made(later, note="other words").key == made().key
    others: set[EventKey] = {
        made().key,
        made(reborn).key,
        made(type="Warning").key,
        made(reason="Broke").key,
        made(action="Try").key,
        made(related=POD).key,
        made(related=reborn).key,
    }
    assert len(others) == 7
    assert made(action="Made").key == made().key


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"type": "Error"}, ValueError, "'Error' is neither 'Normal' nor 'Warning'"),
        ({"reason": ""}, ValueError, "needs a reason"),
        ({"action": ""}, ValueError, "needs a reason and an action"),
        ({"regarding": "pod web"}, TypeError, "not a str"),
        ({"regarding": {"kind": "Pod"}}, ValueError, "with metadata"),
        ({"regarding": {"kind": "Pod", "metadata": {"name": "a"}}}, ValueError, "apiVersion, kind and"),
        ({"regarding": {**POD, "metadata": {"name": 5}}}, ValueError, "name is a string"),
        ({"related": {**POD, "metadata": {}}}, ValueError, "metadata.name"),
    ],
)
def test_mistakes_of_the_program_are_raised(
    given: dict[str, Any], error: type[Exception], words: str
) -> None:
    """They are found where they are made, not in a log."""
    with pytest.raises(error, match=words):
        made(**given)


def test_long_texts_are_cut() -> None:
    """A note to 1,024 bytes, reason and action to 128, none in the middle of a character; odd ones become JSON."""
    key, note, *_ = made(note="ä" * 600 + "€" * 600, reason="R" * 200, action="ß" * 100)
    assert len(note.encode()) <= 1024
    assert note == "ä" * 512
    assert (key.reason, key.action) == ("R" * 128, "ß" * 64)
    assert cut("a€", 3) == "a"
    assert made(note="\ud800!").note == "?!"
    assert made(note="x" * 1024).note == "x" * 1024


@pytest.mark.parametrize(
    "name", ["web", "a.b-c", "system:node:x", "UPPER", "a" * 253, "日本", "-", "a" * 240 + ":"]
)
def test_names_are_valid_and_their_own(name: str) -> None:
    """Invariant 298: `<object>.<time>`, and a valid name also where the object's is not one for an event."""
    names = {event_name(name, 1_800_000_000_000_000_000 + step) for step in range(3)}
    assert len(names) == 3
    for found in names:
        assert SUBDOMAIN.fullmatch(found), found
        assert len(found) <= 253
    assert event_name("web", 255) == "web.ff"
    assert event_name("system:node", 255) == "system-node.ff"


def test_who_reports_is_checked_at_once() -> None:
    """A component that the server would refuse with every event is a mistake of the program."""
    assert make_reporter("c", None, "h" * 200).instance == "c-" + "h" * 126
    assert make_reporter("c", "mine", "h").instance == "mine"
    for bad in ("", "a b", "/c", "Example.com/c", "c" * 64, "a/b/c"):
        with pytest.raises(ValueError, match="my-controller"):
            make_reporter(bad, None, "h")
    for bad in ("", "i" * 129):
        with pytest.raises(ValueError, match="1 to 128 bytes"):
            make_reporter("c", bad, "h")
