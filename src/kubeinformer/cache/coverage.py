"""What a cache can answer for: whether it was loaded, and which namespaces it watches."""

from __future__ import annotations

from collections.abc import Callable, Collection

from kubeinformer.errors import NotCovered, NotSynced


class Coverage:
    """Guards reads against answers that would be taken for "there is none". Thread-safe.

    Args:
        name: The resource, for messages.
        namespaces: The namespaces that are watched; None for all of them.
        is_loaded: Says whether the first load of a namespace is in the store; for None, whether anything is.
    """

    def __init__(
        self, name: str, namespaces: Collection[str] | None, is_loaded: Callable[[str | None], bool]
    ) -> None:
        self._name = name
        self._namespaces = namespaces
        self._is_loaded = is_loaded

    def cover_everything(self) -> None:
        """Learn that the resource has no namespaces: the one watch of it covers all of it."""
        self._namespaces = None

    def check(self, namespace: str | None = None) -> None:
        """Raise NotSynced before the first load, NotCovered for a namespace that is not watched ("": any)."""
        if namespace and self._namespaces is not None and namespace not in self._namespaces:
            watched = ", ".join(sorted(self._namespaces))
            raise NotCovered(f"{self._name}: namespace {namespace!r} is not watched (only {watched})")
        if not self._is_loaded(namespace or None):
            raise NotSynced(f"{self._name}: nothing was loaded yet; call wait_for_cache_sync() first")
