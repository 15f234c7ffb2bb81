"""Case C32: what a selector selects from memory is what a real kube-apiserver lists for it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest

from kubeinformer.selectors import parse_field_selector, parse_label_selector
from kubeinformer.testing.control_plane import ControlPlane

pytestmark = pytest.mark.control_plane

NAMESPACE = "selectors-on-the-server"
CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
CLUSTER_ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
LABELS: dict[str, dict[str, str] | None] = {
    "none": None,
    "other-key": {"app": "web"},
    "empty": {"tier": ""},
    "one": {"tier": "a"},
    "both": {"tier": "b", "app": "web", "in": "notin"},
    "number": {"tier": "5", "in": "in"},
    "large-number": {"tier": "010", "app": ""},
    "prefixed": {"example.com/tier": "a", "tier": "9223372036854775807"},
}

SELECTED = [
    "",
    "   ",
    "tier=a",
    "tier==a",
    "tier!=a",
    "tier = a , app != web",
    "tier=",
    "tier!=",
    "tier=,app=",
    "tier in (a,b)",
    "tier notin (a,b)",
    "tier in ()",
    "tier notin ()",
    "tier in (,a)",
    "tier in (a,,b)",
    "tier in (b,)",
    "tier in (,,)",
    "tier notin(,a,\tb )",
    "tier",
    "!tier",
    "! tier,app",
    "tier>5",
    "tier<6",
    "tier>4,tier<11",
    "tier>9223372036854775806",
    "tier < 007",
    "tier=a,tier=b",
    "tier!=a,tier!=b",
    "tier,tier in (a,b),tier!=b",
    "in",
    "in in (in,notin)",
    "notin notin (in)",
    "!in,tier=in",
    "example.com/tier=a",
    "!example.com/tier",
]

REFUSED = [
    ",tier",
    "tier,",
    "tier,,app",
    "tier=a app=web",
    "tier a",
    "!tier=a",
    "!!tier",
    "=a",
    "tier===a",
    "tier=!a",
    "tier<=5",
    "tier in",
    "tier in a",
    "tier in (a",
    "tier in (a b)",
    "tier in (a))",
    "tier in in (a)",
    "tier>",
    "tier>five",
    "tier<-5",
    "tier>+5",
    "tier>1_000",
    "tier>9223372036854775808",
    "-tier=a",
    "/tier=a",
    "a/b/tier=a",
    "Example.com/tier",
    f"{'p' * 254}/tier",
    f"{'t' * 64}=a",
    f"tier={'v' * 64}",
    "tier=-a",
    "tier=é",
    "tier\u00a0=a",
]


@pytest.fixture(scope="module")
def server(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane, with a ConfigMap for each set of labels."""
    namespace = {"metadata": {"name": NAMESPACE}}
    assert control_plane.request("POST", "/api/v1/namespaces", namespace)[0] == 201
    for name, labels in LABELS.items():
        config_map = {"metadata": {"name": name, "labels": labels}}
        assert control_plane.request("POST", CONFIG_MAPS, config_map)[0] == 201
    yield control_plane
    control_plane.finalize_namespace(NAMESPACE)


def listed(server: ControlPlane, path: str, **query: str) -> set[str]:
    """Return the names of what the server lists."""
    status, answer = server.request("GET", f"{path}?{urlencode(query)}")
    assert status == 200, answer
    return {item["metadata"]["name"] for item in answer["items"]}


@pytest.mark.parametrize("text", SELECTED)
def test_the_local_result_is_the_servers_list(server: ControlPlane, text: str) -> None:
    """Case C32: for the text as written and for its canonical form alike."""
    selector = parse_label_selector(text)
    selected = {name for name, labels in LABELS.items() if selector.matches(labels)}
    assert selected == listed(server, CONFIG_MAPS, labelSelector=text)
    assert selected == listed(server, CONFIG_MAPS, labelSelector=str(selector))


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_server_refuses_is_refused_here(server: ControlPlane, text: str) -> None:
    """Case C32: where the server answers 400 the parser raises, so no local answer can differ."""
    status, _ = server.request("GET", f"{CONFIG_MAPS}?{urlencode({'labelSelector': text})}")
    assert status == 400
    with pytest.raises(ValueError, match="not a label selector"):
        parse_label_selector(text)


def test_a_mapping_selects_as_the_server_does(server: ControlPlane) -> None:
    """The canonical text of a mapping selects the objects that have all its pairs."""
    selector = parse_label_selector({"tier": "b", "app": "web"})
    assert listed(server, CONFIG_MAPS, labelSelector=str(selector)) == {"both"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("metadata.name=one", {"one"}),
        ("metadata.name==one,", {"one"}),
        ("metadata.name!=one", set(LABELS) - {"one"}),
        ("metadata.name!=one,metadata.name!=none", set(LABELS) - {"one", "none"}),
        (f"metadata.namespace={NAMESPACE},metadata.name=none", {"none"}),
        ("metadata.name=", set()),
    ],
)
def test_canonical_field_selectors_mean_what_was_written(
    server: ControlPlane, text: str, names: set[str]
) -> None:
    """The text that is sent selects the same objects as the text that the program wrote."""
    assert listed(server, CONFIG_MAPS, fieldSelector=text) == names
    assert listed(server, CONFIG_MAPS, fieldSelector=parse_field_selector(text)) == names


@pytest.mark.parametrize(
    "text",
    [
        "metadata.name",
        "metadata.name=a=b",
        "metadata.name===a",
        r"metadata.name=a\b",
        "metadata.name=a\\",
        "=a",
        "metadata.name =a",
        "metadata.name=a, metadata.name=a",
        r"metadata.name\,x=a",
    ],
)
def test_a_field_selector_that_the_server_refuses_is_refused_here(server: ControlPlane, text: str) -> None:
    """A program learns of a malformed field selector before anything is sent."""
    status, _ = server.request("GET", f"{CONFIG_MAPS}?{urlencode({'fieldSelector': text})}")
    assert status == 400
    with pytest.raises(ValueError, match="not a field selector"):
        parse_field_selector(text)


@pytest.mark.parametrize("name", ["team a:x,y=z+é", r"back\slash", "a=b", "a,b", " !=", r"\,\="])
def test_an_object_of_any_name_can_be_selected(control_plane: ControlPlane, name: str) -> None:
    """Case C31: a ClusterRole is found by its name, whatever characters that has, and no other is."""
    body = {"metadata": {"name": name}, "rules": []}
    assert control_plane.request("POST", CLUSTER_ROLES, body)[0] == 201
    try:
        selector = parse_field_selector({"metadata.name": name})
        assert listed(control_plane, CLUSTER_ROLES, fieldSelector=selector) == {name}
    finally:
        control_plane.request("DELETE", f"{CLUSTER_ROLES}/{quote(name, safe='')}")
