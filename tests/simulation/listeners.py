"""Handlers that hold every call against what a handler may be told; slow ones, raising ones, ones that leave."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.cache.registration import HandlerRegistration
from kubeinformer.objects import KubernetesObject


class Listener:
    """One registration, and the map that its calls build.

    Args:
        informer: Where it registers.
        kind: quick, slow, raising, coalescing, or leaving (it removes itself after some calls).
        seed: Of its own whims.
        is_known: Says whether an object ever was on the server.
        allow_lower: Whether versions may fall (a server was restored).
        loads_once: Whether there is one first load, not one for each of several namespaces.
    """

    def __init__(
        self,
        informer: SharedIndexInformer,
        kind: str,
        seed: int,
        *,
        is_known: Callable[[KubernetesObject], bool],
        allow_lower: Callable[[], bool],
        loads_once: bool,
    ) -> None:
        self.kind = kind
        self.faults: list[str] = []
        self.objects: dict[str, KubernetesObject] = {}
        self.calls = 0
        self.removed = False
        self.registration: HandlerRegistration
        self._random = random.Random(seed)
        self._inside = False
        self._is_known = is_known
        self._allow_lower = allow_lower
        self._loads_once = loads_once
        self._live = False
        self._register(informer)

    def _register(self, informer: SharedIndexInformer) -> None:
        self.registration = informer.add_event_handler(
            self._on_add, self._on_update, self._on_delete, coalesce=self.kind == "coalescing"
        )

    def remove(self) -> None:
        """Take it off: no call may begin from here on."""
        self.registration.detach()
        self.removed = True

    async def _on_add(self, added: KubernetesObject, initial: bool) -> None:
        self._begin(added)
        self._expect(added.key not in self.objects, f"add of a known key {added}")
        self._expect(not (initial and self._live and self._loads_once), f"initial after a live one: {added}")
        self._live = self._live or not initial
        self.objects[added.key] = added
        await self._end()

    async def _on_update(self, old: KubernetesObject, new: KubernetesObject) -> None:
        self._begin(new)
        self._live = True
        self._expect(self.objects.get(new.key) is old, f"old is not what was told last: {old}")
        self._expect(old.uid == new.uid, f"an update across two lives: {old} {new}")
        fell = int(new.resource_version) < int(old.resource_version)
        self._expect(not fell or self._allow_lower(), f"back in time: {old} {new}")
        self.objects[new.key] = new
        await self._end()

    async def _on_delete(self, deleted: KubernetesObject) -> None:
        self._begin(deleted)
        self._live = True
        known = self.objects.pop(deleted.key, None)
        self._expect(known is not None, f"delete of an unknown key {deleted}")
        self._expect(known is None or known.uid == deleted.uid, f"delete of another life {deleted}")
        await self._end()

    def _begin(self, told: KubernetesObject) -> None:
        self._expect(not self.removed, f"a call after remove: {told}")
        self._expect(not self._inside, f"two calls at once: {told}")
        self._expect(self._is_known(told), f"never was on the server: {told}")
        self._inside = True
        self.calls += 1

    async def _end(self) -> None:
        try:
            if self.kind in ("slow", "coalescing"):
                await asyncio.sleep(self._random.choice([0.0, 0.1, 5.0, 40.0]))
            elif self._random.random() < 0.3:
                await asyncio.sleep(0)
            if self.kind == "leaving" and self.calls >= 3 and not self.removed:
                self.remove()
            if self.kind == "raising" and self._random.random() < 0.3:
                raise self._random.choice([ValueError, asyncio.CancelledError, SystemExit])("on purpose")
        finally:
            self._inside = False

    def _expect(self, right: bool, fault: str) -> None:
        if not right:
            self.faults.append(f"{self.kind} listener: {fault}")
