"""What a program asks for ("deployments.apps") and what the server has (a resource with its kind and verbs)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?")
_GROUP = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_VERSION = re.compile(r"v[0-9]+((alpha|beta)[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of an API server, as discovery describes it.

    Attributes:
        group: The API group, "" for the core group.
        version: The API version within the group, such as `v1`.
        name: The plural name as it stands in URLs, such as `pods`.
        kind: The kind of its objects, such as `Pod`.
        namespaced: Whether its objects live in namespaces.
        verbs: What can be done with it, such as `list` and `watch`.
        singular_name: The singular name, "" where the server gives none.
        short_names: Abbreviations such as `po`.
    """

    group: str
    version: str
    name: str
    kind: str
    namespaced: bool = True
    verbs: tuple[str, ...] = ()
    singular_name: str = ""
    short_names: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """The apiVersion of its objects: `v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """The name used in messages and metrics: `pods`, `deployments.apps`."""
        return f"{self.name}.{self.group}" if self.group else self.name

    def path(self, *, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """Return the URL path (percent-encoded) of the collection, or of one object.

        Args:
            namespace: The namespace; None for all of them, or for a resource that has none.
            name: The object's name; any character is allowed, as the server allows it for some kinds.
            subresource: Such as `status`.
        """
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace is not None and self.namespaced:
            parts += ["namespaces", namespace]
        parts.append(self.name)
        if name is not None:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/" + "/".join(quote(part, safe="") for part in parts)


@dataclass(frozen=True, slots=True)
class ResourceReference:
    """A resource as a program names it; discovery turns it into a :class:`Resource`.

    Attributes:
        name: Plural, singular or short name.
        group: The API group, None where the program did not say.
        version: The version, None for the one that the server prefers.
    """

    name: str
    group: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        if self.version is not None:
            return "/".join(part for part in (self.group, self.version, self.name) if part)
        return f"{self.name}.{self.group}" if self.group else self.name


def parse_resource(text: str) -> ResourceReference:
    """Return what a spelling of a resource means.

    `pods`, `deployments.apps`, `deployments.v1.apps` (as kubectl takes them) and `v1/pods`, `apps/v1/deployments`.

    Raises:
        ValueError: The text is none of these; the message shows it.
    """
    if "/" in text:
        *group, version, name = text.split("/")
        reference = ResourceReference(name, group[0] if group else "", version)
        valid = len(group) <= 1
    else:
        name, _, rest = text.partition(".")
        first, _, last = rest.partition(".")
        if _VERSION.fullmatch(first):
            reference = ResourceReference(name, last, first)
        else:
            reference = ResourceReference(name, rest or None)
        valid = not text.endswith(".")
    valid = (
        valid
        and _NAME.fullmatch(reference.name) is not None
        and (not reference.group or _GROUP.fullmatch(reference.group) is not None)
        and (reference.version is None or _NAME.fullmatch(reference.version) is not None)
    )
    if not valid:
        raise ValueError(
            f"not a resource: {text!r} (write 'pods', 'deployments.apps', 'apps/v1/deployments' or 'v1/pods')"
        )
    return reference
