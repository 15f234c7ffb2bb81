"""Secondary indexes: from the values that index functions give an object to the keys that have them.

Nothing here locks: the owner calls it with its lock held. Values are computed by `Indexers.values_of` outside of
the lock (it runs user code) and remembered, so that what is taken out is what was put in.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping

from kubeinformer.errors import UsageError
from kubeinformer.objects import KubernetesObject

IndexFunction = Callable[[KubernetesObject], Iterable[Hashable] | None]
Values = tuple[tuple[Hashable, ...], ...]  # per indexer, in their order

NAMESPACE_INDEX = "namespace"


def namespace_values(indexed: KubernetesObject) -> Iterable[Hashable]:
    """Return the namespace of an object: the index function of the index that every cache has."""
    return (indexed.namespace,) if indexed.namespace else ()


class Indexers:
    """The index functions by name, and the isolation around them.

    Args:
        functions: Name to function; `namespace` is there always.
        on_fault: Called with the indexer's name, the object and the exception when a function raises or returns
            something that is no iterable of hashable values; the object is then not in that index.

    Raises:
        UsageError: One of the functions is named `namespace`.
    """

    def __init__(
        self,
        functions: Mapping[str, IndexFunction],
        on_fault: Callable[[str, KubernetesObject, BaseException], object],
    ) -> None:
        if NAMESPACE_INDEX in functions:
            raise UsageError(f"every cache has the index {NAMESPACE_INDEX!r}; name yours otherwise")
        self._functions: dict[str, IndexFunction] = {NAMESPACE_INDEX: namespace_values, **functions}
        self._on_fault = on_fault

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of the values."""
        return tuple(self._functions)

    def values_of(self, indexed: KubernetesObject) -> Values:
        """Return the values of an object for every indexer."""
        return tuple(self._values(name, indexed) for name in self._functions)

    def _values(self, name: str, indexed: KubernetesObject) -> tuple[Hashable, ...]:
        try:
            values = self._functions[name](indexed)
            if isinstance(values, str | bytes):  # a lone string is one value, not its letters
                values = (values,)
            return () if values is None else tuple(dict.fromkeys(values))
        except BaseException as error:  # noqa: BLE001  # user code: it costs this object's place in this index
            self._on_fault(name, indexed, error)
            return ()


class Indexes:
    """For each indexer, its values and the keys that have them.

    The only state; a value without keys is not kept (client-go's issue 84959: empty sets pile up).
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._maps: dict[str, dict[Hashable, dict[str, None]]] = {name: {} for name in names}

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
