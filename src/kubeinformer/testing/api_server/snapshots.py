"""One state of a collection, and its pages."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")


class Page(NamedTuple, Generic[Item]):
    """A part of a list.

    Attributes:
        items: In the order of their keys.
        next_start: The key where the next page starts; "" after the last one.
        remaining: The number of keys from there on, whether selected or not.
    """

    items: list[Item]
    next_start: str
    remaining: int


class Snapshot(Generic[Item]):
    """All items at one moment, in the order of their keys. Immutable, so pages of it never shift."""

    def __init__(self, items: Mapping[str, Item]) -> None:
        self._keys = sorted(items)
        self._items = [items[key] for key in self._keys]

    def __len__(self) -> int:
        return len(self._keys)

    def page(
        self,
        prefix: str = "",
        start: str = "",
        limit: int = 0,
        selects: Callable[[Item], bool] = lambda _: True,
    ) -> Page[Item]:
        """Return the selected items whose keys begin with `prefix` and are not before `start`.

        Args:
            prefix: What all keys begin with.
            start: The smallest key; "" for the first.
            limit: The largest number of items; 0 for all.
            selects: Which items to take. Only they count against the limit.
        """
        first = bisect_left(self._keys, max(prefix, start))
        end = bisect_left(self._keys, _after(prefix), first) if prefix else len(self._keys)
        found: list[Item] = []
        for index in range(first, end):
            if limit and len(found) == limit:
                return Page(found, self._keys[index - 1] + "\0", end - index)
            if selects(self._items[index]):
                found.append(self._items[index])
        return Page(found, "", 0)


def _after(prefix: str) -> str:
    """Return the smallest text that is larger than everything that begins with `prefix`."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
