"""The in-order queue: everything leaves in the order in which it came, a replacement as one item.

client-go calls it RealFIFO (its default since 1.33). Unlike DeltaFIFO it never merges the changes of a key, so
what leaves is the history as the server told it, across all keys.
"""

from __future__ import annotations

from collections import deque

from kubeinformer.cache.deltas import Changes, Item, ReplacedAll


class RealFIFO:
    """An in-order queue. Not thread-safe: it belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._depth = 0  # the changes in _items, counted as `_weight` does

    def push(self, item: Item) -> None:
        """Append what a reflector brought."""
        self._items.append(item)
        self._depth += _weight(item)

    def pop(self) -> Item:
        """Take out the oldest item.

        Raises:
            IndexError: The queue is empty.
        """
        item = self._items.popleft()
        self._depth -= _weight(item)
        return item

    def __len__(self) -> int:
        return self._depth

    def __bool__(self) -> bool:
        return bool(self._items)

    def check_invariants(self) -> None:
        """Raise AssertionError where the depth is not what the items add up to."""
        assert self._depth == sum(map(_weight, self._items))
        assert all(isinstance(item, Changes | ReplacedAll) for item in self._items)


def _weight(item: Item) -> int:
    return 1 if isinstance(item, ReplacedAll) else len(item.deltas)
