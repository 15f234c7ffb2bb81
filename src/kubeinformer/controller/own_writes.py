"""Read your own writes: a key waits until the caches have seen what its last run wrote."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.client.writes import Write
from kubeinformer.controller.sources import InformerSource
from kubeinformer.errors import NotCovered, UsageError
from kubeinformer.forks import renew_in_child
from kubeinformer.objects import KubernetesObject
from kubeinformer.selectors import parse_label_selector

_Place = tuple[SharedIndexInformer, str]  # a cache, and a key in it
_MANY = 1000  # keys that wait before some are looked for that need not
LOOK_AGAIN: Final = 0.02
"""Seconds after which a key that waits is looked at again; the change itself mostly brings it earlier."""


@dataclass(frozen=True, slots=True)
class _Expected:
    """A write that a cache is to show.

    Attributes:
        write: The write.
        informer: The cache.
        gone_uid: Which object is to be gone from the cache; None where it stays.
    """

    write: Write
    informer: SharedIndexInformer
    gone_uid: str | None

    @property
    def is_seen(self) -> bool:
        result = self.write.result
        if result is not None and not self.informer.freshness.has_seen(
            result.resource_version, result.namespace or None
        ):
            return False
        if self.gone_uid is None:
            return True
        stored = _stored(self.informer, self.write.key)
        return stored is None or stored.uid != self.gone_uid

    @property
    def place(self) -> _Place:
        """Where it is to be seen."""
        return self.informer, self.write.key

    def __str__(self) -> str:
        return f"{self.write.resource.group_resource} {self.write.key}"


class _Uncertain:
    """A write that the cache may have to show or not: it is to catch up with the server, whichever it is.

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
        return f"{self._write.resource.group_resource} as the server has them after the run"


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
        self._lock = threading.Lock()
        renew_in_child(self, _lock=threading.Lock)

    def observer(self, key: str) -> Callable[[Write], None]:
        """Return what is to be told of the writes of a key's run."""

        def observe(write: Write) -> None:
            with self._lock:
                _, known = self._expected.get(key, (0.0, []))
                places = {each.place for each in known if isinstance(each, _Expected)}
                found = [
                    each
                    for source in self._sources()
                    if (each := self._expect(source, write, places)) is not None
                ]
                if found:
                    self._expected[key] = (self._now(), known + found)
                    if len(self._expected) > self._sweep_at:
                        self._sweep()

        return observe

    def missing(self, key: str) -> tuple[str, bool]:
        """Return which writes of a key the caches have not shown, in words, and whether it has waited long enough.

        In words means "" where there are none. What it has waited for long enough is forgotten.
        """
        with self._lock:
            if key not in self._expected:
                return "", False
            since, expected = self._expected[key]
            waiting = _not_seen(expected)
            is_overdue = self._now() - since >= self._timeout
            if waiting and not is_overdue:
                self._expected[key] = (since, waiting)
            else:
                del self._expected[key]
            return ", ".join(map(str, waiting)), is_overdue

    def __len__(self) -> int:
        return len(self._expected)

    def _expect(
        self, source: InformerSource, write: Write, places: AbstractSet[_Place]
    ) -> _Expected | _Uncertain | None:
        informer = source.informer
        if not _watches(informer, write):
            return None
        if not write.is_certain:
            return _Uncertain(source, write, self._now, self._timeout)
        stored = _stored(informer, write.key)
        if stored is None and (informer, write.key) not in places:
            if write.result is not None and not _selects_labels(informer, write.result):
                return None  # it will not show, and nothing is there that could leave
            if (
                write.result is None or informer.options.field_selector
            ):  # only the server knows what is to show
                return _Uncertain(source, write, self._now, self._timeout)
        gone_uid = (
            None if _stays(write) else write.deleted_uid or getattr(write.result or stored, "uid", None)
        )
        return _Expected(write, informer, gone_uid)

    def _sweep(self) -> None:
        """Forget keys that need not wait: some never come again, so nobody asks."""
        for key, (since, expected) in list(self._expected.items()):
            if self._now() - since >= self._timeout or not _not_seen(expected):
                self._expected.pop(key, None)
        self._sweep_at = max(_MANY, 2 * len(self._expected))


def _not_seen(expected: Iterable[_Expected | _Uncertain]) -> list[_Expected | _Uncertain]:
    """Return what the caches have not shown. Of one object's writes none is seen before those that came before it."""
    waiting: list[_Expected | _Uncertain] = []
    places: set[_Place] = set()
    for each in expected:
        if isinstance(each, _Uncertain):
            if not each.is_seen:
                waiting.append(each)
        elif each.place in places or not each.is_seen:
            places.add(each.place)
            waiting.append(each)
    return waiting


def _watches(informer: SharedIndexInformer, write: Write) -> bool:
    """Return whether an informer watches the place of a write."""
    if informer.resource is None or informer.resource.group_resource != write.resource.group_resource:
        return False
    watched = informer.options.namespaces
    return watched is None or not write.namespace or write.namespace in watched


def _selects_labels(informer: SharedIndexInformer, written: KubernetesObject) -> bool:
    selector = informer.options.label_selector
    return not selector or parse_label_selector(selector).matches(written.labels)


def _stays(write: Write) -> bool:
    """Return whether the object is still there after a write.

    It is gone after a deletion, but for one that finalizers or a grace period hold; and after a write that took its
    last finalizer while it was being deleted. The answer to that one is its last state, with the version of that.
    """
    result = write.result
    if result is None or result.deletion_timestamp is None:
        return write.deleted_uid is None
    return bool(result.finalizers or result["metadata"].get("deletionGracePeriodSeconds"))


def _has_failed(future: Future[None]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)


def _stored(informer: SharedIndexInformer, key: str) -> KubernetesObject | None:
    try:
        return informer.indexer.get_by_key(key)
    except NotCovered:
        return None
