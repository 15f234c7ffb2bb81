"""kubeconfig files as kubectl reads them, and every way in which they can be wrong."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from kubeinformer.client.loading import load_config
from kubeinformer.errors import ConfigurationError

SECRET = "hunter2"
WHOLE = """
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: 123
  cluster: {server: "https://127.0.0.1:6443/prefix/", certificate-authority: ca.pem, tls-server-name: api}
contexts:
- name: dev
  context: {cluster: 123, user: on, namespace: team}
- name: bad
  context: {cluster: 123, user: nobody}
users:
- name: on
  user: {token: hunter2}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_context_becomes_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case C28: names stay strings, relative paths are relative to the file, whatever the working directory is."""
    path = write(tmp_path, "config", WHOLE)
    monkeypatch.chdir("/")
    config = load_config(path)
    assert config.server == "https://127.0.0.1:6443/prefix"
    assert Path(os.fspath(config.ca_file or "")) == tmp_path / "ca.pem"
    assert (config.token, config.namespace, config.tls_server_name) == (SECRET, "team", "api")
    assert SECRET not in repr(config)


def test_several_files_are_merged(tmp_path: Path) -> None:
    """Case C28: the first file that has an entry wins, missing and empty files are passed over."""
    first = write(tmp_path, "first", "current-context: dev\nusers:\n- name: on\n  user: {token: mine}\n")
    paths = [first, tmp_path / "missing", write(tmp_path, "empty", ""), write(tmp_path, "whole", WHOLE)]
    config = load_config(environment={"KUBECONFIG": os.pathsep.join(map(str, paths)), "HOME": str(tmp_path)})
    assert config.token == "mine"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (WHOLE.replace("current-context: dev", "current-context: gone"), "gone"),
        (WHOLE.replace("current-context: dev", "current-context: bad"), "nobody"),
        (WHOLE.replace("current-context: dev", ""), "context"),
        (WHOLE.replace("users:", "users: null\nothers:"), "on"),
        (WHOLE + "- name: on\n  user: {token: hunter2}\n", "on"),
        (WHOLE.replace("token: hunter2", "client-certificate-data: '%%%'"), "client-certificate-data"),
        (WHOLE.replace("token: hunter2", "exec: {command: get-token}"), "exec"),
        (WHOLE.replace("token: hunter2", "auth-provider: {name: oidc}"), "auth-provider"),
        ("users: [\n  hunter2: {", "line"),
        ("- hunter2", "mapping"),
        ("\x00\x01", "config"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, told: str) -> None:
    """The file and the place in it, and never a secret; no KeyError, no TypeError."""
    path = write(tmp_path, "config", text)
    with pytest.raises(ConfigurationError) as raised:
        load_config(path)
    assert str(path) in str(raised.value)
    assert told in str(raised.value)
    assert SECRET not in str(raised.value)


def test_data_may_be_broken_into_lines(tmp_path: Path) -> None:
    """Case C28: base64 with line breaks is base64."""
    encoded = base64.encodebytes(b"-----BEGIN CERTIFICATE-----" * 5).decode().replace("\n", "\n     ")
    text = WHOLE.replace("certificate-authority: ca.pem", f'certificate-authority-data: "{encoded}"')
    config = load_config(write(tmp_path, "config", text))
    assert config.ca_data is not None


def test_a_missing_file_and_nothing_at_all_are_told_apart(tmp_path: Path) -> None:
    """A file that was asked for must be there; else the message lists what was tried."""
    with pytest.raises(ConfigurationError, match="no such file"):
        load_config(tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="tried"):
        load_config(environment={"HOME": str(tmp_path)}, service_account_root=tmp_path)


def test_a_pod_finds_its_own_service_account(tmp_path: Path) -> None:
    """Case C25: an IPv6 address stands in brackets; token and CA are files that are read later."""
    for name in ("token", "ca.crt", "namespace"):
        write(tmp_path, name, "team\n")
    environment = {"KUBERNETES_SERVICE_HOST": "::1", "KUBERNETES_SERVICE_PORT": "443", "HOME": str(tmp_path)}
    config = load_config(environment=environment, service_account_root=tmp_path)
    assert config.server == "https://[::1]:443"
    assert config.namespace == "team"
    assert Path(os.fspath(config.token_file or "")) == tmp_path / "token"
