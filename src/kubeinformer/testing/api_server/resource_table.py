"""Which resources a server has at this moment: the built-in ones, those it was given, and those that CRDs define."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from kubeinformer.resources import Resource, parse_resource
from kubeinformer.testing.api_server.served_resources import ServedResource

_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_STABILITY = {None: 2, "beta": 1, "alpha": 0}


class ResourceTable:
    """All resources of a server, in the order of discovery: those of the constructor, then those added, by group.

    Reading is safe in any thread; resources are added and removed with the server's lock held.

    Args:
        resources: The resources that are always there. One with the group, version and name of an earlier one takes
            its place. A plain :class:`Resource` follows the rules of custom resources; without verbs it gets all.
    """

    def __init__(self, resources: Iterable[Resource | ServedResource] = ()) -> None:
        self._fixed: dict[tuple[str, str, str], ServedResource] = {}
        for entry in resources:
            served = _complete(entry if isinstance(entry, ServedResource) else ServedResource(entry))
            self._fixed[_path(served)] = served
        self._added: dict[str, tuple[ServedResource, ...]] = {}
        self._by_path = dict(self._fixed)

    def __iter__(self) -> Iterator[ServedResource]:
        return iter(self._by_path.values())

    def define(self, owner: str, resources: Iterable[ServedResource]) -> None:
        """Serve these resources on behalf of an owner, in place of those that it had before; none to end them."""
        self._added[owner] = tuple(_complete(served) for served in resources)
        added = [served for entries in self._added.values() for served in entries]
        added.sort(key=lambda served: (served.resource.group, _preference(served.resource.version)))
        self._by_path = {**self._fixed, **{_path(served): served for served in added}}

    def define_nothing(self) -> None:
        """Serve nothing on anybody's behalf any longer."""
        self._added.clear()
        self._by_path = dict(self._fixed)

    def at(self, group: str, version: str, name: str) -> ServedResource | None:
        """Return the resource that stands at a URL path."""
        return self._by_path.get((group, version, name))

    def versions_of(self, collection: str) -> list[ServedResource]:
        """Return all forms of the resource whose objects are kept in a place, the preferred version first."""
        return [served for served in self if served.collection == collection]

    def versions(self) -> dict[str, list[str]]:
        """Return the versions of each group, in order; the core group is ""."""
        found: dict[str, list[str]] = {"": ["v1"]}
        for group, version, _ in self._by_path:
            versions = found.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        return found

    def find(self, spelling: str) -> ServedResource:
        """Return the resource that `pods`, `po`, `deployments.apps` or `apps/v1/deployments` means.

        Raises:
            ValueError: The spelling is wrong.
            LookupError: There is no such resource; the message lists what there is.
        """
        wanted = parse_resource(spelling)
        for served in self:
            resource = served.resource
            if (
                wanted.name in {resource.name, resource.singular_name, *resource.short_names}
                and wanted.group in {None, resource.group}
                and wanted.version in {None, resource.version}
            ):
                return served
        known = ", ".join(dict.fromkeys(served.resource.group_resource for served in self))
        raise LookupError(f"no resource {spelling!r} on this server; it has {known}")


def _path(served: ServedResource) -> tuple[str, str, str]:
    resource = served.resource
    return resource.group, resource.version, resource.name


def _complete(served: ServedResource) -> ServedResource:
    if served.resource.verbs:
        return served
    return replace(served, resource=replace(served.resource, verbs=_VERBS))


def _preference(version: str) -> tuple[int, int, int, str]:
    """Return what sorts versions as the server prefers them: v10, v2, v1, v2beta1, v1alpha1, anything else."""
    found = _VERSION.fullmatch(version)
    if found is None:
        return (1, 0, 0, version)
    return (-_STABILITY[found[2]], -int(found[1]), -int(found[3] or 0), version)
