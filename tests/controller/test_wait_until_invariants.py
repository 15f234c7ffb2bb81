"""What client-go has UntilWithoutRetry and UntilWithSync for: `wait_until`, in both faces."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.controller.conftest import config_map

from kubeinformer import (
    Informer,
    KubernetesObject,
    NotCovered,
    SharedInformerFactory,
    UsageError,
    WaitTimeout,
    aio,
    deleted,
    exists,
    not_,
    wait_until,
)
from kubeinformer.controller.object_wait import Condition, ObjectWait
from kubeinformer.testing import APIServer, eventually

WaitFor = Callable[..., KubernetesObject | None]


def wait_async(resource: str, name: str, condition: Condition, timeout: float, **options: Any) -> Any:
    """Wait in the asyncio face."""
    return asyncio.run(aio.wait_until(resource, name, condition, timeout, **options))


@pytest.fixture(params=[wait_until, wait_async], ids=["blocking", "asyncio"])
def wait(request: pytest.FixtureRequest, server: APIServer) -> WaitFor:
    """Waits for a ConfigMap in `default`, by a watch of its own."""
    face = request.param

    def wait_for(name: str, condition: Condition, timeout: float) -> Any:
        return face("configmaps", name, condition, timeout, namespace="default", config=server.config)

    return wait_for


@pytest.fixture
def maps(factory: SharedInformerFactory) -> Informer:
    return factory.informer("configmaps")


@pytest.fixture
def half_synced(server: APIServer) -> Iterator[tuple[Informer, ExitStack]]:
    """An informer of two namespaces of which one is forbidden until the stack is closed: it is never synced."""
    server.create("namespaces", {"metadata": {"name": "other"}})
    with ExitStack() as forbidden, SharedInformerFactory(server.config) as factory:
        forbidden.enter_context(server.deny(resources=("configmaps",), namespace="other"))
        yield factory.informer("configmaps", namespaces=["default", "other"]), forbidden


async def steps_until(reached: Callable[[], object]) -> None:
    """Let the event loop take one step after the other until something is reached."""
    for _ in range(1_000_000):
        if reached():
            return
        await asyncio.sleep(0)
    raise AssertionError("it was never reached")


class Asked:
    """A condition that notes what it was asked about.

    Args:
        value: What `data.k` has to be; None for what is never met.
    """

    def __init__(self, value: str | None = None) -> None:
        self.value = value
        self.seen: list[str | None] = []
        self.was_asked = threading.Event()

    def __call__(self, found: KubernetesObject | None) -> bool:
        value = None if found is None else found.get("data", {}).get("k")
        self.seen.append(value)
        self.was_asked.set()
        return self.value is not None and value == self.value


def test_one_state_may_meet_several_conditions(server: APIServer, maps: Informer) -> None:
    """Invariant 263: conditions one after the other, each asked about the last state first; the last one is returned."""
    server.create("configmaps", config_map("a"))
    server.patch("configmaps", "a", {"data": {"k": "1"}}, "default")
    first = wait_until(maps, "a", exists, namespace="default")
    same = Asked("1")
    second = wait_until(maps, "a", same, namespace="default")
    assert first is second
    assert same.seen == ["1"]
    later = Asked("3")

    def change() -> None:
        later.was_asked.wait(30)
        for value in ("2", "3"):
            server.patch("configmaps", "a", {"data": {"k": value}}, "default")

    changing = threading.Thread(target=change)
    changing.start()
    third = wait_until(maps, "a", later, namespace="default")
    changing.join()
    assert third is not None
    assert third["data"] == {"k": "3"}
    assert later.seen == ["1", "2", "3"]
    assert server.requests.count("list", "configmaps") == 1  # what the cache has is not asked for


def test_a_deadline_brings_the_last_state(server: APIServer, wait: WaitFor) -> None:
    """Invariant 264: an error that names what was missing, and the last state that was seen."""
    made = server.create("configmaps", {**config_map("a"), "data": {"k": "1"}})
    version = made["metadata"]["resourceVersion"]
    with pytest.raises(
        WaitTimeout, match=rf"default/a: not met in 3 s.*last seen: resourceVersion {version}"
    ):
        wait("a", Asked("2"), 3)
    with pytest.raises(WaitTimeout, match="default/b: not met in"):
        wait("b", exists, 3)


def test_no_deadline_is_fine(server: APIServer, wait: WaitFor) -> None:
    """Invariant 264: an infinite time-out waits for as long as it takes."""
    asked = Asked("2")

    def change() -> None:
        asked.was_asked.wait(30)
        server.create("configmaps", {**config_map("a"), "data": {"k": "2"}})

    changing = threading.Thread(target=change)
    changing.start()
    found = wait("a", asked, math.inf)
    changing.join()
    assert found is not None
    assert asked.seen == [None, "2"]


def test_what_a_condition_raises_is_raised_at_once(server: APIServer, wait: WaitFor) -> None:
    """Invariant 264: a condition's error ends the wait; a field that is not there yet is none."""
    server.create("configmaps", {**config_map("a"), "data": {"k": "1"}})

    def mistaken(found: KubernetesObject | None) -> bool:
        assert found is not None
        if found["data"]["k"] == "1":
            raise ValueError("not a number to like")
        return True

    with pytest.raises(ValueError, match="not a number to like"):
        wait("a", mistaken, 30)
    with pytest.raises(WaitTimeout, match="found no 'nothing'"):
        wait("a", lambda found: found["nothing"], 3)  # seconds enough to see it on a busy machine
    with pytest.raises(WaitTimeout, match="found no next item"):
        wait("a", lambda found: next(key for key in found["data"] if key == "no"), 3)
    with pytest.raises(pytest.fail.Exception, match="that is wrong"):
        wait("a", lambda _: pytest.fail("that is wrong"), 3600)


def test_a_condition_that_nobody_awaits_is_an_error(server: APIServer, wait: WaitFor) -> None:
    """Invariant 264: an `async def` condition is no condition: what it returns is not taken for yes."""
    server.create("configmaps", config_map("a"))

    async def never(_: KubernetesObject | None) -> bool:
        raise AssertionError("nobody awaits it")

    with pytest.raises(UsageError, match="a condition is a plain function"):
        wait("a", never, 3600)


def test_a_wait_need_not_wait_for_the_sync(
    server: APIServer, half_synced: tuple[Informer, ExitStack]
) -> None:
    """Invariant 265: what is seen counts at once, though the rest of the cache is not there."""
    server.create("configmaps", config_map("a"))
    maps, _ = half_synced
    found: list[KubernetesObject | None] = []
    waiting = threading.Thread(
        target=lambda: found.append(wait_until(maps, "a", exists, 3600, namespace="default")), daemon=True
    )
    waiting.start()
    eventually(lambda: found, 30)
    assert [one and one.name for one in found] == ["a"]
    assert not maps.has_synced


def test_absence_is_believed_of_a_synced_cache_alone(
    server: APIServer, half_synced: tuple[Informer, ExitStack]
) -> None:
    """Invariant 265: a cache that cannot fill ends in an error which says why; once it can, absence is met by None."""
    maps, forbidden = half_synced
    for condition in (not_(exists), deleted()):
        with pytest.raises(WaitTimeout, match=r"nothing seen in 0\.3 s: .*403"):
            wait_until(maps, "a", condition, 0.3, namespace="other")
    forbidden.close()
    assert wait_until(maps, "a", deleted(), 60, namespace="other") is None
    assert maps.has_synced


def test_absence_is_not_believed_where_nobody_looks(
    server: APIServer, factory: SharedInformerFactory
) -> None:
    """Invariant 265: a namespace that the informer does not watch is an error at once, for whatever is waited for."""
    server.create("configmaps", config_map("a"))
    maps = factory.informer("configmaps", namespaces=["kube-system"])
    for condition in (deleted(), exists):
        with pytest.raises(NotCovered, match="namespace 'default' is not watched"):
            wait_until(maps, "a", condition, 3600, namespace="default")


def test_any_name_can_be_waited_for(server: APIServer) -> None:
    """Invariant 263: also one with the signs of field selectors in it, as RBAC allows."""
    roles = "clusterroles.rbac.authorization.k8s.io"
    server.create(roles, {"metadata": {"name": "system:a,b=c"}})
    assert wait_until(roles, "system:a,b=c", exists, 30, config=server.config) is not None


def test_a_cancelled_wait_is_cancelled(server: APIServer) -> None:
    """Invariant 263: also while it tidies up after itself it does not return as if nobody had cancelled it."""

    async def main() -> None:
        async with aio.SharedInformerFactory(server.config) as factory:
            maps = factory.informer("configmaps", namespaces=["default", "kube-system"])
            waiting = asyncio.create_task(aio.wait_until(maps, "a", exists, 3600, namespace="default"))
            await steps_until(lambda: maps.shared.handlers)
            # Until it has what it waited for; the start of the informer is not over then.
            await steps_until(lambda: not maps.shared.handlers)
            assert waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    server.create("configmaps", config_map("a"))
    with server.deny(resources=("configmaps",), namespace="kube-system"):
        asyncio.run(main())


def test_a_false_start_goes_on_with_what_comes(server: APIServer, wait: WaitFor) -> None:
    """Invariant 265: where absence is not what is wanted, the same wait goes on to what comes, through closed watches."""
    asked = Asked("2")

    def change() -> None:
        asked.was_asked.wait(30)
        server.create("configmaps", {**config_map("a"), "data": {"k": "1"}})
        server.close_watches("configmaps")
        server.patch("configmaps", "a", {"data": {"k": "2"}}, "default")

    changing = threading.Thread(target=change)
    changing.start()
    found = wait("a", asked, 60)
    changing.join()
    assert found is not None
    assert asked.seen[0] is None
    assert asked.seen[-1] == "2"


def test_a_condition_that_was_met_is_asked_no_more(server: APIServer, maps: Informer) -> None:
    """Invariant 263: a state that comes before the wait is over changes nothing of its result."""
    server.create("configmaps", {**config_map("a"), "data": {"k": "1"}})
    asked = Asked("1")
    waiting = ObjectWait(maps, "a", "default", asked)
    wait_until(maps, "a", exists, namespace="default")
    met = waiting.met.result(30)
    server.patch("configmaps", "a", {"data": {"more": "x"}}, "default")
    eventually(lambda: waiting._last is not met)
    assert asked.seen == ["1"]
    assert waiting.met.result(0) is met
    waiting.end()


def test_a_wait_leaves_nothing_behind(
    server: APIServer, wait: WaitFor, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariants 263 and 265: met, not met or raised, its watch is closed, its threads are gone, the log is empty."""
    server.create("configmaps", config_map("a"))
    before = set(threading.enumerate())

    def mistaken(_: KubernetesObject | None) -> bool:
        raise ValueError("no")

    assert wait("a", exists, 30) is not None
    for unmet in (deleted(), lambda found: found["nothing"]):
        with pytest.raises(WaitTimeout):
            wait("a", unmet, 0.1)
    with pytest.raises(ValueError, match="no"):
        wait("a", mistaken, 30)
    eventually(lambda: not server.watches)
    assert not set(threading.enumerate()) - before
    assert not caplog.records


def test_a_wait_ends_with_its_informer(server: APIServer) -> None:
    """Invariant 263: where the informer is stopped nothing can be seen any more: an error at once, not at the time-out."""
    factory = SharedInformerFactory(server.config)
    maps = factory.informer("configmaps")

    def stop() -> None:
        eventually(lambda: maps.has_synced)
        factory.stop()

    stopping = threading.Thread(target=stop, daemon=True)
    stopping.start()
    with pytest.raises(UsageError, match="the informer was stopped"):
        wait_until(maps, "a", exists, 3600, namespace="default")
    stopping.join(30)
