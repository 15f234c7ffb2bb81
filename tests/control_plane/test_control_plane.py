"""The control plane starts, serves, tells users apart, and forgets its history on request."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.history import eventually

from kubeinformer.errors import NotFound
from kubeinformer.testing.control_plane import ControlPlane
from kubeinformer.testing.control_plane.processes import ControlPlaneError

pytestmark = pytest.mark.control_plane

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
READ_CONFIG_MAPS = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}


def resource_version_of_a_new_config_map(control_plane: ControlPlane) -> str:
    status, created = control_plane.request("POST", CONFIG_MAPS, {"metadata": {"generateName": "written-"}})
    assert status == 201
    return str(created["metadata"]["resourceVersion"])


def test_it_serves_the_pinned_kubernetes_version(control_plane: ControlPlane) -> None:
    """The API server is ready, and says its release as an official build does."""
    assert control_plane.request("GET", "/readyz") == (200, "ok")
    status, version = control_plane.request("GET", "/version")
    assert status == 200
    assert version["gitVersion"].startswith(f"v{version['major']}.{version['minor']}.")


def test_objects_can_be_written_and_read(control_plane: ControlPlane) -> None:
    """An object that was created is read back, changed by a merge patch, and deleted."""
    body = {"metadata": {"name": "written"}, "data": {"color": "red"}}
    assert control_plane.request("POST", CONFIG_MAPS, body)[0] == 201
    path = f"{CONFIG_MAPS}/written"
    assert control_plane.request("GET", path)[1]["data"] == {"color": "red"}
    assert control_plane.request("PATCH", path, {"data": {"color": "blue"}})[1]["data"] == {"color": "blue"}
    assert control_plane.request("DELETE", path)[0] == 200
    assert control_plane.request("GET", path)[0] == 404


def test_the_kubeconfig_has_a_context_for_each_user(control_plane: ControlPlane) -> None:
    """The file is a kubeconfig whose current context is the admin, beside one for the restricted user."""
    config = json.loads(Path(control_plane.kubeconfig).read_text())
    assert config["current-context"] == "admin"
    assert {"admin", "restricted", "user-1"} <= {context["name"] for context in config["contexts"]}
    assert config["clusters"][0]["cluster"] == {
        "server": control_plane.url,
        "certificate-authority": control_plane.ca_file,
    }
    tokens = {user["name"]: user["user"]["token"] for user in config["users"]}
    assert tokens["admin"] == control_plane.admin_token
    assert tokens["restricted"] == control_plane.user("restricted")


def test_the_config_is_the_admins_connection(control_plane: ControlPlane) -> None:
    """`config` names the server, its certificate authority and the admin's token."""
    config = control_plane.config
    assert config.server == control_plane.url
    assert config.ca_file == control_plane.ca_file
    assert config.token == control_plane.admin_token


def test_the_ca_file_verifies_the_server(control_plane: ControlPlane) -> None:
    """The CA file is a PEM file that a TLS context accepts and trusts."""
    assert ssl.create_default_context(cafile=control_plane.ca_file).get_ca_certs()


def test_a_restricted_user_may_do_nothing_at_first(control_plane: ControlPlane) -> None:
    """A user without rules is known (not 401) and refused (403); a wrong token is not known."""
    assert control_plane.request("GET", "/api/v1/pods", token=control_plane.user("user-1"))[0] == 403
    assert control_plane.request("GET", "/api/v1/pods", token="wrong")[0] == 401


def test_rights_hold_when_they_are_given_and_end_when_they_are_taken(
    control_plane: ControlPlane, namespace: str
) -> None:
    """Rules in one namespace hold there alone, at once, and an empty list revokes them at once."""
    there, elsewhere = f"/api/v1/namespaces/{namespace}/configmaps", CONFIG_MAPS
    token = control_plane.user("restricted", [READ_CONFIG_MAPS], namespace)
    assert control_plane.request("GET", there, token=token)[0] == 200
    assert control_plane.request("GET", elsewhere, token=token)[0] == 403
    assert control_plane.request("DELETE", there, token=token)[0] == 403
    assert control_plane.user("restricted", [], namespace) == token
    assert control_plane.request("GET", there, token=token)[0] == 403


def test_rights_can_be_cluster_wide(control_plane: ControlPlane) -> None:
    """Rules without a namespace hold in all of them."""
    token = control_plane.user("user-2", [READ_CONFIG_MAPS])
    assert control_plane.request("GET", "/api/v1/configmaps", token=token)[0] == 200
    assert control_plane.request("GET", "/api/v1/secrets", token=token)[0] == 403


def test_an_unknown_user_is_an_error_that_names_the_known_ones(control_plane: ControlPlane) -> None:
    """Users exist from the start; asking for another says which there are."""
    with pytest.raises(ValueError, match="restricted, user-1"):
        control_plane.user("nobody")


def test_rights_in_a_missing_namespace_are_refused(control_plane: ControlPlane) -> None:
    """A mistyped namespace shows as the server's own 404, not as rights that never hold."""
    with pytest.raises(NotFound, match="missing"):
        control_plane.user("user-3", [READ_CONFIG_MAPS], "missing")


def test_a_killed_api_server_comes_back_on_its_port_with_its_data(control_plane: ControlPlane) -> None:
    """Between kill and start connections are refused; afterwards address, certificate and objects are the same."""
    version = resource_version_of_a_new_config_map(control_plane)
    url = control_plane.url
    control_plane.kill_api_server()
    with pytest.raises(ConnectionRefusedError):
        control_plane.request("GET", "/readyz")
    control_plane.start_api_server()
    assert control_plane.url == url
    status, stored = control_plane.request("GET", CONFIG_MAPS)
    assert status == 200
    assert version in {item["metadata"]["resourceVersion"] for item in stored["items"]}


def test_a_paused_api_server_can_go_on(control_plane: ControlPlane) -> None:
    """After pause and resume the same process serves on."""
    control_plane.pause_api_server()
    control_plane.resume_api_server()
    assert control_plane.request("GET", "/readyz")[0] == 200


def test_a_paused_api_server_can_be_stopped(control_plane: ControlPlane) -> None:
    """Stop also ends a process that is halted, which alone would never see SIGTERM."""
    control_plane.pause_api_server()
    control_plane.stop_api_server()
    control_plane.start_api_server()
    assert control_plane.request("GET", "/readyz")[0] == 200


def test_starting_twice_is_an_error(control_plane: ControlPlane) -> None:
    """Neither the whole nor the API server starts a second time beside itself."""
    with pytest.raises(ControlPlaneError, match="runs already"):
        control_plane.start()
    with pytest.raises(ControlPlaneError, match="runs already"):
        control_plane.start_api_server()


def test_expire_history_ends_every_version_handed_out(control_plane: ControlPlane) -> None:
    """Afterwards the newest version before it answers 410: to a watch, to an exact list, to a next page."""
    resource_version_of_a_new_config_map(control_plane)
    version = resource_version_of_a_new_config_map(control_plane)
    page = control_plane.request("GET", f"{CONFIG_MAPS}?limit=1")[1]["metadata"]
    assert page["continue"]
    control_plane.expire_history()
    status, event = control_plane.request(
        "GET", f"{CONFIG_MAPS}?watch=1&resourceVersion={version}&timeoutSeconds=5"
    )
    assert status == 410 or (event["type"], event["object"]["code"]) == ("ERROR", 410)
    exact = f"{CONFIG_MAPS}?resourceVersion={version}&resourceVersionMatch=Exact"
    assert control_plane.request("GET", exact)[0] == 410
    assert control_plane.request("GET", f"{CONFIG_MAPS}?limit=1&continue={quote(page['continue'])}")[0] == 410


def test_the_logs_of_both_servers_can_be_read(control_plane: ControlPlane) -> None:
    """`logs` has a part for each server."""
    assert "--- etcd" in control_plane.logs
    assert "--- kube-apiserver\n" in control_plane.logs


def test_a_restored_snapshot_brings_back_the_state_of_then(
    control_plane: ControlPlane, namespace: str
) -> None:
    """Objects written since are gone, and new writes get versions that were handed out before."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"

    def create(name: str) -> int:
        status, created = control_plane.request("POST", path, {"metadata": {"name": name}})
        assert status == 201
        return int(created["metadata"]["resourceVersion"])

    create("before")
    control_plane.snapshot()
    lost = [create(f"after-{number}") for number in range(100)]  # more than a start writes itself
    control_plane.restore()
    names = [item["metadata"]["name"] for item in control_plane.request("GET", path)[1]["items"]]
    assert names == ["before"]
    assert create("again") <= lost[-1]


def test_etcd_can_be_killed_and_paused(control_plane: ControlPlane, namespace: str) -> None:
    """Writes fail while it is down; what was written before is there afterwards."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    assert control_plane.request("POST", path, {"metadata": {"name": "a"}})[0] == 201
    control_plane.kill_etcd()
    control_plane.start_etcd()
    with pytest.raises(ControlPlaneError, match="etcd runs already"):
        control_plane.start_etcd()
    control_plane.pause_etcd()
    control_plane.resume_etcd()
    eventually(lambda: control_plane.request("GET", f"{path}/a")[0] == 200, 30, str)
