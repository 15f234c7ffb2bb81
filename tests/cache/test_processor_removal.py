"""Registration.remove: from anywhere, at any moment, and nothing begins after it has returned."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from tests.cache.store_builders import (
    DEADLINE,
    Cache,
    Calls,
    added,
    changes,
    in_threads,
    listed,
    pod,
    running_cache,
)

from kubeinformer.cache.registration import Registration
from kubeinformer.objects import KubernetesObject

PODS = [pod(f"p{number}", str(number + 1)) for number in range(5)]


@pytest.fixture
def cache() -> Iterator[Cache]:
    """Lend a cache that leaves no thread behind."""
    with running_cache() as lent:
        yield lent


def test_remove_waits_for_the_call_in_flight(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """It returns after that call has, what waits is dropped, and later changes do not come (Invariant 193)."""
    calls, opened = Calls(), threading.Event()

    def block(told: KubernetesObject) -> None:
        calls.note("in", told.name)
        assert opened.wait(DEADLINE)
        calls.note("out", told.name)

    registration = cache.handle(block)
    cache.push(listed(*PODS))
    calls.wait_for(1)

    join = registration.delivery.join

    def open_then_join(timeout: float | None) -> bool:
        opened.set()
        return join(timeout)

    monkeypatch.setattr(registration.delivery, "join", open_then_join)
    in_threads(registration.remove)
    calls.note("removed")
    cache.push(changes(added(pod("late", "9"))))
    assert calls.seen == [("in", "p0"), ("out", "p0"), ("removed",)]
    assert registration.pending == 0


def test_no_call_begins_after_remove_has_returned(cache: Cache) -> None:
    """While a writer goes on, for handlers that come and go at once (Invariants 182, 186 and 315, Case C44)."""
    late = Calls()

    def come_and_go() -> None:
        for _ in range(60):
            removed = threading.Event()

            def on_add(told: KubernetesObject, removed: threading.Event = removed) -> None:
                if removed.is_set():
                    late.note(told.name)

            registration = cache.handle(on_add)
            registration.remove()
            removed.set()

    def write() -> None:
        for number in range(200):
            cache.push(changes(added(pod(f"p{number}"))))

    in_threads(write, come_and_go, come_and_go)
    assert late.seen == []


def test_removing_twice_is_harmless(cache: Cache) -> None:
    """Also at the same time on two threads, and after the processor was closed (Invariants 181 and 185)."""
    calls = Calls()
    registration = cache.handle(lambda told: calls.note(told.name))
    cache.push(listed(PODS[0]))
    calls.wait_for(1)
    in_threads(registration.remove, registration.remove)
    registration.remove()
    cache.close()
    registration.remove()


def test_removing_one_that_never_ran_returns_at_once(cache: Cache) -> None:
    """There is no call to wait for, and nothing of it is kept (Invariants 178 and 194)."""
    calls = Calls()
    registration = cache.handle(lambda told: calls.note(told.name))
    in_threads(registration.remove)
    cache.push(listed(PODS[0]))
    assert (calls.seen, registration.pending) == ([], 0)
    assert list(cache.processor.close()) == []


def test_a_handler_may_remove_itself(cache: Cache) -> None:
    """Its call goes on to its end, and is the last one (Invariant 321)."""
    calls, registrations = Calls(), Calls()

    def once(told: KubernetesObject) -> None:
        [(own,)] = registrations.wait_for(1)
        own.remove()
        calls.note(told.name)

    registration = cache.handle(once)
    registrations.note(registration)
    cache.push(listed(*PODS))
    assert calls.wait_for(1) == [("p0",)]
    assert registration.delivery.join(DEADLINE)
    cache.push(changes(added(pod("late", "9"))))
    assert calls.seen == [("p0",)]


def test_two_handlers_may_remove_each_other(cache: Cache) -> None:
    """Both are inside their calls at that moment, and neither waits for the other (Invariant 321)."""
    both, returned, registrations = threading.Barrier(2), Calls(), Calls()

    def remove_the_other(position: int) -> None:
        others: list[Registration] = [each for (each,) in registrations.wait_for(2)]
        both.wait(DEADLINE)
        others[1 - position].remove()
        returned.note(position)

    for position in range(2):
        registrations.note(cache.handle(lambda _, position=position: remove_the_other(position)))
    cache.push(listed(PODS[0]))
    assert sorted(returned.wait_for(2)) == [(0,), (1,)]
    for (registration,) in registrations.seen:
        assert registration.delivery.join(DEADLINE)
    assert len(returned.seen) == 2


def test_a_handler_may_add_another_one(cache: Cache) -> None:
    """From inside its call; the new one gets what is there, then what changes (Invariant 321)."""
    calls = Calls()

    def add_another(told: KubernetesObject) -> None:
        if told.name == "p0":
            cache.handle(lambda found, initial: calls.note(found.name, initial))

    cache.handle(add_another)
    cache.push(listed(PODS[0]))
    calls.wait_for(1)
    cache.push(changes(added(PODS[1])))
    assert calls.wait_for(2) == [("p0", True), ("p1", False)]


def test_a_removed_handler_holds_up_no_sync(cache: Cache) -> None:
    """Who waits for all handlers is told, and waits for the remaining ones only."""
    opened = threading.Event()
    stuck = cache.handle(lambda _: opened.wait(DEADLINE), name="stuck")
    cache.push(listed(*PODS))
    cache.processor.cache_synced()
    assert not cache.processor.has_synced
    opened.set()
    stuck.remove()
    assert cache.synced.wait_for(1) == [("stuck",)]
    assert cache.processor.has_synced
