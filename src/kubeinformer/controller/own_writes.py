"""Read your own writes: a key waits until the caches have seen what its last run wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.client.writes import Write
from kubeinformer.errors import NotCovered
from kubeinformer.objects import KubernetesObject
from kubeinformer.selectors import parse_label_selector

_MANY = 1000  # keys that wait before some are looked for that need not
LOOK_AGAIN: Final = 0.02
"""Seconds after which a key that waits is looked at again; the change itself mostly brings it earlier."""


@dataclass(frozen=True, slots=True)
class _Expected:
    """A write that a cache is to show.

    Attributes:
        write: The write.
        informer: The cache.
        uid_before: Which object the cache had under the key when a deletion was accepted.
    """

    write: Write
    informer: SharedIndexInformer
    uid_before: str | None

    @property
    def is_seen(self) -> bool:
        result = self.write.result
        if result is not None:
            return self.informer.freshness.has_seen(result.resource_version, result.namespace or None)
        stored = _stored(self.informer, self.write.key)
        return stored is None or stored.uid != self.uid_before

    def __str__(self) -> str:
        return f"{self.write.resource.group_resource} {self.write.key}"


class OwnWrites:
    """What the runs of each key have written and the caches have not shown yet. A key has one run at a time.

    Args:
        informers: Returns the caches that count.
        timeout: Seconds after which a key waits no longer.
        now: Seconds on a monotonic clock.
    """

    def __init__(
        self,
        informers: Callable[[], Iterable[SharedIndexInformer]],
        timeout: float,
        now: Callable[[], float],
    ) -> None:
        self._informers = informers
        self._timeout = timeout
        self._now = now
        self._expected: dict[str, tuple[float, list[_Expected]]] = {}
        self._sweep_at = _MANY

    def observer(self, key: str) -> Callable[[Write], None]:
        """Return what is to be told of the writes of a key's run."""

        def observe(write: Write) -> None:
            found = [
                _Expected(write, informer, getattr(_stored(informer, write.key), "uid", None))
                for informer in self._informers()
                if _shows(informer, write)
            ]
            if found:
                _, known = self._expected.get(key, (0.0, []))
                self._expected[key] = (self._now(), known + found)
                if len(self._expected) > self._sweep_at:
                    self._sweep()

        return observe

    def missing(self, key: str) -> str:
        """Return which writes of a key the caches have not shown, in words; "" where it need not wait (any longer)."""
        if key not in self._expected:
            return ""
        since, expected = self._expected[key]
        waiting = [each for each in expected if not each.is_seen]
        if not waiting:
            del self._expected[key]
            return ""
        self._expected[key] = (since, waiting)
        return ", ".join(map(str, waiting))

    def is_overdue(self, key: str) -> bool:
        """Return whether a key has waited for as long as it may; its writes are forgotten then."""
        since, _ = self._expected[key]
        if self._now() - since < self._timeout:
            return False
        del self._expected[key]
        return True

    def __len__(self) -> int:
        return len(self._expected)

    def _sweep(self) -> None:
        """Forget keys that need not wait: some never come again, so nobody asks."""
        for key, (since, expected) in list(self._expected.items()):
            if self._now() - since >= self._timeout or all(each.is_seen for each in expected):
                self._expected.pop(key, None)
        self._sweep_at = max(_MANY, 2 * len(self._expected))


def _shows(informer: SharedIndexInformer, write: Write) -> bool:
    """Return whether a write will show in a cache: as an object, or as one that leaves what the selector selects."""
    if informer.resource is None or informer.resource.group_resource != write.resource.group_resource:
        return False
    watched, selector = informer.options.namespaces, informer.options.label_selector
    if watched is not None and write.namespace and write.namespace not in watched:
        return False
    return (
        write.result is None
        or not selector
        or parse_label_selector(selector).matches(write.result.labels)
        or _stored(informer, write.key) is not None
    )


def _stored(informer: SharedIndexInformer, key: str) -> KubernetesObject | None:
    try:
        return informer.indexer.get_by_key(key)
    except NotCovered:
        return None
