"""The read face of a cache: by key, by index, everything."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from kubeinformer.cache.coverage import Coverage
from kubeinformer.cache.indexed_store import IndexedStore
from kubeinformer.cache.indexes import IndexFunction
from kubeinformer.objects import KubernetesObject


class Indexer:
    """Reads of a cache and its indexes: plain calls from any thread, each answered from one consistent state.

    No read leaves the process. Every method raises :class:`~kubeinformer.errors.NotSynced` before anything was
    loaded, so that an empty answer always means that there is nothing.
    """

    def __init__(self, store: IndexedStore, coverage: Coverage) -> None:
        self._store = store
        self._coverage = coverage

    def get_by_key(self, key: str) -> KubernetesObject | None:
        """Return the object under `namespace/name` (or `name`), None where there is none."""
        self._coverage.check()
        return self._store.read(lambda objects, _: objects.get(key))

    def by_index(self, name: str, value: Hashable) -> list[KubernetesObject]:
        """Return the objects that have `value` in the index `name`.

        Raises:
            UsageError: There is no such index.
        """
        self._coverage.check()
        return self._store.read(lambda objects, indexes: [objects[key] for key in indexes.keys(name, value)])

    def index_keys(self, name: str, value: Hashable) -> list[str]:
        """Return the keys of the objects that have `value` in the index `name`.

        Raises:
            UsageError: There is no such index.
        """
        self._coverage.check()
        return self._store.read(lambda _, indexes: indexes.keys(name, value))

    def index_values(self, name: str) -> list[Hashable]:
        """Return the values that some object has in the index `name` (client-go: ListIndexFuncValues).

        Raises:
            UsageError: There is no such index.
        """
        self._coverage.check()
        return self._store.read(lambda _, indexes: indexes.values(name))

    def add_indexers(self, indexers: Mapping[str, IndexFunction]) -> None:
        """Index by more functions, also while the cache is running and before it is loaded.

        What is there is indexed on the calling thread, which may be any; readers see the new indexes whole, or not
        yet. A function that is there already, under the same name, is left as it is. Interrupted (by Ctrl-C, say),
        nothing is added.

        Args:
            indexers: Index name to function; the function gets an object and returns its values: hashable ones that
                do not change, in any iterable, or None.

        Raises:
            UsageError: Another function has one of the names (client-go: an error, too), or an index function calls
                this; nothing was added.
        """
        self._store.add_indexers(indexers)

    def keys(self) -> list[str]:
        """Return all keys."""
        self._coverage.check()
        return self._store.read(lambda objects, _: list(objects))

    def list(self) -> list[KubernetesObject]:
        """Return all objects."""
        self._coverage.check()
        return self._store.read(lambda objects, _: list(objects.values()))
