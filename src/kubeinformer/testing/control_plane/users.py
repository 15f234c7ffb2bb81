"""Who may do what on the test control plane: tokens, a kubeconfig file, and rights by RBAC.

The API server reads its token file once, at start, so the users exist from the beginning and get their rights later.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kubeinformer.testing.control_plane.processes import ControlPlaneError, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kubeinformer.testing.plain_client import PlainClient

ADMIN = "admin"
USERS = ("restricted", *(f"user-{number}" for number in range(1, 9)))

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_MARKER_GROUP, _MARKER_RESOURCE = "testing.kubeinformer", "grants"


def make_tokens() -> dict[str, str]:
    """Return a fresh token for the admin and for each user that has no rights yet."""
    return {name: secrets.token_urlsafe(24) for name in (ADMIN, *USERS)}


def write_token_file(path: Path, tokens: Mapping[str, str]) -> None:
    """Write what `--token-auth-file` reads: token, user, uid, groups. The admin stands above RBAC."""
    lines = [
        f'{token},{name},{name},"system:masters"' if name == ADMIN else f"{token},{name},{name}"
        for name, token in tokens.items()
    ]
    path.write_text("\n".join(lines) + "\n")


def write_kubeconfig(path: Path, url: str, ca_file: Path, tokens: Mapping[str, str]) -> None:
    """Write a kubeconfig file with a context for each user, the admin's being the current one."""
    cluster = {"server": url, "certificate-authority": str(ca_file)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": ADMIN,
        "clusters": [{"name": "control-plane", "cluster": cluster}],
        "contexts": [
            {"name": name, "context": {"cluster": "control-plane", "user": name}} for name in tokens
        ],
        "users": [{"name": name, "user": {"token": token}} for name, token in tokens.items()],
    }
    path.write_text(json.dumps(config, indent=1))  # JSON is YAML


def grant(
    client: PlainClient,
    name: str,
    token: str,
    rules: Sequence[Mapping[str, Any]],
    namespace: str | None,
) -> None:
    """Give a user these rights and no others in one namespace, or cluster-wide; holds on return.

    The authorizer follows the roles through a watch of its own. So each version of a role also has a rule for a
    resource that does not exist, under a name used once: when that is allowed, the whole role is in force.

    Raises:
        StatusError: A rule is malformed, or the namespace does not exist.
        ControlPlaneError: The rights did not come into force within 10 s.
    """
    marker = secrets.token_hex(8)
    prefix, collection = (
        ("Cluster", _RBAC) if namespace is None else ("", f"{_RBAC}/namespaces/{quote(namespace)}")
    )
    role, binding = f"{prefix}Role", f"{prefix}RoleBinding"
    marker_rule = {
        "apiGroups": [_MARKER_GROUP],
        "resources": [_MARKER_RESOURCE],
        "resourceNames": [marker],
        "verbs": ["get"],
    }
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name}
    for kind, content in (
        (role, {"rules": [*rules, marker_rule]}),
        (binding, {"roleRef": role_ref, "subjects": [subject]}),
    ):
        manifest = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}}
        client.apply(f"{collection}/{kind.lower()}s/{name}", manifest | content)
    if not wait_until(lambda: _is_in_force(client, token, marker, namespace), 10):
        raise ControlPlaneError(f"the rights of {name} did not come into force")


def _is_in_force(client: PlainClient, token: str, marker: str, namespace: str | None) -> bool:
    attributes = {"group": _MARKER_GROUP, "resource": _MARKER_RESOURCE, "name": marker, "verb": "get"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes | ({"namespace": namespace} if namespace else {})},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    allowed: bool = client.call("POST", path, review, token=token)["status"]["allowed"]
    return allowed
