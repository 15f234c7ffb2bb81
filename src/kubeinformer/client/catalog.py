"""What an API server has, and which of it a name means: pure, no request is sent from here."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from kubeinformer.client.discovery_documents import GroupVersion
from kubeinformer.errors import NotFound, StatusError
from kubeinformer.resources import Resource, ResourceReference

NOT_FOUND = "ResourceNotFound"
"""The reason of a NotFound that discovery itself did not fail to give: the server has no such resource."""


class Catalog:
    """The group versions of a server: the core group first, then in the server's order.

    Names mean what they mean to kubectl: a plural name in any group goes before a singular one, that before a
    short one; within each, the first group in order, and within a group its preferred version.
    """

    def __init__(self, entries: Iterable[GroupVersion]) -> None:
        self._entries = sorted(entries, key=lambda entry: entry.group != "")

    def candidates(self, reference: ResourceReference) -> Iterator[GroupVersion]:
        """Yield the group versions that a reference allows, in order."""
        for entry in self._entries:
            if reference.group in (None, entry.group) and reference.version in (None, entry.version):
                yield entry

    def find(self, reference: ResourceReference) -> Resource:
        """Return the resource that a reference means.

        Raises:
            NotFound: The server has none, with reason :data:`NOT_FOUND` and a message that says what is close.
            StatusError: 503: a group that might have it did not answer.
        """
        candidates = list(self.candidates(reference))
        resources = [resource for entry in candidates for resource in entry.resources or ()]
        name = reference.name.lower()
        for matches in (_is_plural, _is_singular, _is_short):
            for resource in resources:
                if matches(resource, name):
                    return resource
        raise self._absence(reference)

    def _absence(self, reference: ResourceReference) -> StatusError:
        faults = [f"{entry} ({entry.fault})" for entry in self._doubtful(reference)]
        asked, suggestion = str(reference), self._suggestion(reference)
        if faults:
            unsure = f"no resource {asked!r} was found{suggestion}"
            message = f"{unsure}, but API groups that may have it do not answer: {', '.join(faults)}"
            return StatusError(503, "ServiceUnavailable", message, verb="discover", resource=asked)
        return NotFound(
            404,
            NOT_FOUND,
            f"the server has no resource {asked!r}{suggestion}",
            verb="discover",
            resource=asked,
        )

    def _doubtful(self, reference: ResourceReference) -> Iterator[GroupVersion]:
        """Yield the group versions that can't be asked and might have it."""
        for entry in self._entries:
            group_fits = reference.group is None or entry.group in (reference.group, "?")
            version_fits = reference.version is None or entry.version in (reference.version, "?")
            if entry.fault and group_fits and version_fits:
                yield entry

    def _suggestion(self, reference: ResourceReference) -> str:
        known = [resource for entry in self._entries for resource in entry.resources or ()]
        name = reference.name.lower()
        close = [_full_name(resource) for resource in known if name == resource.name]
        if not close:
            names = difflib.get_close_matches(name, {resource.name for resource in known}, n=3)
            close = [resource.group_resource for name in names for resource in known if resource.name == name]
        return f" (there is: {', '.join(dict.fromkeys(close))})" if close else ""


def plural(resources: Sequence[Resource], name: str) -> Resource | None:
    """Return the resource with a plural name."""
    return next((resource for resource in resources if _is_plural(resource, name.lower())), None)


def _is_plural(resource: Resource, name: str) -> bool:
    return resource.name == name


def _is_singular(resource: Resource, name: str) -> bool:
    return name == (resource.singular_name or resource.kind.lower())


def _is_short(resource: Resource, name: str) -> bool:
    return name in resource.short_names


def _full_name(resource: Resource) -> str:
    return f"{resource.api_version}/{resource.name}"
