"""Waiting until a cache has seen a resourceVersion: one's own write, say.

Versions that compare (KEP-5504) are reached when the cache is at or past them. Opaque ones are reached when the cache
comes to exactly that version, or holds the object that has it.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Protocol

from kubeinformer.cache.catching_up import ListedState
from kubeinformer.cache.deltas import Changes, Item
from kubeinformer.clock import Clock, deadline
from kubeinformer.errors import NotCovered, StaleCache, UsageError
from kubeinformer.objects import KubernetesObject
from kubeinformer.resource_versions import is_comparable, is_older


class Listener(Protocol):
    """Who is told what a cache takes in."""

    def arrived(self, freshness: Freshness, item: Item) -> None:
        """Hear what the cache has just taken in. On the loop; it must not take long."""


class Freshness:
    """Says how far a cache is, and wakes those who wait for a version. Where it is not said otherwise: on the loop.

    Args:
        name: The resource, for messages.
        versions: Returns the version that each watched namespace has reached (None: all of them).
        held: Returns the versions of the objects in the cache.
        reason: Returns why the cache may be behind.
        clock: Time.
        namespaces: The namespaces that are watched one by one; None for all at once.
    """

    def __init__(
        self,
        name: str,
        *,
        versions: Callable[[], Mapping[str | None, str]],
        held: Callable[[], set[str]],
        reason: Callable[[], str],
        clock: Clock,
        namespaces: Collection[str] | None = None,
    ) -> None:
        self._name = name
        self._versions = versions
        self._held = held
        self._reason = reason
        self._clock = clock
        self._namespaces = namespaces
        self._waiting: dict[asyncio.Future[None], Callable[[set[str]], bool]] = {}
        self._listeners: list[weakref.ref[Listener]] = []
        self._is_over = False

    def has_seen(self, version: str, namespace: str | None = None) -> bool:
        """Return whether the cache has seen a version. From any thread.

        Raises:
            UsageError: Several namespaces are watched, and none is named.
            NotCovered: The namespace is not watched.
        """
        reached = self._reached(namespace)
        if is_comparable(version) and (reached is None or is_comparable(reached)):
            return reached is not None and not is_older(reached, version)
        return reached == version or version in self._held()

    async def wait_for(self, version: str, timeout: float | None, namespace: str | None = None) -> None:
        """Wait until the cache has seen a version.

        Raises:
            StaleCache: Time ran out; it says how far behind the cache is.
            UsageError: As for `has_seen`; or the cache is fed no more.
        """
        if self.has_seen(version, namespace):
            return
        await self._until(
            lambda passed: version in passed or self.has_seen(version, namespace), version, timeout, namespace
        )

    async def wait_until_shown(
        self,
        state: ListedState,
        cached: Callable[[str], KubernetesObject | None],
        timeout: float | None,
        namespace: str | None,
    ) -> None:
        """Wait until the cache shows what the server had at the moment of a list, or what came later.

        Args:
            state: What the server had.
            cached: Returns what the cache has under a key.
            timeout: Seconds.
            namespace: Which namespace was listed, None for all of them.

        Raises:
            StaleCache: Time ran out.
            UsageError: The cache is fed no more.
        """
        has_seen = partial(self.has_seen, namespace=namespace)

        def is_shown(_: set[str]) -> bool:
            seen = is_comparable(state.version) and has_seen(state.version)
            return seen or state.is_shown(cached, has_seen)

        if not is_shown(set()):
            await self._until(is_shown, state.version, timeout, namespace)

    async def _until(
        self, is_met: Callable[[set[str]], bool], version: str, timeout: float | None, namespace: str | None
    ) -> None:
        if self._is_over:
            raise self._stopped()
        met = asyncio.get_running_loop().create_future()
        self._waiting[met] = is_met
        try:
            async with deadline(self._clock, timeout if timeout is not None else float("inf")):
                await met
        except TimeoutError:
            reached = self._reached(namespace) or ""
            raise StaleCache(self._name, version, reached, timeout or 0.0, self._reason()) from None
        finally:
            del self._waiting[met]

    def listen(self, listener: Listener) -> None:
        """Tell a listener of all that arrives, as long as somebody else holds it. From any thread; twice is harmless."""
        if not any(reference() is listener for reference in tuple(self._listeners)):
            self._listeners.append(weakref.ref(listener))

    def end(self) -> None:
        """Let nobody wait any more: the cache is fed no more."""
        self._is_over = True
        for met in self._waiting:
            if not met.done():
                met.set_exception(self._stopped())

    def arrived(self, item: Item) -> None:
        """Tell of what the cache has just taken in, and wake those whose version has come with it."""
        for reference in tuple(self._listeners):
            listener = reference()
            if listener is None:
                self._listeners.remove(reference)
            else:
                listener.arrived(self, item)
        if not self._waiting:
            return
        passed = (
            {delta.object.resource_version for delta in item.deltas if delta.object is not None}
            if isinstance(item, Changes)
            else set()
        )
        for met, is_met in self._waiting.items():
            if not met.done() and is_met(passed):
                met.set_result(None)

    def _stopped(self) -> UsageError:
        return UsageError(f"{self._name}: the informer was stopped")

    def _reached(self, namespace: str | None) -> str | None:
        versions = self._versions()
        watched = self._namespaces or ()
        if None in versions or not watched:  # one watch of all there is
            return next(iter(versions.values()), None)
        if namespace is None and len(watched) > 1:
            raise UsageError(f"{self._name}: several namespaces are watched; name the one of the version")
        if namespace is not None and namespace not in watched:
            raise NotCovered(f"{self._name}: namespace {namespace!r} is not watched")
        return versions.get(namespace or next(iter(watched)))


def version_of(written: str | KubernetesObject, namespace: str | None) -> tuple[str, str | None]:
    """Return the version, and the namespace, that a cache is to have seen.

    Raises:
        ValueError: There is no version.
    """
    version = written
    if isinstance(written, KubernetesObject):
        version, namespace = written.resource_version, namespace or written.namespace or None
    if not isinstance(version, str) or not version:
        raise ValueError("there is no resource_version to wait for")
    return version, namespace
