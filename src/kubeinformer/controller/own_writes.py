"""Read your own writes: a key waits until the caches have seen what its last run wrote."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from kubeinformer.cache.deltas import Changes, Item
from kubeinformer.cache.freshness import Freshness
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.client.writes import Write
from kubeinformer.controller.catch_ups import CatchUps
from kubeinformer.controller.sources import InformerSource
from kubeinformer.errors import NotCovered
from kubeinformer.forks import renew_in_child
from kubeinformer.objects import KubernetesObject
from kubeinformer.resource_versions import is_older
from kubeinformer.selectors import parse_label_selector

_Place = tuple[Freshness, str]  # that of a cache, and a key in it
_MANY = 1000  # keys that wait before some are looked for that need not
_TOLD = 8  # writes that a message names


@dataclass(slots=True)
class _Expected:
    """A write that a cache is to show.

    Attributes:
        write: The write.
        informer: The cache.
        gone_uid: Which object is to be gone from the cache; None where it stays.
        leaves: Whether its labels are not those that the cache selects.
    """

    write: Write
    informer: SharedIndexInformer
    gone_uid: str | None
    leaves: bool

    @property
    def is_seen(self) -> bool:
        stored = _stored(self.informer, self.write.key)
        if self.leaves and stored is None:
            return True  # it may have left by somebody else's write: then the cache hears nothing of this one
        result = self.write.result
        if result is not None:
            freshness, version = self.informer.freshness, result.resource_version
            if not freshness.has_seen(version, result.namespace or None):
                return False
        if self.gone_uid is None or stored is None:
            return True
        return bool(stored.uid) and stored.uid != self.gone_uid  # a transform may have taken the uid away

    @property
    def place(self) -> _Place:
        """Where it is to be seen."""
        return self.informer.freshness, self.write.key

    def makes_up_for(self, earlier: _Expected) -> bool:
        """Return whether a cache that has seen this has seen an earlier write of the same object, too."""
        if self.write.result is None or earlier.write.result is None:
            return False
        stay = self.gone_uid is None and earlier.gone_uid is None
        return stay and is_older(earlier.write.result.resource_version, self.write.result.resource_version)

    def __str__(self) -> str:
        return f"{self.write.resource.group_resource} {self.write.key}"


class _Waiting:
    """What one key waits for.

    Attributes:
        since: When its last write was made.
        expected: Its writes, by where they are to be seen: none of a place is seen before those that came before it.
        rounds: The rounds of catching up that are to tell what else it may have written.
        is_parked: Whether it was found waiting, and nothing has happened since.
        parked_at: Where the first thing is to happen, as far as that is known.
    """

    __slots__ = ("expected", "is_parked", "parked_at", "rounds", "since")

    def __init__(self) -> None:
        self.since = 0.0
        self.expected: dict[_Place, list[_Expected]] = {}
        self.rounds: dict[CatchUps, int] = {}
        self.is_parked = False
        self.parked_at: _Place | None = None

    def add(self, each: _Expected) -> None:
        """Expect one write more."""
        writes = self.expected.setdefault(each.place, [])
        if writes and each.makes_up_for(writes[-1]):
            writes[-1] = each
        else:
            writes.append(each)


class OwnWrites:
    """What the runs of each key have written and the caches have not shown yet. A key has one run at a time.

    Args:
        sources: Returns the informers whose caches count.
        timeout: Seconds after which a key waits no longer.
        now: Seconds on a monotonic clock.
        wake: Called with a key for which it is time to look again, on any thread.
    """

    def __init__(
        self,
        sources: Callable[[], Iterable[InformerSource]],
        timeout: float,
        now: Callable[[], float],
        wake: Callable[[str], object],
    ) -> None:
        self._sources = sources
        self._timeout = timeout
        self._now = now
        self._wake = wake
        self._keys: dict[str, _Waiting] = {}
        self._parked: dict[_Place, set[str]] = {}  # the keys that wait for something to arrive there
        self._catch_ups: dict[SharedIndexInformer, CatchUps] = {}
        self._sweep_at = _MANY
        self._lock = threading.RLock()
        renew_in_child(self, _lock=threading.RLock)

    def look_again(self, key: str) -> float:
        """Return the seconds after which a key that waits is to be looked at, should nothing wake it before."""
        with self._lock:
            waiting = self._keys.get(key)
            left = 0.0 if waiting is None else waiting.since + self._timeout - self._now()
            return max(0.0, min(left, max(1.0, len(self._keys) / 1000)))  # a thousand looks a second at most

    def observer(self, key: str) -> Callable[[Write], None]:
        """Return what is to be told of the writes of a key's run."""

        def observe(write: Write) -> None:
            with self._lock:
                caches = {source.informer: source for source in self._sources()}  # some have two mappers
                for source in caches.values():
                    if _watches(source, write):
                        self._expect(key, source, write)
                if len(self._keys) > self._sweep_at:
                    self._sweep()

        return observe

    def missing(self, key: str) -> tuple[str, bool]:
        """Return which writes of a key the caches have not shown, in words, and whether it has waited long enough.

        In words means "" where there are none. What it has waited for long enough is forgotten.
        """
        with self._lock:
            waiting = self._keys.get(key)
            if waiting is None:
                return "", False
            self._unpark(key, waiting)
            is_overdue = self._now() - waiting.since >= self._timeout
            is_waiting = _is_waiting(waiting, thoroughly=is_overdue)
            words = _in_words(waiting) if is_waiting else ""
            if is_waiting and not is_overdue:
                self._park(key, waiting)
            else:
                del self._keys[key]
            return words, is_overdue

    def arrived(self, freshness: Freshness, item: Item) -> None:
        """Wake the keys that may have waited for what a cache has just taken in. On the loop of its factory."""
        with self._lock:  # a key that is about to be parked has not looked at this, or is parked by then
            if not self._parked:
                return
            if isinstance(item, Changes):
                places = [(freshness, delta.key) for delta in item.deltas]
            else:
                places = [place for place in self._parked if place[0] is freshness]
            keys = self._unparked(key for place in places for key in tuple(self._parked.get(place, ())))
        self._wake_up(keys)

    def __len__(self) -> int:
        return len(self._keys)

    # -- what is expected, with the lock held -----------------------------------------------------------------------

    def _expect(self, key: str, source: InformerSource, write: Write) -> None:
        informer = source.informer
        waiting = self._keys.get(key) or _Waiting()
        place = (informer.freshness, write.key)
        if _is_told(informer, write, is_expected=place in waiting.expected):
            stored = _stored(informer, write.key)
            uid = write.deleted_uid or getattr(write.result or stored, "uid", None)
            leaves = write.result is not None and _selects_labels(informer, write) is False
            waiting.add(_Expected(write, informer, None if _stays(write) else uid, leaves))
            informer.freshness.listen(self)
        elif _may_show(informer, write):
            catch_ups = self._catch_ups.get(informer)
            if catch_ups is None:
                catch_ups = CatchUps(source, self._now, self._timeout, self._round_ended)
                self._catch_ups[informer] = catch_ups
            waiting.rounds[catch_ups] = catch_ups.ticket()
        else:
            return
        waiting.since = self._now()
        self._keys[key] = waiting

    def _sweep(self) -> None:
        """Forget keys that need not wait: some never come again, so nobody asks."""
        for key, waiting in list(self._keys.items()):
            is_overdue = self._now() - waiting.since >= self._timeout
            if is_overdue or not _is_waiting(waiting, thoroughly=False):
                self._unpark(key, waiting)
                del self._keys[key]
        self._sweep_at = max(_MANY, 2 * len(self._keys))

    # -- parking, with the lock held ----------------------------------------------------------------------

    def _park(self, key: str, waiting: _Waiting) -> None:
        waiting.is_parked = True
        if waiting.expected:
            waiting.parked_at = next(reversed(waiting.expected))
            self._parked.setdefault(waiting.parked_at, set()).add(key)

    def _unpark(self, key: str, waiting: _Waiting) -> None:
        waiting.is_parked = False
        if waiting.parked_at is not None:
            keys = self._parked[waiting.parked_at]
            keys.discard(key)
            if not keys:
                del self._parked[waiting.parked_at]
            waiting.parked_at = None

    def _unparked(self, keys: Iterable[str]) -> list[str]:
        found = [key for key in keys if self._keys[key].is_parked]
        for key in found:
            self._unpark(key, self._keys[key])
        return found

    # -- waking, without the lock: workers begin to look at once -------------------------------------------------------

    def _round_ended(self) -> None:
        with self._lock:
            keys = self._unparked(key for key, waiting in self._keys.items() if waiting.rounds)
        self._wake_up(keys)

    def _wake_up(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._wake(key)


def _is_waiting(waiting: _Waiting, *, thoroughly: bool) -> bool:
    """Drop what is seen, and return whether something is not.

    Where it is not to be thorough, what was written before the latest that is not seen is not looked at.
    """
    expected = waiting.expected
    for place in list(expected) if thoroughly else _latest_first(expected):
        writes = expected[place]
        while writes and writes[0].is_seen:
            del writes[0]
        if not writes:
            del expected[place]
        elif not thoroughly:
            break
    for catch_ups, ticket in list(waiting.rounds.items()):
        if catch_ups.is_done(ticket):
            del waiting.rounds[catch_ups]
    return bool(expected or waiting.rounds)


def _latest_first(places: dict[_Place, list[_Expected]]) -> Iterator[_Place]:
    """Return the places, from the last one on, as long as each is deleted before the next is asked for."""
    while places:
        yield next(reversed(places))


def _in_words(waiting: _Waiting) -> str:
    writes = [each for place in waiting.expected.values() for each in place]
    told = [str(each) for each in islice((*writes, *waiting.rounds), _TOLD)]
    more = len(writes) + len(waiting.rounds) - len(told)
    return ", ".join([*told, f"and {more} more"] if more else told)


def _watches(source: InformerSource, write: Write) -> bool:
    """Return whether an informer watches the place of a write."""
    informer = source.informer
    if informer.resource is None or informer.resource.group_resource != write.resource.group_resource:
        return False
    if source.engine.core.session.config.server != write.server:
        return False  # another cluster
    watched = informer.options.namespaces
    return watched is None or not write.namespace or write.namespace in watched


def _is_told(informer: SharedIndexInformer, write: Write, *, is_expected: bool) -> bool:
    """Return whether the cache is bound to hear of a write; else only the server knows what it is to show."""
    if not write.is_certain or write.deleted_uid == "":
        return False
    if is_expected or _stored(informer, write.key) is not None:
        return True
    is_selected = write.result is not None and _selects_labels(informer, write) is True
    return is_selected and not informer.options.field_selector


def _may_show(informer: SharedIndexInformer, write: Write) -> bool:
    """Return whether the cache, which does not have the object now, may come to show it."""
    return not write.is_certain or write.result is None or _selects_labels(informer, write) is not False


def _selects_labels(informer: SharedIndexInformer, write: Write) -> bool | None:
    """Return whether what was written is selected; None where its labels are not in the answer, such as a Scale."""
    selector = informer.options.label_selector
    if not selector:
        return True
    if write.result is None or write.result.kind != write.resource.kind:
        return None
    return parse_label_selector(selector).matches(write.result.labels)


def _stays(write: Write) -> bool:
    """Return whether the object is still there after a write.

    It is gone after a deletion, but for one that finalizers or a grace period hold; and after a write that took its
    last finalizer while it was being deleted. The answer to that one is its last state, with the version of that.
    """
    result = write.result
    if result is None or result["metadata"].get("deletionTimestamp") is None:
        return write.deleted_uid is None
    if result.finalizers or result["metadata"].get("deletionGracePeriodSeconds"):
        return True
    # A namespace has finalizers in its spec, besides.
    return write.resource.group_resource == "namespaces" and bool(
        (result.get("spec") or {}).get("finalizers")
    )


def _stored(informer: SharedIndexInformer, key: str) -> KubernetesObject | None:
    try:
        return informer.indexer.get_by_key(key)
    except NotCovered:
        return None
