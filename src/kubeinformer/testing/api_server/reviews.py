"""Questions to the server about rights and identities: kinds that are answered and not kept."""

from __future__ import annotations

from typing import Any

from kubeinformer.testing.api_server.access_control import AccessControl, User
from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.request_info import RequestInfo
from kubeinformer.testing.api_server.resource_table import ResourceTable


class Reviews:
    """Answers reviews for the users of a server.

    Args:
        access: Who may do what.
        table: The resources there are.
    """

    def __init__(self, access: AccessControl, table: ResourceTable) -> None:
        self._access = access
        self._table = table

    def answer(self, document: Document, user: User, token: str) -> Document:
        """Return a review with its verdict; one of another kind as it is.

        Args:
            document: The review.
            user: Who asks.
            token: With which token.
        """
        spec = document.get("spec") or {}
        match document["kind"]:
            case "SelfSubjectAccessReview":
                return _judged(document, allowed=self._allows(spec, user, token))
            case "SubjectAccessReview" | "LocalSubjectAccessReview":
                named = self._access.named(spec.get("user", ""))
                return _judged(document, allowed=named is not None and self._allows(spec, *named))
            case "SelfSubjectReview":
                return {**document, "status": {"userInfo": _user_info(user)}}
            case "TokenReview":
                found = self._access.user_with(spec.get("token", ""))
                status = {"user": {}} if found is None else {"authenticated": True, "user": _user_info(found)}
                return {**document, "status": status}
        return document

    def _allows(self, spec: Document, user: User, token: str) -> bool:
        wanted = spec.get("resourceAttributes")
        if not isinstance(wanted, dict):
            return True  # paths that are about no resource are open
        return self._access.allows(user, token, self._request(wanted))

    def _request(self, wanted: dict[str, Any]) -> RequestInfo:
        """Return the request that somebody asks about; of a resource that is not there, a stand-in."""
        group, name = wanted.get("group", ""), wanted.get("resource", "")
        found = [
            served for served in self._table if (served.resource.group, served.resource.name) == (group, name)
        ]
        served = found[0] if found else next(iter(self._table))
        return RequestInfo(
            wanted.get("verb", ""),
            served,
            wanted.get("namespace") or None,
            wanted.get("name") or None,
            wanted.get("subresource", ""),
        )


def _judged(document: Document, *, allowed: bool) -> Document:
    return {**document, "status": {"allowed": allowed}}


def _user_info(user: User) -> Document:
    return {"username": user.name, "groups": list(user.groups)}
