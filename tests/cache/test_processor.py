"""Processor and Registration: every handler hears everything once, in order, and harms nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from tests.cache.store_builders import (
    DEADLINE,
    Cache,
    Calls,
    added,
    changes,
    content,
    deleted,
    in_threads,
    listed,
    modified,
    pod,
    running_cache,
)

from kubeinformer.cache.notifications import Added, Updated
from kubeinformer.cache.registration import PENDING_MARK
from kubeinformer.errors import UsageError
from kubeinformer.objects import KubernetesObject

PODS = [pod(f"p{number}", str(number + 1)) for number in range(5)]


@pytest.fixture
def cache() -> Iterator[Cache]:
    """Lend a cache that leaves no thread behind."""
    with running_cache() as lent:
        yield lent


def _noting(calls: Calls) -> Callable[[KubernetesObject], None]:
    return lambda told: calls.note(told.name)


def test_every_handler_hears_every_change_in_order(cache: Cache) -> None:
    """Adds, updates with what was told before, and deletions, to each of them (contract C6)."""
    calls = [Calls(), Calls()]
    for heard in calls:
        cache.handle(
            lambda new, heard=heard: heard.note("add", new.resource_version),
            lambda old, new, heard=heard: heard.note("update", old.resource_version, new.resource_version),
            lambda last, heard=heard: heard.note("delete", last.resource_version),
        )
    cache.push(changes(added(pod("a", "1")), modified(pod("a", "2"))))
    cache.push(changes(modified(pod("a", "3")), deleted(pod("a", "4"))))
    for heard in calls:
        assert heard.wait_for(4) == [
            ("add", "1"),
            ("update", "1", "2"),
            ("update", "2", "3"),
            ("delete", "4"),
        ]


def test_a_handler_hears_of_a_change_that_readers_see_already(cache: Cache) -> None:
    """The store is ahead of every notification (Invariant 141, contract C5)."""
    seen = Calls()
    cache.handle(lambda new: seen.note(content(cache.store).get(new.key) is new))
    cache.push(listed(PODS[0]))
    assert seen.wait_for(1) == [(True,)]


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_what_a_handler_raises_costs_that_one_call(cache: Cache, error: type[BaseException]) -> None:
    """It hears the other four, the healthy one all five, and both sync (Cases C43, Invariants 190 and 322)."""
    failing, healthy = Calls(), Calls()

    def fail_on_the_second(told: KubernetesObject) -> None:
        if told.name == "p1":
            raise error("on purpose")
        failing.note(told.name)

    registrations = [cache.handle(fail_on_the_second, name="failing"), cache.handle(_noting(healthy))]
    cache.push(listed(*PODS))
    cache.processor.cache_synced()
    assert failing.wait_for(4) == [("p0",), ("p2",), ("p3",), ("p4",)]
    assert healthy.wait_for(5) == [("p0",), ("p1",), ("p2",), ("p3",), ("p4",)]
    cache.synced.wait_for(2)
    assert all(registration.has_synced for registration in registrations)
    [(name, raised)] = cache.faults.seen
    assert name == "failing"
    assert isinstance(raised, error)


def test_a_blocked_handler_delays_nobody(cache: Cache) -> None:
    """The writer and the other handlers go on, and what waits can be counted (Case C43, Invariant 320)."""
    entered, opened, free = Calls(), threading.Event(), Calls()

    def block(told: KubernetesObject) -> None:
        entered.note(told.name)
        assert opened.wait(DEADLINE)

    blocked, other = cache.handle(block), cache.handle(_noting(free))
    cache.push(listed(*PODS))
    entered.wait_for(1)
    cache.push(changes(added(pod("late", "9"))))
    free.wait_for(6)
    assert (blocked.pending, other.pending) == (5, 0)
    opened.set()
    assert [name for (name,) in entered.wait_for(6)] == ["p0", "p1", "p2", "p3", "p4", "late"]


def test_a_handler_has_synced_after_its_last_initial_call(cache: Cache) -> None:
    """Neither when the store has (Case C44) nor inside that call; it is told once (Invariants 187 and 317)."""
    entered, opened = Calls(), threading.Event()

    def wait_on_the_last(told: KubernetesObject) -> None:
        entered.note(told.name)
        if told.name == "p4":
            assert opened.wait(DEADLINE)

    registration = cache.handle(wait_on_the_last)
    assert not cache.processor.has_synced
    cache.push(listed(*PODS))
    entered.wait_for(5)
    cache.processor.cache_synced()
    assert [registration.has_synced, cache.processor.has_synced] == [False, False]
    opened.set()
    assert cache.synced.wait_for(1) == [("handler",)]
    assert [registration.has_synced, cache.processor.has_synced] == [True, True]


def test_without_handlers_delivery_has_synced_when_the_cache_has(cache: Cache) -> None:
    """There is nobody to wait for; before the load it has not."""
    assert not cache.processor.has_synced
    cache.processor.cache_synced()
    assert cache.processor.has_synced


def test_a_late_handler_gets_what_is_there_and_then_every_change() -> None:
    """Each object once as an initial add, then all later changes in order, though a writer goes on (Case C44).

    Replaying what it heard gives exactly the store (Invariants 188 and 313), and so it does for one that came
    early.
    """
    with running_cache() as cache:
        names = [f"p{number}" for number in range(20)]
        cache.push(listed(*(pod(name) for name in names)))
        cache.processor.cache_synced()
        copies = [_Copy(cache) for _ in range(2)]

        def write() -> None:
            for version in range(2, 60):
                half = [pod(name, str(version)) for name in names[version % 2 :: 2]]
                cache.push(changes(*map(modified, half[1:]), deleted(half[0])))

        def add() -> None:
            for _ in range(10):
                copies.append(_Copy(cache))

        in_threads(write, add, add)
        cache.push(changes(added(pod("the end", "99"))))
        for copy in copies:
            copy.check()


class _Copy:
    """A handler that keeps a copy of the cache."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._objects: dict[str, KubernetesObject] = {}
        self._ended = Calls()
        self._faults: list[str] = []
        self._past_initial = False
        self._registration = cache.handle(self._add, self._update, self._delete)

    def _add(self, new: KubernetesObject, initial: bool) -> None:
        self._past_initial |= not initial
        if new.key in self._objects or (initial and self._past_initial):
            self._faults.append(f"add {new} initial={initial}")
        self._objects[new.key] = new
        if new.name == "the end":
            self._ended.note()

    def _update(self, old: KubernetesObject, new: KubernetesObject) -> None:
        self._past_initial = True
        if self._objects.get(new.key) is not old:
            self._faults.append(f"update {old} to {new}")
        self._objects[new.key] = new

    def _delete(self, last: KubernetesObject) -> None:
        self._past_initial = True
        if self._objects.pop(last.key, None) is None:
            self._faults.append(f"delete {last}")

    def check(self) -> None:
        """Hold that it heard a history, and that it ends where the store is."""
        self._ended.wait_for(1)
        assert self._faults == []
        assert self._registration.has_synced
        stored = content(self._cache.store)
        assert self._objects.keys() == stored.keys()
        assert all(self._objects[key] is held for key, held in stored.items())


def test_a_handler_may_be_registered_several_times(cache: Cache) -> None:
    """Each registration stands for itself and is removed for itself (Invariant 180)."""
    calls = Calls()
    handler = _noting(calls)
    first, second = cache.handle(handler), cache.handle(handler)
    cache.push(changes(added(PODS[0])))
    calls.wait_for(2)
    first.remove()
    cache.push(changes(added(PODS[1])))
    assert calls.wait_for(3) == [("p0",), ("p0",), ("p1",)]
    second.remove()


def test_a_closed_processor_tells_nothing_and_takes_no_handler(cache: Cache) -> None:
    """The error says why and names the handler (Invariants 184 and 185)."""
    calls = Calls()
    registration = cache.handle(_noting(calls))
    assert list(cache.processor.close()) == [registration]
    cache.push(listed(*PODS))
    registration.put([Added(PODS[0])])
    assert list(cache.processor.close()) == []
    with pytest.raises(UsageError, match="late: the informer is stopped"):
        cache.handle(_noting(calls), name="late")
    registration.remove()
    assert registration.delivery.join(DEADLINE)
    assert (calls.seen, registration.pending) == ([], 0)


def test_a_growing_backlog_is_logged(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """Once a doubling; the first load, however large, is no backlog before anything changes (Case C43)."""
    entered, opened = Calls(), threading.Event()

    def block(told: KubernetesObject) -> None:
        entered.note()
        assert opened.wait(DEADLINE)

    registration = cache.handle(block, name="slow")
    registration.put([Added(PODS[0], initial=True)] * (3 * PENDING_MARK + 1))
    entered.wait_for(1)
    assert caplog.messages == []
    for _ in range(2):
        registration.put([Updated(PODS[0], PODS[0])])
    registration.put([Updated(PODS[0], PODS[0])] * 3 * PENDING_MARK)
    registration.put([Updated(PODS[0], PODS[0])])
    registration.delivery.close()
    opened.set()
    assert [message.split(";")[0] for message in caplog.messages] == [
        f"slow: {3 * PENDING_MARK} notifications wait",
        f"slow: {6 * PENDING_MARK + 2} notifications wait",
    ]
