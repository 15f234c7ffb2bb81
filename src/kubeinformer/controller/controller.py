"""What a controller is in both faces: everything that does not wait."""

from __future__ import annotations

import os
from typing import Any

from kubeinformer.cache.handlers import is_async
from kubeinformer.clock import Clock, SystemClock
from kubeinformer.controller.engine import ControllerEngine
from kubeinformer.controller.history import Explanation
from kubeinformer.controller.mappers import Mapper, own_key
from kubeinformer.controller.predicates import Predicate
from kubeinformer.controller.reconciling import Reconciling
from kubeinformer.controller.requests import check_priority
from kubeinformer.controller.running import Running, parts_of
from kubeinformer.controller.sources import InformerSource, source_of
from kubeinformer.controller.workers import Reconcile
from kubeinformer.errors import UsageError
from kubeinformer.fronts.informer import InformerFront
from kubeinformer.leader_election.elector import ElectorFront
from kubeinformer.metrics import MetricsProvider
from kubeinformer.workqueue.limiters import RateLimiter

OWN_WRITES_TIMEOUT = 60.0
"""Seconds that a key waits at most until the caches show its own writes, where nothing else is said."""


class ControllerFront:
    """The part of a controller that is the same in both faces.

    Attributes:
        name: Its name.
        engine: What runs it.
    """

    def __init__(
        self,
        name: str,
        reconcile: Reconcile,
        workers: int = 1,
        *,
        limiter: RateLimiter[str] | None = None,
        reconcile_timeout: float | None = None,
        debounce: float = 0.0,
        read_your_writes: bool | float = False,
        sync_timeout: float = 120.0,
        grace_period: float = 30.0,
        metrics: MetricsProvider | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Make a controller; nothing happens before it is run.

        Args:
            name: What it is called in logs and metrics.
            reconcile: `reconcile(request)`: makes the world what the caches say that it should be. It returns None,
                or `requeue_after(seconds)`. What it raises is logged, and the key comes again with a growing delay;
                after a TerminalError it does not. An `async def` function runs in tasks, a plain one in threads; never
                twice at a time for one key.
            workers: How many threads or tasks.
            limiter: Says how long a failed key waits; None for 5 ms, doubled with each failure up to 1000 s.
            reconcile_timeout: Seconds that a run may take: a task is cancelled then, a thread is named in the log.
            debounce: Seconds for which the changes of a key are collected before it is reconciled.
            read_your_writes: Whether a key waits until the caches it watches have seen what its last run wrote by a
                client of this package: at most a minute, or so many seconds; then it goes on, with a warning. After
                a request without an answer they catch up with the server, by a list of metadata. What the runs of
                other keys, other replicas and clients of another server URL wrote is not waited for, nor what threads
                wrote that a run started without its context (`asyncio.to_thread` passes it on).
            sync_timeout: Seconds for the caches to fill.
            grace_period: Seconds that runs under way have when it is stopped, before tasks are cancelled.
            metrics: Where its metrics and those of its queue go.
            clock: Time and chance.

        Raises:
            ValueError: There are no workers, or no name, or a time is negative.
            TypeError: `reconcile` is not callable.
        """
        if not name or workers < 1:
            raise ValueError("a controller needs a name, and one worker at least")
        if not callable(reconcile):
            raise TypeError(f"reconcile is not callable: {reconcile!r}")
        if reconcile_timeout is not None and not reconcile_timeout > 0:
            raise ValueError(f"reconcile_timeout is in seconds, or None, not {reconcile_timeout!r}")
        seconds = {
            "debounce": debounce,
            "read_your_writes": read_your_writes,
            "sync_timeout": sync_timeout,
            "grace_period": grace_period,
        }
        for option, value in seconds.items():
            if not value >= 0:
                raise ValueError(f"{option} is in seconds, not {value!r}")
        self.name = name
        self._reconciling = Reconciling(
            name,
            workers=workers,
            limiter=limiter,
            debounce=debounce,
            timeout=reconcile_timeout,
            metrics=metrics,
            clock=clock or SystemClock(),
        )
        self.engine = ControllerEngine(
            self._reconciling,
            reconcile,
            workers=workers,
            sync_timeout=sync_timeout,
            grace_period=grace_period,
            read_your_writes=OWN_WRITES_TIMEOUT if read_your_writes is True else float(read_your_writes),
        )
        self._running: Running | None = None
        self._pid = os.getpid()

    def watch(self, source: Any, mapper: Mapper | None = None, when: Predicate | None = None) -> None:
        """Reconcile keys for what happens in a source.

        Args:
            source: An informer of a factory of either face; or keys from outside: an iterable, a queue
                (`queue.Queue`, `asyncio.Queue`), an async iterable, a timer (`every(60, keys)`).
            mapper: `mapper(obj)` returns the keys that an object concerns: one, several or None; by default the
                object's own. Of an update, the object before and after are both mapped. For other sources it gets
                the item.
            when: `when(old, new)` says which updates of an informer count, such as `changed(lambda o: o.labels)`.

        Raises:
            TypeError: The source is none of these, `when` is given for one that is no informer, or a function is async.
            UsageError: The controller has begun to run.
        """
        for name, function in (("mapper", mapper), ("when", when)):
            if function is not None and (not callable(function) or is_async(function)):
                raise TypeError(f"{name} is a plain function, not {function!r}")
        if isinstance(source, InformerFront):
            self.engine.add(InformerSource(source.engine, source.shared, mapper or own_key, when))
            return
        if when is not None:
            raise TypeError("`when` compares objects of an informer; this source has none")
        self.engine.add(source_of(source, mapper))

    def enqueue(self, key: str, priority: int = 0, *, reason: str = "asked for") -> None:
        """Ask for a reconcile of a key. Thread-safe; before the run it waits for it, after it nothing happens.

        Args:
            key: The key.
            priority: Higher ones come first; live changes have 0, the first load and resyncs -100.
            reason: What `request.reason` is to say.

        Raises:
            TypeError: The key is no string, or the priority no whole number.
        """
        if not isinstance(key, str):
            raise TypeError(f"a key is a string ('namespace/name'), not {key!r}")
        check_priority(priority)
        self._reconciling.ask(key, reason, priority)

    def explain(self, key: str) -> Explanation:
        """Return why a key was last reconciled, when, with what result, and when it is due next. Thread-safe.

        The latest 1,000 runs of a controller are remembered.
        """
        return self._reconciling.explain(key)

    def __repr__(self) -> str:
        return f"<Controller {self.name}>"

    def __reduce__(self) -> str:
        raise TypeError("a controller is bound to its process and cannot be pickled")

    @property
    def _run(self) -> Running | None:
        """The run that it is part of; in the child of a fork there is none, whatever its parent does."""
        return self._running if os.getpid() == self._pid else None

    def _check_may_begin(self) -> None:
        if os.getpid() != self._pid:
            raise UsageError(
                f"{self.name} was made before the fork; make a new controller in the child process"
            )
        if self._running is not None:
            raise UsageError(f"{self.name}: a controller runs once; make a new one")


def prepare(parts: tuple[Any, ...], elector: ElectorFront | None) -> Running:
    """Return a run of controllers and factories, and let the controllers know of it.

    Raises:
        UsageError: There is nothing to run, or a controller has run already.
        TypeError: A part is neither.
    """
    running = Running(*parts_of(parts), elector)
    controllers = [part for part in parts if isinstance(part, ControllerFront)]
    for controller in controllers:
        controller._check_may_begin()
        if controllers.count(controller) > 1:
            raise UsageError(f"{controller.name} is there twice")
    for controller in controllers:  # now that nothing is refused: one that has not begun would never end
        controller._running = running
    return running
