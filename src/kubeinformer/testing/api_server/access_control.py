"""Who asks, and what they may do: bearer tokens, client certificates, and rules in the manner of RBAC."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubeinformer.testing.api_server.refusals import forbidden_request, unauthorized
from kubeinformer.testing.api_server.request_info import RequestInfo

ANY = "*"
_OPEN_TO_ALL = {"selfsubjectaccessreviews", "selfsubjectreviews", "selfsubjectrulesreviews"}


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who sends requests.

    Attributes:
        name: Such as `alice` or `system:serviceaccount:default:builder`.
        groups: Such as `system:masters`, who may do everything.
    """

    name: str
    groups: tuple[str, ...] = ()


ADMIN = User("admin", ("system:masters", "system:authenticated"))
ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


@dataclass(frozen=True, slots=True)
class Denial:
    """What nobody, or one user, may do; None stands for all verbs, resources, namespaces, users."""

    verbs: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    namespace: str | None = None
    user: str | None = None

    def hits(self, user: User, info: RequestInfo) -> bool:
        """Return whether a request is denied."""
        return (
            self.user in {None, user.name}
            and (self.verbs is None or info.verb in self.verbs)
            and (self.resources is None or bool(_names_of(info) & set(self.resources)))
            and self.namespace in {None, info.namespace}
        )


@dataclass(slots=True)
class _Account:
    user: User
    rules: dict[str | None, Sequence[Mapping[str, Any]]] | None = None


@dataclass(slots=True)
class AccessControl:
    """The users of one server. Any thread may use it.

    Attributes:
        anonymous: Whether requests without credentials are answered, as the admin's.
    """

    anonymous: bool = True
    _accounts: dict[str, _Account] = field(default_factory=dict)
    _denials: list[Denial] = field(default_factory=list)
    _revoked: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, token: str, user: User) -> None:
        """Let a token stand for a user, who may do everything until rules are given."""
        with self._lock:
            self._accounts.setdefault(token, _Account(user))

    def grant(self, token: str, rules: Sequence[Mapping[str, Any]], namespace: str | None) -> None:
        """Give the user of a token these rights in one namespace or everywhere, in place of those given there before.

        From the first rule on, the user may do nothing that no rule allows.
        """
        with self._lock:
            account = self._accounts[token]
            account.rules = {**(account.rules or {}), namespace: tuple(rules)}

    def revoke(self, token: str) -> None:
        """Answer 401 to a token from now on."""
        with self._lock:
            self._accounts.pop(token, None)
            self._revoked.add(token)

    def deny(self, denial: Denial) -> None:
        """Answer 403 to what a denial hits."""
        with self._lock:
            self._denials.append(denial)

    def allow(self, denial: Denial) -> None:
        """Take a denial back; harmless when it was taken back."""
        with self._lock:
            if denial in self._denials:
                self._denials.remove(denial)

    def user_of(self, authorization: str, certificate_user: User | None = None) -> tuple[User, str]:
        """Return who sends a request, and the token it came with ("" for none).

        Args:
            authorization: The Authorization header.
            certificate_user: Who the client's certificate names, None where there is none.

        Raises:
            Refusal: The token is not known, or there are no credentials where some are needed (401).
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and token:
            with self._lock:
                account = self._accounts.get(token)
                revoked = token in self._revoked
            if account is not None:
                return account.user, token
            if revoked or not self.anonymous:
                raise unauthorized()
        if certificate_user is not None:
            return certificate_user, ""
        if not self.anonymous:
            raise unauthorized()
        return ADMIN, ""

    def user_with(self, token: str) -> User | None:
        """Return who has a token, None where nobody has."""
        with self._lock:
            account = self._accounts.get(token)
        return None if account is None else account.user

    def named(self, name: str) -> tuple[User, str] | None:
        """Return the user of a name and their token, None where there is no such user."""
        with self._lock:
            for token, account in self._accounts.items():
                if account.user.name == name:
                    return account.user, token
        return None

    def check(self, user: User, token: str, info: RequestInfo) -> None:
        """Raise a Refusal (403) unless a user may do what a request asks for."""
        if not self.allows(user, token, info):
            raise forbidden_request(
                info.served, user.name, info.verb, info.subresource, info.namespace, info.name or ""
            )

    def allows(self, user: User, token: str, info: RequestInfo) -> bool:
        """Return whether a user may do what a request asks for."""
        with self._lock:
            if any(denial.hits(user, info) for denial in self._denials):
                return False
            account = self._accounts.get(token)
            if account is None or account.rules is None or "system:masters" in user.groups:
                return True
            if info.served.resource.name in _OPEN_TO_ALL:
                return True
            rules = [*account.rules.get(None, ()), *account.rules.get(info.namespace, ())]
        return any(_allows(rule, info) for rule in rules)


def _names_of(info: RequestInfo) -> set[str]:
    resource = info.served.resource
    names = {resource.name, resource.group_resource}
    return {f"{name}/{info.subresource}" for name in names} if info.subresource else names


def _allows(rule: Mapping[str, Any], info: RequestInfo) -> bool:
    resource = info.served.resource
    wanted = f"{resource.name}/{info.subresource}" if info.subresource else resource.name
    named = rule.get("resourceNames")
    return (
        _has(rule.get("verbs"), info.verb)
        and _has(rule.get("apiGroups"), resource.group)
        and _has(rule.get("resources"), wanted)
        and (not named or info.name in named)
    )


def _has(given: Any, wanted: str) -> bool:
    return wanted in (given or ()) or ANY in (given or ())
