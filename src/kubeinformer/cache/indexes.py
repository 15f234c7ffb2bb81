"""Secondary indexes: from the values that index functions give an object to the keys that have them.

Nothing here locks: the owner calls it with its lock held. Values are computed by `Indexers.values_of` outside of
the lock (it runs user code) and remembered, so that what is taken out is what was put in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import islice

from kubeinformer.errors import UsageError
from kubeinformer.objects import KubernetesObject

IndexFunction = Callable[[KubernetesObject], Iterable[Hashable] | None]
Values = tuple[tuple[Hashable, ...], ...]  # per indexer, in their order

NAMESPACE_INDEX = "namespace"
LONGEST_CALL = 0.1  # seconds that user code may hold up the writer before that is told
MOST_VALUES = 100_000  # that are taken from an iterator: one without an end must not hold it up for ever


def namespace_values(indexed: KubernetesObject) -> Iterable[Hashable]:
    """Return the namespace of an object: the index function of the index that every cache has."""
    return (indexed.namespace,) if indexed.namespace else ()


BUILT_IN: Mapping[str, IndexFunction] = {NAMESPACE_INDEX: namespace_values}


class Indexers:
    """The index functions by name, and the isolation around them. It never changes: `joined_by` makes another one.

    Args:
        functions: Name to function.
        on_fault: Called with the indexer's name, the object and the exception when a function raises or returns
            something that is no iterable of hashable values, or too many; the object is then not in that index.
        on_slow: Called with the indexer's name, the object and the seconds of a call that held up the cache.
        now: Seconds on a monotonic clock.
        built_in: The functions that every cache has.

    Raises:
        UsageError: One of the functions has the name of a built-in one.
    """

    def __init__(
        self,
        functions: Mapping[str, IndexFunction],
        on_fault: Callable[[str, KubernetesObject, BaseException], object],
        *,
        on_slow: Callable[[str, KubernetesObject, float], object] = lambda *_: None,
        now: Callable[[], float] = time.monotonic,
        built_in: Mapping[str, IndexFunction] = BUILT_IN,
    ) -> None:
        if taken := built_in.keys() & functions.keys():
            raise UsageError(f"every cache has the index {taken.pop()!r}; name yours otherwise")
        self._functions = {**built_in, **functions}
        self._on_fault = on_fault
        self._on_slow = on_slow
        self._now = now

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of the values."""
        return tuple(self._functions)

    def only(self, functions: Mapping[str, IndexFunction]) -> Indexers:
        """Return those of the functions that are not here yet.

        Raises:
            UsageError: Another function has one of their names.
        """
        for name, function in functions.items():
            if self._functions.get(name, function) != function:  # equal, not the same: so are bound methods
                raise UsageError(f"there is another index {name!r}; name yours otherwise")
        new = {name: function for name, function in functions.items() if name not in self._functions}
        return self._alike(new)

    def joined_by(self, others: Indexers) -> Indexers:
        """Return these, and then the others."""
        return self._alike({**self._functions, **others._functions})

    def values_of(
        self, indexed: KubernetesObject, *, isolated: type[BaseException] = BaseException
    ) -> Values:
        """Return the values of an object for every indexer; what is not `isolated` is raised."""
        found: list[tuple[Hashable, ...]] = []
        began = self._now()
        for name, function in self._functions.items():
            try:
                found.append(_distinct(function(indexed)))
            except isolated as error:  # user code: it costs this object's place in this index
                self._on_fault(name, indexed, error)
                found.append(())
            ended = self._now()
            if ended - began > LONGEST_CALL:
                self._on_slow(name, indexed, ended - began)
                ended = self._now()
            began = ended
        return tuple(found)

    def _alike(self, functions: Mapping[str, IndexFunction]) -> Indexers:
        return Indexers(functions, self._on_fault, on_slow=self._on_slow, now=self._now, built_in={})


def _distinct(values: Iterable[Hashable] | None) -> tuple[Hashable, ...]:
    if values is None:
        return ()
    if isinstance(values, (str, bytes)):  # a lone string is one value, not its letters
        return (values,)
    if not hasattr(values, "__len__"):  # it may be without an end
        values = list(islice(values, MOST_VALUES + 1))
        if len(values) > MOST_VALUES:
            raise UsageError(f"more than {MOST_VALUES} values for one object")
    return tuple(dict.fromkeys(values))


class Indexes:
    """For each indexer, its values and the keys that have them.

    The only state; a value without keys is not kept (client-go's issue 84959: empty sets pile up).
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._maps: dict[str, dict[Hashable, dict[str, None]]] = {name: {} for name in names}

    def joined_by(self, others: Indexes) -> Indexes:
        """Return these, and then the others; both share their content with what is returned."""
        joined = Indexes(())
        joined._maps = {**self._maps, **others._maps}
        return joined

    def insert(self, key: str, values: Values) -> None:
        """Add a key under its values."""
        for index, own in zip(self._maps.values(), values, strict=True):
            for value in own:
                index.setdefault(value, {})[key] = None

    def remove(self, key: str, values: Values) -> None:
        """Take out a key that was inserted with these values."""
        for index, own in zip(self._maps.values(), values, strict=True):
            for value in own:
                keys = index[value]
                del keys[key]
                if not keys:
                    del index[value]

    def keys(self, name: str, value: Hashable) -> list[str]:
        """Return the keys that have a value.

        Raises:
            UsageError: There is no such index.
        """
        return list(self._index(name).get(value, ()))

    def values(self, name: str) -> list[Hashable]:
        """Return the values of an index that some object has.

        Raises:
            UsageError: There is no such index.
        """
        return list(self._index(name))

    def as_sets(self) -> dict[str, dict[Hashable, set[str]]]:
        """Return a copy of everything, for comparing."""
        return {
            name: {value: set(keys) for value, keys in index.items()} for name, index in self._maps.items()
        }

    def _index(self, name: str) -> dict[Hashable, dict[str, None]]:
        index = self._maps.get(name)
        if index is None:
            raise UsageError(f"no index {name!r}; there are {', '.join(self._maps)}")
        return index


class LateIndexes:
    """Indexes of more functions, made beside those in use, until they have caught up with what is stored.

    Args:
        indexers: The new ones.

    Attributes:
        indexes: Their indexes.
        values: For each key its values of the earlier indexers and then of these.
    """

    def __init__(self, indexers: Indexers) -> None:
        self.indexes = Indexes(indexers.names)
        self.values: dict[str, Values] = {}
        self._indexers = indexers
        # The earlier values. Each write brings new ones: where they are the same, nothing was written since.
        self._seen: dict[str, Values] = {}

    def follow(self, objects: Mapping[str, KubernetesObject], values: Mapping[str, Values]) -> None:
        """Catch up with these objects, and their values of the earlier indexers.

        Raises:
            BaseException: A function was interrupted (KeyboardInterrupt, SystemExit): it runs on a user's thread.
        """
        seen = self._seen.get
        for key in [key for key, earlier in values.items() if seen(key) is not earlier]:
            own = self._indexers.values_of(objects[key], isolated=Exception)
            self._remove(key)
            self._seen[key], self.values[key] = values[key], values[key] + own
            self.indexes.insert(key, own)
        if len(self._seen) > len(values):
            for key in self._seen.keys() - values.keys():
                self._remove(key)

    def _remove(self, key: str) -> None:
        earlier = self._seen.pop(key, None)
        if earlier is not None:
            self.indexes.remove(key, self.values.pop(key)[len(earlier) :])
