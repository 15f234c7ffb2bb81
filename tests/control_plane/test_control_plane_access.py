"""Users, certificates, service accounts, files, flags and time-outs of the real control plane."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.definitions import definition

from kubeinformer import Client, Config
from kubeinformer.client.in_cluster import in_cluster_config
from kubeinformer.errors import Forbidden, Unauthorized
from kubeinformer.testing.control_plane import ControlPlane
from kubeinformer.testing.control_plane.processes import ControlPlaneError

pytestmark = pytest.mark.control_plane
READ_PODS = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]


def test_a_client_certificate_names_its_user(control_plane: ControlPlane) -> None:
    """The group `system:masters` may do everything, anybody else what RBAC gives to the name."""
    for groups, allowed in ((("system:masters",), True), ((), False)):
        pair = control_plane.client_certificate("alice", groups)
        config = Config(
            server=control_plane.url,
            ca_file=control_plane.ca_file,
            client_certificate_data=pair.certificate,
            client_key_data=pair.key,
        )
        with Client(config) as client:
            if allowed:
                assert isinstance(client.list("pods"), list)
            else:
                with pytest.raises(Forbidden, match='User "alice" cannot list'):
                    client.list("pods")


def test_a_user_has_a_config(control_plane: ControlPlane) -> None:
    """Its rights are those that were given."""
    control_plane.user("user-5", READ_PODS)
    with Client(control_plane.user_config("user-5")) as client:
        assert isinstance(client.list("pods"), list)
        with pytest.raises(Forbidden):
            client.list("nodes")


def test_a_service_accounts_files_lead_into_the_cluster(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    """As in a pod: the token is known, and a rotated one is another."""
    control_plane.write_service_account_files(tmp_path, "builder", namespace)
    host, port = control_plane.url.removeprefix("https://").split(":")
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    config = in_cluster_config(environment, tmp_path)
    assert config.namespace == namespace
    with (
        Client(config) as client,
        pytest.raises(Forbidden, match=f"system:serviceaccount:{namespace}:builder"),
    ):
        client.list("pods")
    first = (tmp_path / "token").read_text()
    control_plane.write_service_account_files(tmp_path, "builder", namespace)
    assert (tmp_path / "token").read_text() != first


def test_a_token_for_somebody_else_is_refused(control_plane: ControlPlane, namespace: str) -> None:
    """Audiences are what the server checks."""
    token = control_plane.service_account_token("builder", namespace, audiences=("elsewhere",))
    config = Config(server=control_plane.url, ca_file=control_plane.ca_file, token=token)
    with Client(config) as client, pytest.raises(Unauthorized):
        client.list("pods")


def test_definitions_come_from_files(control_plane: ControlPlane, tmp_path: Path) -> None:
    """As a project keeps them."""
    file = tmp_path / "widgets.yaml"
    file.write_text(yaml.safe_dump(definition("v1")))
    control_plane.install_crd(file)
    assert control_plane.request("GET", "/apis/example.org/v1/widgets")[0] == 200


def test_flags_features_and_logs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feature gate and a flag of each server work; what they wrote is left behind and shown at the end."""
    monkeypatch.setenv("KUBEBUILDER_ATTACH_CONTROL_PLANE_OUTPUT", "true")
    with ControlPlane(
        feature_gates={"ShardedListAndWatch": True},
        api_server_flags=("--v=1",),
        etcd_flags=("--log-level=info",),
        log_folder=tmp_path / "logs",
    ) as running:
        shard = "shardRange(object.metadata.uid,'0x0000000000000000','0x8000000000000000')"
        path = f"/api/v1/namespaces?shardSelector={shard}".replace("'", "%27").replace(" ", "")
        assert running.request("GET", path)[0] == 200
    assert "ready to serve client requests" in (tmp_path / "logs" / "etcd.log").read_text()
    assert (tmp_path / "logs" / "kube-apiserver.log").exists()
    assert "--- kube-apiserver" in capfd.readouterr().err


def test_a_wrong_flag_ends_in_the_servers_own_words() -> None:
    """The log is in the error."""
    with pytest.raises(ControlPlaneError, match="unknown flag: --nonsense"):
        ControlPlane(api_server_flags=("--nonsense",)).start()


def test_an_existing_cluster_takes_the_place_of_servers(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Requests, CRDs and tokens go to the cluster of the kubeconfig; what commands servers is an error."""
    monkeypatch.setenv("USE_EXISTING_CLUSTER", "true")
    monkeypatch.setenv("KUBECONFIG", control_plane.kubeconfig)
    with ControlPlane() as existing:
        assert existing.url == control_plane.url
        assert existing.request("GET", "/api/v1/namespaces/default")[0] == 200
        with Client(existing.config) as client:
            assert client.get("namespaces", "default").name == "default"
        with pytest.raises(ControlPlaneError, match="somebody else's"):
            existing.kill_etcd()
    assert control_plane.request("GET", "/readyz")[0] == 200
