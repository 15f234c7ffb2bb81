"""The watches of a factory: one for one resource, however it is spelled.

`pods`, `v1/pods` and `po` are the same to a server, and only discovery can tell. So each informer begins with a
watch of its own; where that turns out to be what another one watches already, its informers move over, and are fed
from there: caches and indexes of their own, but the same objects, and no second list.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from functools import partial

from kubeinformer.cache.background_errors import BackgroundError, ErrorReporter
from kubeinformer.cache.backoff import Backoff
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.cache.informer_options import InformerOptions
from kubeinformer.cache.list_watch import ListWatch
from kubeinformer.cache.load_gate import LoadGate
from kubeinformer.cache.resource_watch import ResourceWatch
from kubeinformer.clock import Clock, sleep
from kubeinformer.resources import Resource

_log = logging.getLogger("kubeinformer.factory")


class Watches:
    """Runs watches as tasks. It belongs to the event loop's thread.

    Args:
        list_watch: Returns the connection for what an informer watches in a namespace, or in all (None).
        clock: Time and chance.
        reporter: Hears of background errors.
    """

    def __init__(
        self,
        list_watch: Callable[[InformerOptions, str | None], ListWatch],
        clock: Clock,
        reporter: ErrorReporter,
    ) -> None:
        self._list_watch = list_watch
        self._clock = clock
        self._reporter = reporter
        self._gate = LoadGate(clock)
        self._tasks: dict[ResourceWatch, asyncio.Task[None]] = {}
        self._leaders: dict[Hashable, ResourceWatch] = {}
        self.informers: dict[SharedIndexInformer, ResourceWatch] = {}

    def start(self, informer: SharedIndexInformer) -> None:
        """Begin to feed an informer; harmless when it is fed already."""
        if informer in self.informers:
            return
        watch = ResourceWatch(
            informer,
            partial(self._list_watch, informer.options),
            self._clock,
            self._reporter,
            gate=self._gate,
            is_leader=self._is_leader,
        )
        watch.feed(informer)
        self.informers[informer] = watch
        self._tasks[watch] = asyncio.create_task(self._keep_running(watch))

    async def stop(self, informer: SharedIndexInformer) -> None:
        """Feed an informer no more, and end its watch where it was the last one."""
        watch = self.informers.pop(informer, None)
        if watch is None:
            return
        watch.forget(informer)
        if watch not in self.informers.values():
            await self._end(watch)

    async def stop_all(self) -> None:
        """End all watches."""
        self.informers.clear()
        await self._end(*self._tasks)

    async def _end(self, *watches: ResourceWatch) -> None:
        tasks = [self._tasks.pop(watch) for watch in watches]
        for watch in watches:
            self._yield_lead(watch)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_running(self, watch: ResourceWatch) -> None:
        """Run a watch; should it ever die, say so and run it again."""
        backoff = Backoff()
        while True:
            try:
                await watch.run()
            except Exception as error:  # noqa: BLE001  # a fault of ours must not end a cache
                delay, backoff = backoff.step(self._clock.random())
                name = str(watch.owner.options.reference)
                self._reporter.report(BackgroundError(name, None, "run", None, error, "restarting", delay))
                await sleep(self._clock, delay)

    # -- one watch for one resource -----------------------------------------------------------------------------

    def _is_leader(self, watch: ResourceWatch, resource: Resource) -> bool:
        """Settle who watches a resource; a watch that comes second hands its informers over, and ends."""
        kind = watch.owner.options.watches(resource)
        leader = self._leaders.get(kind)
        if leader is watch:
            return True
        self._yield_lead(watch)
        self._part(watch)
        if leader is None and watch.informers:
            self._leaders[kind] = watch
            self._warn_of_others(watch, resource)
            return True
        if leader is not None:
            self._hand_over(watch, leader)
        self._tasks.pop(watch).cancel()
        return False

    def _part(self, watch: ResourceWatch) -> None:
        """Let informers with another spelling find out for themselves what it means now."""
        for informer in self._fed_by(watch):
            if informer is not watch.owner:
                watch.forget(informer)
                del self.informers[informer]
                self.start(informer)

    def _hand_over(self, watch: ResourceWatch, leader: ResourceWatch) -> None:
        for informer in self._fed_by(watch):
            _log.info("%s is fed by the watch of %s", informer.options.name, leader.owner.options.name)
            watch.forget(informer)
            leader.feed(informer)
            self.informers[informer] = leader

    def _fed_by(self, watch: ResourceWatch) -> list[SharedIndexInformer]:
        return [informer for informer, feeding in self.informers.items() if feeding is watch]

    def _yield_lead(self, watch: ResourceWatch) -> None:
        self._leaders = {kind: leader for kind, leader in self._leaders.items() if leader is not watch}

    def _warn_of_others(self, watch: ResourceWatch, resource: Resource) -> None:
        reference = watch.owner.options.reference  # of the same spelling the factory has told already
        others = [
            other.owner.options.name
            for other in self._leaders.values()
            if other.resource == resource and other.owner.options.reference != reference
        ]
        if others:
            name, known = watch.owner.options.name, ", ".join(others)
            _log.warning("%s: another cache of the same resource exists: %s", name, known)
