"""Read your own writes: a key waits until the caches have seen what its last run wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.client.writes import Write
from kubeinformer.controller.sources import InformerSource
from kubeinformer.errors import NotCovered, UsageError
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


class _Uncertain:
    """A write that may have been done or not: the cache is to catch up with the server, whichever it is.

    Args:
        source: Where the cache is.
        write: The write.
        now: Seconds on a monotonic clock.
        timeout: Seconds for which the cache may take to catch up: nobody waits for it longer.
    """

    def __init__(
        self, source: InformerSource, write: Write, now: Callable[[], float], timeout: float
    ) -> None:
        self._source = source
        self._timeout = timeout
        self._write = write
        self._now = now
        self._catching_up: Future[None] | None = None
        self._began = 0.0

    @property
    def is_seen(self) -> bool:
        if self._catching_up is None or (_has_failed(self._catching_up) and self._now() - self._began >= 1.0):
            self._began = self._now()
            engine, informer = self._source.engine, self._source.informer
            try:
                self._catching_up = engine.portal.submit(engine.core.catch_up, informer, self._timeout)
            except UsageError:  # the factory is stopped, and the controller with it
                return False
        return self._catching_up.done() and not _has_failed(self._catching_up)

    def __str__(self) -> str:
        return (
            f"{self._write.resource.group_resource} as the server has them, after a request without an answer"
        )


class OwnWrites:
    """What the runs of each key have written and the caches have not shown yet. A key has one run at a time.

    Args:
        sources: Returns the informers whose caches count.
        timeout: Seconds after which a key waits no longer.
        now: Seconds on a monotonic clock.
    """

    def __init__(
        self,
        sources: Callable[[], Iterable[InformerSource]],
        timeout: float,
        now: Callable[[], float],
    ) -> None:
        self._sources = sources
        self._timeout = timeout
        self._now = now
        self._expected: dict[str, tuple[float, list[_Expected | _Uncertain]]] = {}
        self._sweep_at = _MANY

    def observer(self, key: str) -> Callable[[Write], None]:
        """Return what is to be told of the writes of a key's run."""

        def observe(write: Write) -> None:
            found = [each for source in self._sources() if (each := self._expect(source, write)) is not None]
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

    def _expect(self, source: InformerSource, write: Write) -> _Expected | _Uncertain | None:
        if not _watches(source.informer, write):
            return None
        if not write.is_certain:
            return _Uncertain(source, write, self._now, self._timeout)
        if not _shows(source.informer, write):
            return None
        return _Expected(write, source.informer, getattr(_stored(source.informer, write.key), "uid", None))

    def _sweep(self) -> None:
        """Forget keys that need not wait: some never come again, so nobody asks."""
        for key, (since, expected) in list(self._expected.items()):
            if self._now() - since >= self._timeout or all(each.is_seen for each in expected):
                self._expected.pop(key, None)
        self._sweep_at = max(_MANY, 2 * len(self._expected))


def _watches(informer: SharedIndexInformer, write: Write) -> bool:
    """Return whether an informer watches the place of a write."""
    if informer.resource is None or informer.resource.group_resource != write.resource.group_resource:
        return False
    watched = informer.options.namespaces
    return watched is None or not write.namespace or write.namespace in watched


def _shows(informer: SharedIndexInformer, write: Write) -> bool:
    """Return whether a write will show in a cache: as an object, or as one that leaves what the selector selects."""
    selector = informer.options.label_selector
    return (
        write.result is None
        or not selector
        or parse_label_selector(selector).matches(write.result.labels)
        or _stored(informer, write.key) is not None
    )


def _has_failed(future: Future[None]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)


def _stored(informer: SharedIndexInformer, key: str) -> KubernetesObject | None:
    try:
        return informer.indexer.get_by_key(key)
    except NotCovered:
        return None
