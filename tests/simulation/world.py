"""One scenario: the whole engine against the model of a server, with every invariant held after every step."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.simulation.listeners import Listener
from tests.simulation.model_server import ModelListWatch, ModelServer
from tests.simulation.plans import Action, Plan
from tests.simulation.virtual_time import LoopClock, VirtualLoop, run_virtually

from kubeinformer.cache.background_errors import BackgroundError, ErrorReporter
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.cache.informer_options import InformerOptions
from kubeinformer.cache.list_watch import ListWatch
from kubeinformer.cache.watches import Watches
from kubeinformer.clock import Clock
from kubeinformer.objects import KubernetesObject
from kubeinformer.resources import parse_resource

SPELLINGS = ("configmaps", "v1/configmaps")
HEALING = 3600.0  # seconds: two half-open watches of ten minutes without bookmarks, the back-off, a list
STEP = 60.0
REQUESTS_A_MINUTE = 16  # of one reflector: the back-off's first minute, and the pages of a list
PAGES = 4


class Quiet(ErrorReporter):
    """Counts what is reported, and logs nothing."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, None)
        self.errors: list[BackgroundError] = []

    def report(self, error: BackgroundError) -> None:
        self.errors.append(error)


class Violation(AssertionError):
    """An invariant does not hold."""


class World:
    """The engine, the server, and who listens."""

    def __init__(self, plan: Plan, loop: VirtualLoop) -> None:
        self.plan = plan
        self.loop = loop
        self.clock = LoopClock(loop, plan.seed)
        self.server = ModelServer(plan.seed + 1)
        self.server.watch_list = plan.watch_list
        self.server.from_cache = plan.from_cache
        self.server.bookmarks = plan.bookmarks
        self.reporter = Quiet(self.clock)
        self.watches = Watches(self._connect, self.clock, self.reporter)
        self.informers = [self._informer(spelling) for spelling in SPELLINGS[: plan.spellings]]
        self.listeners: list[Listener] = []
        self.restores = 0
        self.transformed = 0
        self._reached: dict[tuple[int, str | None], int] = {}

    def _connect(self, _options: InformerOptions, scope: str | None) -> ListWatch:
        return ModelListWatch(self.server, scope)

    def _informer(self, spelling: str) -> SharedIndexInformer:
        options = InformerOptions(
            parse_resource(spelling),
            self.plan.namespaces,
            load=self.plan.load,  # type: ignore[arg-type]  # drawn from the two
            queue=self.plan.queue,  # type: ignore[arg-type]  # drawn from the two
        )
        return SharedIndexInformer(
            replace(options, transform=self._transform),
            {"version": lambda indexed: [indexed.resource_version]},
            resync_period=0.0,
            clock=self.clock,
            reporter=self.reporter,
            on_change=lambda: None,
        )

    def _transform(self, value: dict[str, object]) -> dict[str, object]:
        self.transformed += 1
        return value

    async def run(self) -> None:
        """Play the plan, then heal and compare, then stop."""
        for kind in ("quick", "slow", "raising"):
            self._add_listener(kind)
        for informer in self.informers:
            self.watches.start(informer)
        for action in self.plan.actions:
            await asyncio.sleep(action.after)
            await self._perform(action)
            self._check()
        if not self.plan.stops_early:
            await self._heal()
        await self._stop()

    async def _perform(self, action: Action) -> None:
        await getattr(self, f"_do_{action.name}")(*action.arguments)

    # -- actions ------------------------------------------------------------------------------------------------

    async def _do_put(self, key: str) -> None:
        if self.server.takes_writes:
            self.server.put(key)

    async def _do_put_broken(self, key: str) -> None:
        if self.server.takes_writes:
            self.server.put(key, broken=True)

    async def _do_delete(self, key: str) -> None:
        if self.server.takes_writes:
            self.server.delete(key)

    async def _do_recreate(self, key: str) -> None:
        await self._do_delete(key)
        await self._do_put(key)

    async def _do_cut(self) -> None:
        self.server.cut()

    async def _do_end(self) -> None:
        self.server.end()

    async def _do_fall_silent(self) -> None:
        self.server.fall_silent()

    async def _do_garble(self) -> None:
        self.server.garble()

    async def _do_expire(self) -> None:
        self.server.expire()

    async def _do_restart(self, seconds: float) -> None:
        self.server.stop()
        await asyncio.sleep(seconds)
        self.server.start()

    async def _do_restore(self, back: int, seconds: float) -> None:
        self.restores += 1
        self.server.restore(back, set(self.plan.namespaces or (None,)))
        await asyncio.sleep(seconds)
        self.server.start()

    async def _do_drop_resource(self, seconds: float) -> None:
        if self.server.takes_writes:
            self.server.drop_resource()
            await asyncio.sleep(seconds)
            self.server.serve("v1")

    async def _do_serve(self, api_version: str) -> None:
        self.server.serve(api_version)

    async def _do_refuse(self, verb: str, refusal: str, times: int) -> None:
        self.server.refuse(verb, refusal, times)

    async def _do_add_listener(self, kind: str) -> None:
        self._add_listener(kind)

    async def _do_remove_listener(self, number: int) -> None:
        if number < len(self.listeners):
            self.listeners[number].remove()

    async def _do_add_indexer(self, number: int) -> None:
        for informer in self.informers:
            informer.indexer.add_indexers({f"late-{number}": _uid})

    def _add_listener(self, kind: str) -> None:
        informer = self.informers[len(self.listeners) % len(self.informers)]
        self.listeners.append(
            Listener(
                informer,
                kind,
                self.plan.seed + len(self.listeners),
                is_known=lambda told: (told.key, told.uid, told.resource_version) in self.server.states,
                allow_lower=lambda: self.restores > 0,
                loads_once=len(self.plan.namespaces or (None,)) == 1,
            )
        )

    # -- what must hold -----------------------------------------------------------------------------------------

    def _check(self) -> None:
        for number, informer in enumerate(self.informers):
            informer._store.check_invariants()
            informer._queue.check_invariants()
            self._check_versions(number, informer)
        for listener in self.listeners:
            if listener.faults:
                raise Violation("; ".join(listener.faults))
            if listener.registration.has_synced and not listener.removed:
                self._expect(
                    any(each.has_synced for each in self.informers), "a handler synced before its cache"
                )
        self._expect(self.transformed <= self.server.sent, "a transform ran more often than objects came")
        self._check_rate()

    def _check_versions(self, number: int, informer: SharedIndexInformer) -> None:
        """Invariant 316: a version falls only where the server went back."""
        for scope, version in informer._store.versions.items():
            before = self._reached.get((number, scope), 0)
            fell = int(version or before) < before
            self._expect(not fell or self.restores > 0, f"{informer.options.name} fell to {version}")
            self._reached[number, scope] = int(version or before)

    def _check_rate(self) -> None:
        """Invariants 318 and 324: whatever happens, nothing storms."""
        reflectors = len(self.plan.namespaces or (None,)) * len(self.informers)
        now = self.loop.time()
        last_minute = [verb for moment, verb in self.server.requests if now - moment < 60.0]
        actions = sum(1 for action in self.plan.actions if action.name in _DISTURBING)
        bound = REQUESTS_A_MINUTE * reflectors + (2 + PAGES) * reflectors * actions
        self._expect(len(last_minute) <= bound, f"{len(last_minute)} requests in a minute: {last_minute}")

    async def _heal(self) -> None:
        """Invariants 312 and 313: when all is well again, caches and listeners end as the server."""
        self.server.heal()
        until = self.loop.time() + HEALING
        while self._difference() and self.loop.time() < until:
            await asyncio.sleep(STEP)
            self._check()
        self._expect(not self._difference(), str(self._difference()))

    def _difference(self) -> str:
        scopes, broken = self.plan.namespaces, self.server.broken
        expected = {
            key: item["metadata"]["resourceVersion"]
            for key, item in self.server.objects.items()
            if key not in broken and (scopes is None or item["metadata"]["namespace"] in scopes)
        }
        for informer in self.informers:
            if not informer.has_synced:
                return f"{informer.options.name} is not synced: {informer.status.reason}"
            content = _content(informer)
            if (found := self._versions(content)) != expected:
                return f"{informer.options.name} holds {found}, not {expected}"
            if {held.api_version for key, held in content.items() if key not in broken} - {
                self.server.api_version
            }:
                return f"{informer.options.name} holds objects of another API version"
        for listener in self.listeners:
            if not listener.removed and (told := self._versions(listener.objects)) != expected:
                return f"a {listener.kind} listener was told {told}, not {expected}"
            if not listener.removed and not listener.registration.has_synced:
                return f"a {listener.kind} listener is not synced"
        return ""

    def _versions(self, objects: dict[str, KubernetesObject]) -> dict[str, str]:
        return {key: held.resource_version for key, held in objects.items() if key not in self.server.broken}

    async def _stop(self) -> None:
        """Invariants 315, 319 and 321: it ends at once, and nothing is called or left afterwards."""
        began = self.loop.time()
        closing = [registration for informer in self.informers for registration in informer.close()]
        for listener in self.listeners:
            listener.removed = True
        await self.watches.stop_all()
        self._expect(self.loop.time() == began, "stop waited")
        for registration in (*closing, *(listener.registration for listener in self.listeners)):
            registration.delivery.interrupt()
        await asyncio.sleep(1.0)
        self._check()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        self._expect(not left, f"tasks are left: {left}")
        self._expect(not self.server.streams, "streams are left")
        self._expect(self.loop.timers == 0, f"{self.loop.timers} timers are left")

    @staticmethod
    def _expect(right: bool, fault: str) -> None:
        if not right:
            raise Violation(fault)


_DISTURBING = {
    "cut",
    "end",
    "garble",
    "expire",
    "restart",
    "restore",
    "refuse",
    "fall_silent",
    "drop_resource",
    "serve",
}


def _content(informer: SharedIndexInformer) -> dict[str, KubernetesObject]:
    return informer._store.read(lambda objects, _: dict(objects))


def _uid(indexed: KubernetesObject) -> list[str]:
    return [indexed.uid]


def play(plan: Plan) -> str:
    """Play a plan to its end and return what went wrong, "" where nothing did."""
    try:
        run_virtually(lambda loop: World(plan, loop).run())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
