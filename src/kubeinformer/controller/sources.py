"""Where a controller's keys come from: informers, iterables and queues of keys, timers."""

from __future__ import annotations

import asyncio
import inspect
import queue
import threading
from collections.abc import AsyncIterable, Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from copy import copy
from typing import Any, Protocol, TypeVar

from kubeinformer.cache.delivery import call_at_work
from kubeinformer.cache.delivery_task import is_the_end_of_its_task
from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.cache.registration import Registration
from kubeinformer.clock import Clock, sleep
from kubeinformer.controller.mappers import Keys, Mapper, keys_of
from kubeinformer.controller.predicates import Predicate
from kubeinformer.errors import NotSynced
from kubeinformer.fronts.engine import Engine
from kubeinformer.objects import KubernetesObject
from kubeinformer.workqueue.queue_core import LOW_PRIORITY


class Inlet(Protocol):
    """The controller, as its sources see it.

    Attributes:
        clock: Time.
    """

    clock: Clock

    def ask(self, key: str, reason: str, priority: int) -> None:
        """Ask for a run of a key. From any thread."""

    def fault(self, where: str, error: BaseException) -> None:
        """Hear that user code of a source raised. From any thread."""


T = TypeVar("T")
_TURN = 32  # items after which others have a turn on the loop, where an async source has always one more
_LOOK_UP = 0.2  # seconds after which a thread that waits for a queue looks whether it is to end


class Source(Protocol):
    """Something that asks for runs from its start on, until it is stopped. Both are called on the run's loop."""

    def start(self, inlet: Inlet) -> None:
        """Begin."""

    def stop(self) -> None:
        """End; no trigger comes from now on, or nobody hears of it."""


class InformerSource:
    """The keys that belong to what changes in a cache.

    Args:
        engine: The factory of the cache.
        informer: The cache.
        mapper: From an object to the keys; of an update, both the object before and after are mapped.
        when: Which updates count; None for all of them.
    """

    def __init__(
        self, engine: Engine, informer: SharedIndexInformer, mapper: Mapper, when: Predicate | None
    ) -> None:
        self.engine = engine
        self.informer = informer
        self._mapper = mapper
        self._when = when
        self._resource = str(informer.options.reference)
        self._registration: Registration | None = None
        self._filled = threading.Event()  # all caches of the run are, or it ends
        self._is_stopped = False

    def start(self, inlet: Inlet) -> None:
        """Be told of changes from now on, beginning with everything that is there."""
        self._inlet = inlet
        # Not coalesced: an addition and a deletion that nobody saw would cancel out, but a reconcile that made the
        # object counts on it; and each state in between may name other keys.
        self._registration = self.informer.add_event_handler(self._on_add, self._on_update, self._on_delete)

    def caches_are_filled(self) -> None:
        """Hear that all caches of the run are filled, which mappers and predicates may read."""
        self._filled.set()

    def stop(self) -> None:
        """Hear of nothing any more."""
        if self._registration is not None:
            self._registration.detach()
        self._is_stopped = True
        self._filled.set()

    @property
    def missing(self) -> str:
        """Why the keys of what was there at the start have not all been asked for; "" where they have."""
        if not self.informer.has_synced:
            return self.informer.status.reason
        if self._registration is None or not self._registration.has_synced:
            return "its first load is being mapped to keys"
        return ""

    def _on_add(self, added: KubernetesObject, initial: bool) -> None:
        self._ask("is there" if initial else "was added", LOW_PRIORITY if initial else 0, added)

    def _on_update(self, old: KubernetesObject, new: KubernetesObject) -> None:
        try:
            counts = self._when is None or self._with_caches(self._when, old, new)
        except BaseException as error:  # noqa: BLE001  # user code: rather a run too many than one too few
            self._fault("predicate", new, error)
            counts = True
        if counts and old.resource_version == new.resource_version:
            self._ask("came up for resync", LOW_PRIORITY, new)
        elif counts:
            self._ask("was updated", 0, old, new)

    def _on_delete(self, deleted: KubernetesObject) -> None:
        self._ask("was deleted", 0, deleted)

    def _ask(self, word: str, priority: int, *changed: KubernetesObject) -> None:
        keys: dict[str, None] = {}
        for each in changed:
            try:
                keys.update(dict.fromkeys(self._with_caches(self._keys, each)))
            except BaseException as error:  # noqa: BLE001  # user code: it costs this one mapping
                self._fault("mapper", each, error)
        for key in keys:
            self._inlet.ask(key, f"{self._resource} {changed[-1].key} {word}", priority)

    def _keys(self, changed: KubernetesObject) -> list[str]:
        return keys_of(self._mapper(changed))

    def _fault(self, what: str, changed: KubernetesObject, error: BaseException) -> None:
        if not self._is_stopped:
            self._inlet.fault(f"the {what} of {self._resource}, for {changed.key}", error)

    def _with_caches(self, function: Callable[..., T], *objects: KubernetesObject) -> T:
        """Call what may read a cache of the run that has loaded nothing yet: then it is called again once it has."""
        try:
            return function(*objects)
        except NotSynced:
            if self._filled.is_set():
                raise
        self._filled.wait()  # on a thread that has nothing else to do
        return function(*objects)


class IterableSource:
    """Keys from a plain iterable, or from a queue such as `queue.Queue`, on a thread of its own.

    Args:
        items: The items, or the queue.
        mapper: From an item to keys.
    """

    def __init__(self, items: Any, mapper: Mapper) -> None:
        self._items = items
        self._mapper = mapper
        self._ended = threading.Event()

    def start(self, inlet: Inlet) -> None:
        """Begin to read."""

        def read() -> None:
            try:
                for item in self._each():
                    if self._ended.is_set():
                        return
                    _ask(inlet, self._mapper, item)
            except getattr(queue, "ShutDown", ()):  # since Python 3.13: there is nothing more to come
                return
            except BaseException as error:  # noqa: BLE001  # user code: reported; the controller goes on
                inlet.fault("a source of keys, which is over", error)

        thread = threading.Thread(
            target=copy_context().run, args=(read,), name="kubeinformer-source", daemon=True
        )
        thread.start()

    def stop(self) -> None:
        """Take nothing any more; a thread that waits for an iterable's next item waits on, unheard."""
        self._ended.set()

    def _each(self) -> Iterable[Any]:
        if not hasattr(self._items, "get_nowait"):
            yield from self._items
            return
        while not self._ended.is_set():
            with suppress(queue.Empty):
                yield self._items.get(timeout=_LOOK_UP)


class AsyncIterableSource:
    """Keys from an asynchronous iterable, or an `asyncio.Queue`, read on the loop of the run.

    Args:
        items: The items, or the queue.
        mapper: From an item to keys.
    """

    def __init__(self, items: Any, mapper: Mapper) -> None:
        self._items = items
        self._mapper = mapper
        self._taken = 0
        self._task: asyncio.Task[None] | None = None

    def start(self, inlet: Inlet) -> None:
        """Begin to read."""

        async def read() -> None:
            call_at_work.set(Future())  # a `stop` of the controller in there would wait for itself
            try:
                if isinstance(self._items, AsyncIterable):
                    async for item in self._items:
                        await self._take(inlet, item)
                else:
                    while True:
                        await self._take(inlet, await self._items.get())
            except getattr(asyncio, "QueueShutDown", ()):  # since Python 3.13: there is nothing more to come
                return
            except BaseException as error:  # user code: reported; the controller goes on
                if is_the_end_of_its_task(error):
                    raise
                inlet.fault("a source of keys, which is over", error)

        self._task = asyncio.create_task(read())

    def stop(self) -> None:
        """Take nothing any more."""
        if self._task is not None:
            self._task.cancel()

    async def _take(self, inlet: Inlet, item: object) -> None:
        _ask(inlet, self._mapper, item)
        self._taken += 1
        if self._taken % _TURN == 0:
            await asyncio.sleep(0)


class TimerSource:
    """The same keys again and again. Make it by `every`.

    Args:
        period: Seconds.
        keys: The keys, or a function that returns them.
    """

    def __init__(self, period: float, keys: Keys | Callable[[], Keys]) -> None:
        if not period > 0:
            raise ValueError(f"a timer's period is in seconds, not {period!r}")
        self._period = period
        self._keys = keys
        self._task: asyncio.Task[None] | None = None

    def start(self, inlet: Inlet) -> None:
        """Ask for the keys once a period, the first time after one."""

        async def tick() -> None:
            call_at_work.set(Future())  # a `stop` of the controller in there would wait for itself
            while True:
                await sleep(inlet.clock, self._period)
                try:
                    for key in keys_of(self._keys() if callable(self._keys) else self._keys):
                        inlet.ask(key, f"every {self._period:g} s", 0)
                except BaseException as error:  # noqa: BLE001  # user code: the next tick may be better
                    inlet.fault("a timer's function", error)

        self._task = asyncio.create_task(tick())

    def stop(self) -> None:
        """Tick no more."""
        if self._task is not None:
            self._task.cancel()


def every(seconds: float, keys: Keys | Callable[[], Keys]) -> TimerSource:
    """Return a source for `Controller.watch` that asks for keys once in so many seconds.

    Args:
        seconds: The period; the first time is after one.
        keys: A key, several, or a function that returns them (plain and quick: it runs on the loop of the run).
    """
    return TimerSource(seconds, keys)


def source_of(items: object, mapper: Mapper | None) -> Source:
    """Return the source for what a program hands over: a timer, an iterable, a queue, or their async forms.

    Raises:
        TypeError: It is none of them.
    """
    mapper = mapper or (lambda item: item)
    match items:
        case TimerSource():
            return copy(items)  # each controller starts and stops one of its own
        case AsyncIterable():
            return AsyncIterableSource(items, mapper)
        case Iterable() if not isinstance(items, str):
            return IterableSource(items, mapper)
    if hasattr(items, "get_nowait"):
        is_async = inspect.iscoroutinefunction(items.get)  # type: ignore[attr-defined]  # asked for just now
        return AsyncIterableSource(items, mapper) if is_async else IterableSource(items, mapper)
    raise TypeError(f"a controller watches informers, iterables or queues of keys, and timers; not {items!r}")


def _ask(inlet: Inlet, mapper: Mapper, item: object) -> None:
    try:
        for key in keys_of(mapper(item)):
            inlet.ask(key, "external trigger", 0)
    except BaseException as error:  # noqa: BLE001  # user code: it costs this one item
        inlet.fault("the mapper of a source of keys", error)
