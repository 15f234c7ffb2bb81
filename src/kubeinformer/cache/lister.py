"""What programs read from: the objects of a cache, by namespace, name and label selector."""

from __future__ import annotations

from collections.abc import Mapping

from kubeinformer.cache.coverage import Coverage
from kubeinformer.cache.indexed_store import IndexedStore
from kubeinformer.cache.indexes import NAMESPACE_INDEX
from kubeinformer.errors import NotFound
from kubeinformer.objects import KubernetesObject
from kubeinformer.selectors import parse_label_selector


class Lister:
    """Reads of a cache as Kubernetes lists and gets: plain calls from any thread, no request leaves the process.

    Raises from every method: :class:`~kubeinformer.errors.NotSynced` before anything was loaded.
    """

    def __init__(self, store: IndexedStore, coverage: Coverage, resource: str) -> None:
        self._store = store
        self._coverage = coverage
        self._resource = resource

    def list(
        self, namespace: str | None = None, *, label_selector: str | Mapping[str, str] | None = None
    ) -> list[KubernetesObject]:
        """Return the objects, in no particular order.

        Args:
            namespace: Only those of this namespace; None or "" for all.
            label_selector: Only those whose labels match: a selector in Kubernetes' grammar, or a dict of labels.

        Raises:
            ValueError: The selector is wrong; the message points at the place.
            NotCovered: The namespace is not watched.
        """
        selector = parse_label_selector(label_selector)
        self._coverage.check(namespace)
        listed = self._store.read(
            lambda objects, indexes: (
                [objects[key] for key in indexes.keys(NAMESPACE_INDEX, namespace)]
                if namespace
                else list(objects.values())
            )
        )
        if selector.is_everything:
            return listed
        return [candidate for candidate in listed if selector.matches(candidate.labels)]

    def get(self, name: str, namespace: str | None = None) -> KubernetesObject:
        """Return one object.

        Args:
            name: Its name.
            namespace: Its namespace; None for a resource that has none.

        Raises:
            NotFound: There is none (a LookupError).
            NotCovered: The namespace is not watched.
        """
        self._coverage.check(namespace)
        key = f"{namespace}/{name}" if namespace else name
        found = self._store.read(lambda objects, _: objects.get(key))
        if found is None:
            raise NotFound(
                404, "NotFound", f"{key!r} is not in the cache", verb="get", resource=self._resource
            )
        return found

    def __len__(self) -> int:
        self._coverage.check()
        return self._store.read(lambda objects, _: len(objects))

    def __contains__(self, key: object) -> bool:
        self._coverage.check(key.partition("/")[0] if isinstance(key, str) and "/" in key else None)
        return self._store.read(lambda objects, _: key in objects)

    def __bool__(self) -> bool:
        return True
