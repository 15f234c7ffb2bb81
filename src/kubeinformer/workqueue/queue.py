"""The work queue: keys, each once and on one worker at a time, for threads and tasks alike."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from functools import partial
from typing import Generic, Literal, TypeVar

from kubeinformer.clock import Clock, SystemClock
from kubeinformer.errors import ShutDown
from kubeinformer.forks import renew_in_child
from kubeinformer.metrics import MetricsProvider
from kubeinformer.workqueue.limiters import RateLimiter, default_item_based_rate_limiter
from kubeinformer.workqueue.processing import Processing
from kubeinformer.workqueue.queue_core import SECONDS_PER_PRIORITY, Entry, QueueCore
from kubeinformer.workqueue.queue_metrics import QueueFigures, QueueMetrics
from kubeinformer.workqueue.sleepers import FOREVER, Line, Sleeper, TaskSleeper, ThreadSleeper
from kubeinformer.workqueue.turns import Turns

_log = logging.getLogger("kubeinformer.workqueue")
K = TypeVar("K", bound=Hashable)
_IN_A_ROW = 8  # keys that tasks take before others have a turn on their loop


class WorkQueue(Generic[K]):
    """Keys that wait for workers: each waits once, and no two workers have the same one (client-go: util/workqueue).

    A key that is added while it waits stays where it is; one that is added while a worker has it comes once more after
    `done`. Of two moments at which a key is due the earlier one counts. Equal priorities are served in the order of
    coming, higher ones first, and a lower one is overtaken only by keys that became ready less than
    `seconds_per_priority` seconds, times the difference, after it: nothing starves.

    Threads call `get`, tasks await `get_async`, on one queue and on any number of event loops. No method but these (and
    a draining `shut_down`) ever waits, and all are thread-safe: keys may be added from handlers, from inside a
    worker's run and from signal handlers. Time is monotonic: a wall clock that jumps changes nothing.

    Args:
        name: What it is called in metrics and messages.
        limiter: Says how long a failed key waits; by default 5 ms, doubled with each failure up to 1000 s.
        metrics: Where its metrics go, for a queue that has a name.
        seconds_per_priority: How many seconds of waiting weigh as much as one point of priority.
        clock: Time.
    """

    def __init__(
        self,
        name: str = "",
        limiter: RateLimiter[K] | None = None,
        *,
        metrics: MetricsProvider | None = None,
        seconds_per_priority: float = SECONDS_PER_PRIORITY,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self._clock = clock or SystemClock()
        self._now = self._clock.now
        if limiter is None:
            limiter = default_item_based_rate_limiter(random=self._clock.random)
        self._limiter: RateLimiter[K] = limiter
        core: QueueCore[K] = QueueCore(seconds_per_priority)
        self._core = core
        line = partial(Line, lambda: core.next_due)
        self._line = line()
        self._turns = Turns()
        renew_in_child(self, _line=line)  # whoever slept in the line is not there
        self._drainers: list[Sleeper] = []
        self._shut_down = False
        self._retries = 0
        self._to_tasks = 0
        self._provider = metrics if name else None
        self._metrics: QueueMetrics | None = None
        if self._provider is not None:
            self._metrics = QueueMetrics(name, self._figures)
            self._provider.register(self._metrics)

    # -- in -------------------------------------------------------------------------------------------------------

    def add(self, key: K, priority: int = 0) -> None:
        """Add a key that is due now; nothing happens after `shut_down`.

        Args:
            key: The key.
            priority: Higher ones come first; of two for one key the higher one counts.
        """
        turns = self._turns
        if turns.lock._is_owned():
            turns.postpone(partial(self.add, key, priority))
            return
        with turns.lock:
            if not self._shut_down and self._core.add(key, self._now(), priority) and self._line:
                self._line.wake_one()
        if turns.postponed:
            turns.catch_up()

    def add_after(self, key: K, seconds: float, priority: int = 0, *, retry: bool = True) -> None:
        """Add a key that is due in `seconds`; it does not put off what is due earlier.

        Args:
            key: The key.
            seconds: How long it waits.
            priority: Its priority from then on.
            retry: Whether it counts in `workqueue_retries_total`.
        """
        with self._turns as is_first:
            if not is_first:
                self._turns.postpone(partial(self.add_after, key, seconds, priority, retry=retry))
            elif not self._shut_down:
                self._add_after(key, seconds, priority, retry)

    def add_rate_limited(self, key: K, priority: int = 0) -> None:
        """Add a key that has failed, due when the limiter says."""
        with self._turns as is_first:
            if not is_first:
                self._turns.postpone(partial(self.add_rate_limited, key, priority))
            elif not self._shut_down:
                self._add_after(key, self._limiter.when(key), priority, retry=True)

    def forget(self, key: K) -> None:
        """Have the limiter forget the failures of a key; `done` is due all the same."""
        with self._turns as is_first:
            if not is_first:
                self._turns.postpone(partial(self.forget, key))
            else:
                self._limiter.forget(key)

    def num_requeues(self, key: K) -> int:
        """Return how often a key was added by `add_rate_limited` since it was last forgotten."""
        with self._turns:
            return self._limiter.num_requeues(key)

    # -- out ------------------------------------------------------------------------------------------------------

    def get(self, timeout: float | None = None) -> K:
        """Wait for a key and take it, for the calling thread; `done` gives it back.

        Args:
            timeout: Seconds to wait, 0 for not at all; None for as long as it takes.

        Raises:
            TimeoutError: Time ran out.
            ShutDown: The queue is shut down, and nothing is left that is due.
        """
        return self.take(timeout).key

    async def get_async(self, timeout: float | None = None) -> K:
        """Do as `get`, for a task; where it is cancelled, no key is lost."""
        return (await self.take_async(timeout)).key

    def take(self, timeout: float | None = None) -> Entry[K]:
        """Do as `get`, and return the key together with its priority."""
        limit = FOREVER if timeout is None else self._now() + timeout
        sleeper: ThreadSleeper | None = None
        turns = self._turns
        while True:
            try:
                with turns.lock:
                    if sleeper is not None:
                        self._line.get_up(sleeper)
                    now = self._now()
                    if (entry := self._take(now, limit)) is not None:
                        return entry
                    sleeper = ThreadSleeper()
                    self._line.lie_down(sleeper)
            finally:
                if turns.postponed:
                    turns.catch_up()
            try:
                sleeper.sleep(min(limit, sleeper.alarm) - now)
            except BaseException:  # Ctrl-C, say
                self._leave(sleeper)
                raise

    async def take_async(self, timeout: float | None = None) -> Entry[K]:
        """Do as `get_async`, and return the key together with its priority."""
        limit = FOREVER if timeout is None else self._now() + timeout
        self._to_tasks += 1
        if self._to_tasks % _IN_A_ROW == 0:  # workers that never wait must not keep the loop to themselves
            await asyncio.sleep(0)
        sleeper: TaskSleeper | None = None
        while True:
            with self._turns:
                if sleeper is not None:
                    self._line.get_up(sleeper)
                now = self._now()
                if (entry := self._take(now, limit)) is not None:
                    return entry
                sleeper = TaskSleeper(self._clock)
                self._line.lie_down(sleeper)
            try:
                await sleeper.sleep(min(limit, sleeper.alarm) - now)
            except BaseException:  # cancelled: what it was woken for is somebody else's now
                self._leave(sleeper)
                raise

    def done(self, key: K) -> None:
        """Give a key back, so that it may be handed out again; one that was not handed out is ignored."""
        turns = self._turns
        if turns.lock._is_owned():
            turns.postpone(partial(self.done, key))
            return
        with turns.lock:
            now = self._now()
            if self._metrics is not None and (entry := self._core.processing.get(key)) is not None:
                self._metrics.work_duration.observe(now - entry.started)
            if self._core.done(key, now):
                self._line.wake_one()
            if self._shut_down:
                self._end_if_idle()
            else:
                self._line.keep_time()
        if turns.postponed:
            turns.catch_up()

    def processing(self, timeout: float | None = None) -> Processing[K]:
        """Take a key for the length of a `with` (or `async with`) block.

        Where the block ends well, the key is done and forgotten; where it raises, the key comes again after the
        limiter's delay, with its priority, and the exception goes on.

        Args:
            timeout: As for `get`, which raises the same.
        """
        return Processing(self, timeout)

    # -- the end --------------------------------------------------------------------------------------------------

    def shut_down(self, drain: bool = False, *, delayed: Literal["drop", "run"] = "drop") -> None:
        """Take in no key any more; workers get what is due, then ShutDown. Twice is harmless.

        Args:
            drain: Whether to wait until everything that is due has been handed out and given back. Another
                `shut_down()` ends that wait. A worker that waited would wait for itself; so would the event loop of
                workers: see `shut_down_async`.
            delayed: What becomes of keys that are due later: they are dropped, or due at once.
        """
        with self._turns as is_first:
            if not is_first:
                self._turns.postpone(partial(self.shut_down, drain, delayed=delayed))
                return
            if not self._begin_to_end(drain, delayed):
                return
            sleeper = ThreadSleeper()
            self._drainers.append(sleeper)
        sleeper.sleep(FOREVER)

    async def shut_down_async(self, drain: bool = False, *, delayed: Literal["drop", "run"] = "drop") -> None:
        """Do as `shut_down`, and await the end of a drain."""
        with self._turns:
            if not self._begin_to_end(drain, delayed):
                return
            sleeper = TaskSleeper(self._clock)
            self._drainers.append(sleeper)
        await sleeper.sleep(FOREVER)

    @property
    def is_shut_down(self) -> bool:
        """Whether `shut_down` was called."""
        return self._shut_down

    # -- what there is ----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return how many keys are ready for workers; delayed ones and those in work do not count."""
        self._look()
        return len(self._core)

    @property
    def delayed(self) -> int:
        """How many keys are due later."""
        self._look()
        return self._core.waiting

    def due_in(self, key: K) -> float | None:
        """Return the seconds until a key is due (0 where it is), None where it does not wait at all."""
        with self._turns:
            due = self._core.due(key)
            return None if due is None else max(0.0, due - self._now())

    def __repr__(self) -> str:
        return f"<WorkQueue {self.name or 'without a name'}: {len(self)} ready, {self.delayed} later>"

    def __reduce__(self) -> str:
        raise TypeError("a queue is bound to its process and cannot be pickled")

    # -- odds and ends ----------------------------------------------------------------------------------------------

    def _add_after(self, key: K, seconds: float, priority: int, retry: bool) -> None:
        self._retries += retry
        now = self._now()
        if self._core.add(key, now, priority, now + seconds):
            self._line.wake_one()
        self._line.keep_time()

    def _take(self, now: float, limit: float) -> Entry[K] | None:
        entry = self._core.get(now)
        if entry is None:
            if self._shut_down:
                raise ShutDown(f"queue {self.name} is shut down".replace("  ", " "))
            if now >= limit:
                self._line.keep_time()
                raise TimeoutError
            return None
        if self._metrics is not None:
            self._metrics.queue_duration.observe(max(0.0, now - entry.added))
        if self._line:
            if self._core.has_ready:
                self._line.wake_one()
            else:
                self._line.keep_time()
        return entry

    def _leave(self, sleeper: Sleeper) -> None:
        with self._turns as is_first:
            if not is_first:  # a task that nobody awaits any more is collected as garbage
                self._turns.postpone(partial(self._leave, sleeper))
                return
            if self._line.get_up(sleeper) and self._core.has_ready:
                self._line.wake_one()
            self._line.keep_time()

    def _begin_to_end(self, drain: bool, delayed: Literal["drop", "run"]) -> bool:
        """Shut down, and return whether there is something to wait for."""
        first, self._shut_down = not self._shut_down, True
        if first and delayed == "run":
            self._core.hurry_delayed(self._now())
        elif dropped := self._core.drop_delayed(self._now()):
            _log.info("queue %s is shut down: %d keys that were due later are dropped", self.name, dropped)
        self._line.wake_all()
        self._end_if_idle()
        if not drain:
            self._release_drainers()
        return drain and not self._core.is_idle

    def _end_if_idle(self) -> None:
        if self._core.is_idle:
            self._release_drainers()
            if self._provider is not None and self._metrics is not None:
                self._provider.unregister(self._metrics)

    def _release_drainers(self) -> None:
        while self._drainers:
            self._drainers.pop().wake()

    def _look(self) -> None:
        """Make ready what has fallen due while nobody took anything: part by part, so that it holds up nobody."""
        is_more = True
        while is_more:
            with self._turns as is_first:
                is_more = is_first and self._core.look(self._now())

    def _figures(self) -> QueueFigures:
        self._look()
        with self._turns:
            now = self._now()
            ages = [max(0.0, now - entry.started) for entry in self._core.processing.values()]
            return QueueFigures(self._core.depth, self._core.adds, self._retries, ages)
