"""Examples in which the in-memory server and the real one have to answer alike, kind of request by kind of request."""

from __future__ import annotations

import pytest
from tests.agreement.servers import APPLY, JSON, JSON_PATCH, MERGE, STRATEGIC, Pair

pytestmark = pytest.mark.control_plane
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
MAPS = "/api/v1/namespaces/{ns}/configmaps"
VERSION_DETAILS = (
    "emulationMajor",
    "emulationMinor",
    "minCompatibilityMajor",
    "minCompatibilityMinor",
    "gitCommit",
    "buildDate",
    "goVersion",
    "compiler",
    "platform",
)
PODS = "/api/v1/namespaces/{ns}/pods"


def config_map(name: str, **data: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_a_life(pair: Pair) -> None:
    """Created, read, changed in each way, deleted; each answer alike, managedFields included."""
    pair.ask("POST", MAPS, {"metadata": {"name": "a", "labels": {"x": "y"}}, "data": {"k": "v"}})
    pair.ask("GET", f"{MAPS}/a")
    pair.ask("PATCH", f"{MAPS}/a", {"data": {"k": "w", "l": "1"}, "metadata": {"labels": None}}, MERGE)
    pair.ask("PATCH", f"{MAPS}/a", [{"op": "add", "path": "/data/m", "value": "2"}], JSON_PATCH)
    pair.ask("PATCH", f"{MAPS}/a", {"metadata": {"annotations": {"a": "b"}}}, STRATEGIC)
    pair.ask("PUT", f"{MAPS}/a", config_map("a", k="z"))
    pair.ask("GET", MAPS)
    pair.ask("DELETE", f"{MAPS}/a")
    pair.ask("DELETE", f"{MAPS}/a")


def test_applying(pair: Pair) -> None:
    """Create by apply, add, take away, run into a conflict, force it, share a field."""
    one, two = f"{MAPS}/a?fieldManager=one", f"{MAPS}/a?fieldManager=two"
    pair.ask("PATCH", one, config_map("a", k="1", l="1"), APPLY)
    pair.ask("PATCH", one, config_map("a", k="1", l="1"), APPLY)
    pair.ask("PATCH", one, config_map("a", k="2", m="1"), APPLY)
    pair.ask("PATCH", two, config_map("a", k="3"), APPLY)
    pair.ask("PATCH", two, config_map("a", k="3", m="3"), APPLY)
    pair.ask("PATCH", f"{two}&force=true", config_map("a", k="3"), APPLY)
    pair.ask("PATCH", two, config_map("a", k="3", m="1"), APPLY)
    pair.ask("PATCH", one, config_map("a"), APPLY)
    pair.ask("PATCH", f"{MAPS}/a", {"data": {"k": "9"}}, MERGE)
    pair.ask("PATCH", two, config_map("a", k="3"), APPLY)
    pair.ask("PATCH", f"{MAPS}/a", config_map("a"), APPLY)
    pair.ask("PATCH", one, {**config_map("a"), "metadata": {"name": "b"}}, APPLY)
    pair.ask(
        "PATCH",
        one,
        {**config_map("a"), "metadata": {"name": "a", "managedFields": [{"manager": "x"}]}},
        APPLY,
    )


def test_applying_lists(pair: Pair) -> None:
    """Containers by name, finalizers as a set, owner references by uid."""
    path = "/api/v1/namespaces/{ns}/secrets/a"
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "a", "finalizers": ["a.b/c"]},
        "type": "Opaque",
    }
    pair.ask("PATCH", f"{path}?fieldManager=one", secret, APPLY)
    more = {**secret, "metadata": {"name": "a", "finalizers": ["a.b/d"]}}
    pair.ask("PATCH", f"{path}?fieldManager=two", more, APPLY)
    less = {**secret, "metadata": {"name": "a"}}
    pair.ask("PATCH", f"{path}?fieldManager=one", less, APPLY)
    pair.ask("PATCH", f"{path}?fieldManager=two", less, APPLY)


def test_the_metadata_of_pods(pair: Pair) -> None:
    """Specs get defaults from the real server alone; metadata, generation and the status's path are alike."""

    def ask(method: str, path: str, body: object = None, accept: str = METADATA) -> None:
        kind = JSON if method == "POST" else MERGE
        pair.ask(method, path, body, kind, accept, ignore=("managedFields",))

    pod = {
        "metadata": {"generateName": "a-", "finalizers": ["example.org/hold"]},
        "spec": {"containers": [{"name": "main", "image": "none"}], "nodeName": "n"},
    }
    ask("POST", PODS, pod)
    pair.name_last("pod", "metadata", "name")
    one = f"{PODS}/{{pod}}"
    ask("PATCH", f"{one}/status", {"status": {"phase": "Running"}, "metadata": {"labels": {"a": "b"}}})
    ask("PATCH", one, {"status": {"phase": "Failed"}})
    ask("GET", f"{PODS}?fieldSelector=status.phase%3DRunning", accept=METADATA_LIST)
    ask("PATCH", one, {"spec": {"activeDeadlineSeconds": 5}})
    ask("DELETE", f"{one}?gracePeriodSeconds=0")
    ask("PATCH", one, {"metadata": {"finalizers": None}})
    ask("GET", one)


def test_words_that_changed(pair: Pair) -> None:
    """Refusals that older servers word otherwise; the in-memory one has those of 1.37."""
    if pair.ask("GET", "/version", ignore=VERSION_DETAILS).body["minor"] != "37":
        pytest.skip("this server has other words")
    pair.ask("POST", MAPS, {"metadata": {"name": "a", "ownerReferences": [{"kind": "Pod"}]}})
    pair.ask("POST", MAPS, {"metadata": {"name": "a", "finalizers": ["example.org/hold"]}})
    pair.ask("DELETE", f"{MAPS}/a")
    pair.ask("PATCH", f"{MAPS}/a", {"metadata": {"finalizers": ["example.org/hold", "example.org/b"]}}, MERGE)


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"name": "UPPER"}},
        {"metadata": {}},
        {},
        {"metadata": {"name": "a", "namespace": "elsewhere"}},
        {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "a"}},
        {"kind": "ConfigMap", "apiVersion": "v2", "metadata": {"name": "a"}},
        {"metadata": {"name": "a", "resourceVersion": "1"}},
        {"metadata": {"name": "a", "labels": {"x": 1}}},
        {"metadata": {"name": 1}},
        {"metadata": {"name": "a", "labels": {"not valid!": "x"}}},
        {"metadata": {"name": "a", "labels": {"x": "not valid!"}}},
        {"metadata": {"name": "a", "annotations": {"not valid!": "x"}}},
        {"metadata": {"name": "a", "finalizers": ["unqualified"]}},
        {"metadata": {"name": "a", "unknown": True}},
        {"metadata": {"name": "a" * 260}},
        {"metadata": {"name": "a", "uid": "mine", "creationTimestamp": None, "generation": 7}},
        b"{",
        b"[]",
        b'"text"',
        b"",
        b"null",
    ],
    ids=str,
)
def test_bodies_to_create(pair: Pair, body: object) -> None:
    """What is refused is refused alike, and what is taken becomes the same object."""
    pair.ask("POST", MAPS, body)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "limit=1",
        "limit=1&resourceVersion=0",
        "resourceVersion=0",
        "resourceVersion=0&resourceVersionMatch=NotOlderThan",
        "resourceVersion=0&resourceVersionMatch=Exact",
        "resourceVersionMatch=Exact",
        "resourceVersionMatch=Nonsense",
        "resourceVersion=1&resourceVersionMatch=Nonsense",
        "resourceVersion=abc",
        "resourceVersion=-1",
        "limit=abc",
        "limit=-1",
        "continue=abc",
        "continue=abc&resourceVersion=1",
        "labelSelector=x%3Dy",
        "labelSelector=x%20in%20(y,z)",
        "labelSelector=x%3D%3D%3D",
        "labelSelector=!x",
        "fieldSelector=metadata.name%3Da",
        "fieldSelector=metadata.name!%3Da",
        "fieldSelector=data.x%3Da",
        "fieldSelector=nonsense",
        "sendInitialEvents=true",
        "watch=0",
        "timeoutSeconds=abc",
        "watch=1&timeoutSeconds=1",
        "watch=1&timeoutSeconds=1&resourceVersion=0",
        "watch=1&timeoutSeconds=1&resourceVersion=abc",
        "watch=1&timeoutSeconds=1&sendInitialEvents=true",
        "watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
        "watch=1&timeoutSeconds=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan",
        "watch=1&timeoutSeconds=1&resourceVersionMatch=NotOlderThan",
        "watch=1&timeoutSeconds=1&resourceVersionMatch=Exact&sendInitialEvents=true",
        "watch=1&timeoutSeconds=1&labelSelector=x%3Dy",
    ],
)
def test_lists_and_watches(pair: Pair, query: str) -> None:
    """Every combination of parameters is answered alike."""
    for name in ("a", "b", "c"):
        pair.ask("POST", MAPS, {"metadata": {"name": name, "labels": {"x": "y"} if name != "b" else {}}})
    pair.ask("GET", MAPS)  # a consistent list, so that the real server's cache has seen the writes
    pair.ask("GET", f"{MAPS}?{query}")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/namespaces/{ns}/unicorns"),
        ("GET", "/api/v2"),
        ("GET", "/apis/nowhere.example.org/v1/things"),
        ("GET", "/apis/apps/v9/deployments"),
        ("GET", "/api/v1/namespaces/{ns}/configmaps/none"),
        ("GET", "/api/v1/namespaces/{ns}/configmaps/none/status"),
        ("GET", "/api/v1/namespaces/{ns}/configmaps/a/b/c"),
        ("POST", "/api/v1/configmaps"),
        ("PUT", "/api/v1/namespaces/{ns}/configmaps"),
        ("DELETE", "/api/v1/configmaps"),
        ("PATCH", "/api/v1/namespaces/{ns}/configmaps/none"),
        ("GET", "/api/v1/namespaces/nowhere/configmaps"),
        ("POST", "/api/v1/namespaces/nowhere/configmaps"),
        ("DELETE", "/api/v1/namespaces/{ns}/configmaps"),
        ("DELETE", "/api/v1/namespaces"),
        ("GET", "/api/v1/nodes/none"),
        ("GET", "/api/v1/namespaces/{ns}/nodes"),
        ("GET", "/nothing"),
        ("GET", "/api/v1/namespaces/{ns}/pods/none/scale"),
        ("GET", "/apis/apps/v1/namespaces/{ns}/deployments/none/scale"),
        ("POST", "/api/v1/namespaces/{ns}/pods/none/eviction"),
    ],
)
def test_paths_and_methods(pair: Pair, method: str, path: str) -> None:
    """What is not there, and what cannot be done, is refused alike."""
    body = {"metadata": {"name": "a"}} if method in {"POST", "PUT"} else None
    pair.ask(method, path, body)
