"""Finalizers: added before work, removed after the clean-up, safe against other writers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from tests.controller.conftest import config_map

from kubeinformer import Client, Conflict, Finalizer, KubernetesObject, UsageError, aio, requeue_after
from kubeinformer.testing import APIServer

NAME = "example.com/copies"


@pytest.fixture
def client(server: APIServer) -> Iterator[Client]:
    with Client(server.config) as made:
        yield made


def fail(_: KubernetesObject) -> None:
    raise AssertionError("it must not be called")


def finalizers(client: Client) -> tuple[str, ...]:
    return client.get("configmaps", "a", "default").finalizers


def test_it_is_there_before_the_work_and_goes_after_the_clean_up(client: Client) -> None:
    """The whole life: added, kept, held while the clean-up fails or is not finished, removed; others' stay."""
    found = client.create("configmaps", config_map("a", finalizers=["example.com/other"]))
    finalizer = Finalizer(client, "configmaps", NAME)
    seen: list[tuple[str, ...]] = []
    for _ in range(2):
        assert finalizer.run(found, lambda latest: seen.append(latest.finalizers), fail) is None
        found = client.get("configmaps", "a", "default")
    assert seen == [("example.com/other", NAME)] * 2
    assert finalizer.run(found, lambda _: requeue_after(7), fail) == requeue_after(7)
    client.delete("configmaps", "a", "default")
    deleting = client.get("configmaps", "a", "default")

    def broken(_: KubernetesObject) -> None:
        raise RuntimeError("not yet")

    with pytest.raises(RuntimeError, match="not yet"):
        finalizer.run(deleting, fail, broken)
    assert finalizer.run(deleting, fail, lambda _: requeue_after(1)) == requeue_after(1)
    assert finalizers(client) == ("example.com/other", NAME)
    assert finalizer.run(deleting, fail, lambda _: None) is None
    assert finalizers(client) == ("example.com/other",)
    finalizer.run(client.get("configmaps", "a", "default"), fail, fail)  # it has done its part


def test_other_writers_lose_nothing(client: Client) -> None:
    """On a stale copy of the object: a finalizer that somebody added meanwhile stays, when adding and when removing."""
    stale = client.create("configmaps", config_map("a"))
    client.patch("configmaps", "a", {"metadata": {"finalizers": ["example.com/other"]}}, "default")
    finalizer = Finalizer(client, "configmaps", NAME)
    added = finalizer.add(stale)
    assert added is not None
    assert added.finalizers == ("example.com/other", NAME)
    client.patch("configmaps", "a", {"data": {"k": "v"}}, "default")
    removed = finalizer.remove(added)
    assert removed is not None
    assert removed.finalizers == ("example.com/other",)
    assert finalizers(client) == ("example.com/other",)


def test_another_object_of_the_name_is_left_alone(client: Client) -> None:
    """The one that was meant is gone: nothing is added to, or taken from, the one that came later."""
    first = client.create("configmaps", config_map("a"))
    client.delete("configmaps", "a", "default")
    client.create("configmaps", config_map("a", finalizers=[NAME]))
    finalizer = Finalizer(client, "configmaps", NAME)
    assert finalizer.add(first) is None
    assert finalizer.run(first, fail, fail) is None
    assert finalizers(client) == (NAME,)


def test_an_object_that_is_gone_needs_nothing(client: Client) -> None:
    """Deleted by somebody in between: neither work nor an error."""
    found = client.create("configmaps", config_map("a"))
    finalizer = Finalizer(client, "configmaps", NAME)
    added = finalizer.add(found)
    assert added is not None
    assert finalizer.remove(added) is not None
    client.delete("configmaps", "a", "default")
    assert finalizer.remove(added) is None
    assert finalizer.add(found) is None


def test_it_goes_while_the_finalizer_is_changed(server: APIServer, client: Client) -> None:
    """A conflict, and then it is gone: that needs nothing either."""
    found = client.create("configmaps", config_map("a"))
    finalizer = Finalizer(client, "configmaps", NAME)
    client.delete("configmaps", "a", "default")
    with server.every_request(verb="patch").answers(409):
        assert finalizer.add(found) is None


def test_what_is_right_already_is_not_written(server: APIServer, client: Client) -> None:
    """A finalizer that is there is not added, one that is not there is not removed: no request at all."""
    found = client.create("configmaps", config_map("a"))
    finalizer = Finalizer(client, "configmaps", NAME)
    assert finalizer.remove(found) is found
    added = finalizer.add(found)
    assert added is not None
    assert finalizer.add(added) is added
    server.requests.assert_counts({("create", "configmaps"): 1, ("patch", "configmaps"): 1})


def test_the_namespace_is_the_objects(client: Client) -> None:
    """Not the configuration's: also where the latest state has to be asked for."""
    for namespace in ("default", "kube-system"):
        client.create("configmaps", config_map("a", namespace))
    stale = client.get("configmaps", "a", "kube-system")
    client.patch("configmaps", "a", {"data": {"k": "v"}}, "kube-system")
    added = Finalizer(client, "configmaps", NAME).add(stale)
    assert added is not None
    assert (added.namespace, added.finalizers) == ("kube-system", (NAME,))
    assert finalizers(client) == ()
    stale = client.get("namespaces", "kube-system")  # in none at all
    client.patch("namespaces", "kube-system", {"metadata": {"labels": {"k": "v"}}})
    added = Finalizer(client, "namespaces", NAME).add(stale)
    assert added is not None
    assert NAME in added.finalizers


def test_an_object_that_began_to_be_deleted_is_cleaned_up_by_nobody_new(client: Client) -> None:
    """A finalizer cannot be added then, and is not tried: there was no work yet."""
    found = client.create("configmaps", config_map("a", finalizers=["example.com/other"]))
    client.delete("configmaps", "a", "default")
    finalizer = Finalizer(client, "configmaps", NAME)
    assert finalizer.run(found, fail, fail) is None
    assert finalizers(client) == ("example.com/other",)


def test_endless_conflicts_are_an_error(server: APIServer, client: Client) -> None:
    """After five tries the reconcile fails, and comes again with its back-off."""
    found = client.create("configmaps", config_map("a"))
    with server.every_request(verb="patch").answers(409), pytest.raises(Conflict):
        Finalizer(client, "configmaps", NAME).add(found)
    assert server.requests.count("patch", "configmaps") == 5


def test_coroutines_are_awaited_in_the_asyncio_face(server: APIServer) -> None:
    """The same rules; `apply` and `cleanup` may be `async def`."""

    async def main() -> None:
        calls: list[str] = []

        async def apply(found: KubernetesObject) -> None:
            await asyncio.sleep(0)
            calls.append(f"apply {found.finalizers}")

        async def cleanup(_: KubernetesObject) -> None:
            await asyncio.sleep(0)
            calls.append("clean up")

        async with aio.Client(server.config) as client:
            found = await client.create("configmaps", config_map("a"))
            finalizer = aio.Finalizer(client, "configmaps", NAME)
            await finalizer.run(found, apply, cleanup)
            await client.delete("configmaps", "a", "default")
            await finalizer.run(await client.get("configmaps", "a", "default"), apply, cleanup)
            assert calls == [f"apply {(NAME,)}", "clean up"]
            assert await client.list("configmaps", "default") == []

    asyncio.run(main())


@pytest.mark.parametrize("result", [False, "done"])
def test_what_does_not_say_that_it_is_done_keeps_the_finalizer(client: Client, result: object) -> None:
    """False from a clean-up is not taken for success: it is an error, and the object stays."""
    found = Finalizer(client, "configmaps", NAME).add(client.create("configmaps", config_map("a")))
    assert found is not None
    client.delete("configmaps", "a", "default")
    deleting = client.get("configmaps", "a", "default")
    with pytest.raises(UsageError, match=r"cleanup returns None or requeue_after\(\.\.\.\), not"):
        Finalizer(client, "configmaps", NAME).run(deleting, fail, lambda _: result)  # type: ignore[arg-type, return-value]  # as people write
    assert finalizers(client) == (NAME,)


def test_a_clean_up_that_nobody_awaits_keeps_the_finalizer(client: Client) -> None:
    """`async def` functions in the blocking face are an error: nothing of them was done, so nothing is let go."""
    found = client.create("configmaps", config_map("a"))

    async def never(_: KubernetesObject) -> None:
        raise AssertionError("nobody awaits it")

    finalizer = Finalizer(client, "configmaps", NAME)
    with pytest.raises(UsageError, match="apply of a blocking Finalizer is a plain function"):
        finalizer.run(found, never, fail)  # type: ignore[arg-type]  # as people write
    client.delete("configmaps", "a", "default")
    with pytest.raises(UsageError, match="cleanup of a blocking Finalizer is a plain function"):
        finalizer.run(client.get("configmaps", "a", "default"), fail, never)  # type: ignore[arg-type]  # as people write
    assert finalizers(client) == (NAME,)


def test_a_name_without_a_domain_is_refused(client: Client) -> None:
    """As the server would, but before anything depends on it."""
    with pytest.raises(ValueError, match="named with a domain"):
        Finalizer(client, "configmaps", "copies")
