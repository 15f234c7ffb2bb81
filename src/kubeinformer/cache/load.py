"""What a load has brought so far, beside the store that still holds the last good state."""

from __future__ import annotations

from collections.abc import Iterable

from kubeinformer.cache.deltas import Delta, DeltaType, ReplacedAll
from kubeinformer.cache.list_pages import ListPage
from kubeinformer.errors import InvalidObject
from kubeinformer.objects import KubernetesObject


class Load:
    """The content of a list, page by page, or of the initial events of a watch.

    Attributes:
        errors: Why objects of its pages were set aside, to be told when the load is stored.
    """

    def __init__(self) -> None:
        self.errors: list[InvalidObject] = []
        self._objects: dict[str, KubernetesObject] = {}
        self._set_aside: set[str] = set()
        self._complete = True

    def add(self, page: ListPage) -> None:
        """Take in a page."""
        self._objects.update((found.key, found) for found in page.objects)
        for aside in page.asides:
            if aside.error is None:
                continue
            self.errors.append(aside.error)
            if aside.identity is None:
                self._complete = False  # it may be any of those that are missing
            elif aside.identity.name:
                self._set_aside.add(aside.identity.key)

    def collect(self, deltas: Iterable[Delta]) -> None:
        """Take in initial events, and the changes that come between them."""
        for delta in deltas:
            self._objects.pop(delta.key, None)
            if delta.type is DeltaType.DELETED:
                self._set_aside.discard(delta.key)
            elif delta.object is not None:
                self._objects[delta.key] = delta.object

    def set_aside(self, key: str) -> None:
        """Note that an object is there and could not be read."""
        self._set_aside.add(key)

    def replacement(self, version: str, scope: str | None) -> ReplacedAll:
        """Return the whole as the new content of the store."""
        objects = list(self._objects.values())
        return ReplacedAll(objects, version, scope, frozenset(self._set_aside), complete=self._complete)
