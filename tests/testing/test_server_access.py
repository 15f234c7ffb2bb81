"""Users, tokens, certificates and rights of the in-memory API server, as its clients meet them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeinformer import Client, Config, SharedInformerFactory, load_config
from kubeinformer.errors import Forbidden, NotFound, Unauthorized
from kubeinformer.testing import APIServer

PODS_ARE_READABLE = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]


@pytest.fixture
def server() -> Iterator[APIServer]:
    with APIServer(anonymous=False) as running:
        yield running


@pytest.fixture(scope="module")
def encrypted() -> Iterator[APIServer]:
    with APIServer(tls=True, anonymous=False) as running:
        yield running


def test_without_known_credentials_nothing_is_answered(server: APIServer) -> None:
    """No token, and a token that nobody has, get 401, discovery included; the server's own config works."""
    for config in (Config(server=server.url), Config(server=server.url, token="unknown")):
        with pytest.raises(Unauthorized), Client(config) as client:
            client.list("pods")
    with Client(server.config) as client:
        assert client.list("pods") == []


def test_a_user_may_do_what_the_rules_say_and_nothing_else(server: APIServer) -> None:
    """Rights hold in their namespace; the refusal names user, verb, resource and place."""
    server.user("reader", PODS_ARE_READABLE, "default")
    with Client(server.user_config("reader")) as client:
        assert client.list("pods", namespace="default") == []
        with pytest.raises(
            Forbidden, match='User "reader" cannot list resource "pods" in API group "" at the cl'
        ):
            client.list("pods")
        with pytest.raises(Forbidden, match=r'cannot create resource "pods".* in the namespace "default"'):
            client.create("pods", {"metadata": {"name": "a"}}, namespace="default")
        server.user("reader", [], "default")
        with pytest.raises(Forbidden):
            client.list("pods", namespace="default")


def test_a_user_without_rules_may_do_everything(server: APIServer) -> None:
    """Rights begin with the first rule."""
    with Client(server.user_config("operator")) as client:
        client.create("namespaces", {"metadata": {"name": "made"}})
        assert client.get("namespaces", "made").name == "made"


def test_a_rule_can_name_objects_and_subresources(server: APIServer) -> None:
    """`resourceNames` and `pods/status` narrow a rule as RBAC does."""
    server.create("pods", {"metadata": {"name": "mine"}})
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["mine"]},
        {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["*"]},
    ]
    server.user("narrow", rules)
    with Client(server.user_config("narrow")) as client:
        assert client.get("pods", "mine", namespace="default").name == "mine"
        with pytest.raises(Forbidden):
            client.get("pods", "other", namespace="default")
        status = {"status": {"phase": "Running"}}
        patched = client.patch("pods", "mine", status, namespace="default", subresource="status")
        assert patched["status"]["phase"] == "Running"
        with pytest.raises(Forbidden):
            client.patch("pods", "mine", {"metadata": {"labels": {"a": "b"}}}, namespace="default")


def test_a_revoked_token_is_unknown(server: APIServer) -> None:
    """It gets 401 from then on, and the user a new one."""
    old = server.user("fired")
    with Client(server.user_config("fired")) as client:
        client.list("pods")
        server.revoke(old)
        with pytest.raises(Unauthorized):
            client.list("pods")
    assert server.user("fired") != old


def test_a_revoked_token_is_refused_where_anybody_may_come() -> None:
    """Taking a token away is no way to become anonymous."""
    with APIServer() as server:
        token = server.user("fired")
        server.revoke(token)
        with pytest.raises(Unauthorized), Client(Config(server=server.url, token=token)) as client:
            client.list("pods")


def test_rights_are_denied_for_a_while(server: APIServer) -> None:
    """Inside the block what it names is forbidden, and nothing else; after it everything is as before."""
    with Client(server.config) as client:
        with server.deny(("list",), ("configmaps",), namespace="default"):
            with pytest.raises(Forbidden):
                client.list("configmaps", namespace="default")
            assert client.list("configmaps", namespace="kube-system") == []
            with pytest.raises(NotFound):
                client.get("configmaps", "none", namespace="default")
        assert client.list("configmaps", namespace="default") == []


def test_an_informer_lives_through_a_denial(server: APIServer) -> None:
    """Case of a transient 403: it syncs when the right comes back, and says meanwhile what is missing."""
    server.create("configmaps", {"metadata": {"name": "a"}})
    errors: list[str] = []
    with SharedInformerFactory(server.config, on_error=lambda error: errors.append(str(error))) as factory:
        informer = factory.informer("configmaps")
        with server.deny(resources=("configmaps",)):
            factory.start()
            server.requests.wait_for(1, "list", "configmaps")
        factory.wait_for_cache_sync(30)
        assert [found.name for found in informer.lister.list()] == ["a"]
    assert "cannot list resource" in errors[0]


def test_tls_is_verified_with_the_servers_own_authority(encrypted: APIServer) -> None:
    """The config trusts it, and so does the kubeconfig; nobody else does."""
    assert encrypted.url.startswith("https://")
    for config in (encrypted.config, load_config(encrypted.kubeconfig)):
        with Client(config) as client:
            assert client.list("pods") == []
    with pytest.raises(OSError, match="certificate"), Client(Config(server=encrypted.url)) as client:
        client.list("pods")


def test_a_client_certificate_names_its_user(encrypted: APIServer, tmp_path: Path) -> None:
    """The common name is the user, whom a denial can name; no token is needed."""
    pair = encrypted.client_certificate("alice", ("admins",))
    config = Config(
        server=encrypted.url,
        ca_file=encrypted.ca_file,
        client_certificate_data=pair.certificate,
        client_key_data=pair.key,
    )
    with Client(config) as client:
        assert client.list("pods") == []
        with encrypted.deny(user="alice"), pytest.raises(Forbidden, match='User "alice"'):
            client.list("pods")


def test_certificates_need_tls(server: APIServer) -> None:
    """The error says how to get it."""
    with pytest.raises(RuntimeError, match="tls=True"):
        server.client_certificate("alice")


def test_the_kubeconfig_has_a_context_for_each_user(server: APIServer) -> None:
    """As the control plane's, so that one test runs on both."""
    server.user("reader", PODS_ARE_READABLE)
    with Client(load_config(server.kubeconfig, "reader")) as client:
        assert client.list("pods") == []
        with pytest.raises(Forbidden):
            client.list("configmaps")


def test_reviews_know_users_and_rights(server: APIServer) -> None:
    """`kubectl auth can-i` and `whoami`: for oneself, for others, for tokens."""
    token = server.user("reader", PODS_ARE_READABLE, "default")
    authorization, authentication = "/apis/authorization.k8s.io/v1", "/apis/authentication.k8s.io/v1"

    def allowed(path: str, verb: str, **spec: str) -> bool:
        wanted = {"verb": verb, "resource": "pods", "namespace": "default"}
        review = {"spec": {"resourceAttributes": wanted, **spec}}
        status, answer = server.request(
            "POST", f"{authorization}/{path}", review, token=None if spec else token
        )
        assert status == 201
        return bool(answer["status"]["allowed"])

    assert allowed("selfsubjectaccessreviews", "list")
    assert not allowed("selfsubjectaccessreviews", "delete")
    assert allowed("subjectaccessreviews", "list", user="reader")
    assert not allowed("subjectaccessreviews", "list", user="nobody")
    _, mine = server.request("POST", f"{authentication}/selfsubjectreviews", {}, token=token)
    assert mine["status"]["userInfo"]["username"] == "reader"
    for given, known in ((token, True), ("unknown", False)):
        _, answer = server.request("POST", f"{authentication}/tokenreviews", {"spec": {"token": given}})
        assert answer["status"].get("authenticated", False) is known
