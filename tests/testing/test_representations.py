"""The forms of an answer: metadata alone, tables, compression, dry runs, scale."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest
from tests.testing.asking import MERGE, METADATA, METADATA_LIST, TABLE, ask

from kubeinformer.testing import APIServer

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer() as running:
        running.create("configmaps", {"metadata": {"name": "a", "labels": {"x": "y"}}, "data": {"k": "v"}})
        yield running


def test_metadata_alone(server: APIServer) -> None:
    """An object, a list, and the events of a watch come as PartialObjectMetadata, without the body."""
    one = ask(server, "GET", f"{MAPS}/a", Accept=METADATA).body
    assert (one["kind"], one["apiVersion"], sorted(one)) == (
        "PartialObjectMetadata",
        "meta.k8s.io/v1",
        ["apiVersion", "kind", "metadata"],
    )
    listed = ask(server, "GET", MAPS, Accept=METADATA_LIST).body
    assert (listed["kind"], listed["items"]) == ("PartialObjectMetadataList", [one])
    watch = f"{MAPS}?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    added, bookmark = ask(server, "GET", f"{watch}&allowWatchBookmarks=true", Accept=METADATA).body
    assert added == {"type": "ADDED", "object": one}
    assert bookmark["object"]["kind"] == "PartialObjectMetadata"
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_the_form_must_fit_the_answer(server: APIServer) -> None:
    """406 for an object as a list, a list as an object, and for what is not JSON; the first that is known wins."""
    for path, form in ((MAPS, METADATA), (f"{MAPS}/a", METADATA_LIST), (MAPS, "text/html")):
        status, _, refusal = ask(server, "GET", path, Accept=form)
        assert (status, refusal["reason"]) == (406, "NotAcceptable")
    typed = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    found = ask(server, "GET", MAPS, Accept=f"{typed},{METADATA_LIST},application/json").body
    assert found["kind"] == "PartialObjectMetadataList"
    assert (
        ask(server, "GET", MAPS, Accept="application/vnd.kubernetes.protobuf,application/json").status == 200
    )


@pytest.mark.parametrize(
    ("include", "kind"),
    [("", "PartialObjectMetadata"), ("Metadata", "PartialObjectMetadata"), ("Object", "ConfigMap")],
)
def test_a_table_has_a_row_an_object(server: APIServer, include: str, kind: str) -> None:
    """`includeObject` says what goes with a row."""
    table = ask(server, "GET", f"{MAPS}?includeObject={include}", Accept=TABLE).body
    assert (table["kind"], table["metadata"]["resourceVersion"]) == ("Table", str(server.resource_version))
    [row] = table["rows"]
    assert (row["cells"][0], row["object"]["kind"]) == ("a", kind)


def test_a_table_without_objects_and_a_wrong_word(server: APIServer) -> None:
    """`None` is null; anything else is 400."""
    assert ask(server, "GET", f"{MAPS}?includeObject=None", Accept=TABLE).body["rows"][0]["object"] is None
    assert ask(server, "GET", f"{MAPS}?includeObject=All", Accept=TABLE).status == 400


def test_large_answers_are_compressed_for_those_who_ask(server: APIServer) -> None:
    """From 128 KiB on, as kube-apiserver does; a watch never."""
    assert "content-encoding" not in ask(server, "GET", MAPS, Accept_Encoding="gzip").headers
    server.create("configmaps", {"metadata": {"name": "large"}, "data": {"k": "x" * 200_000}})
    packed = ask(server, "GET", MAPS, Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.body)) == ask(server, "GET", MAPS).body


def test_a_dry_run_changes_nothing(server: APIServer) -> None:
    """Each verb answers what it would have done; the objects and the version stay."""
    before = server.list_objects("configmaps"), server.resource_version
    made = ask(server, "POST", f"{MAPS}?dryRun=All", {"metadata": {"name": "b"}})
    assert (made.status, made.body["metadata"]["name"]) == (201, "b")
    patched = ask(server, "PATCH", f"{MAPS}/a?dryRun=All", {"data": {"k": "w"}}, Content_Type=MERGE)
    assert patched.body["data"] == {"k": "w"}
    assert ask(server, "DELETE", f"{MAPS}/a?dryRun=All").status == 200
    assert ask(server, "DELETE", "/api/v1/namespaces/kube-node-lease?dryRun=All").status == 200
    assert (server.list_objects("configmaps"), server.resource_version) == before
    assert ask(server, "DELETE", f"{MAPS}/a?dryRun=Some").status == 400
