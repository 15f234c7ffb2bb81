"""One controller's keys and runs: what is asked for, what is handed to workers, what becomes of it. Thread-safe.

Here stands what every run has in common, whether a thread or a task makes it; waiting stands in workers.py.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from kubeinformer.client.writes import Write
from kubeinformer.clock import Clock
from kubeinformer.controller.controller_metrics import ControllerMetrics
from kubeinformer.controller.history import Explanation, History, Reconciliation
from kubeinformer.controller.own_writes import LOOK_AGAIN, OwnWrites
from kubeinformer.controller.requests import Request, RequeueAfter
from kubeinformer.controller.sources import InformerSource
from kubeinformer.errors import KubeInformerError, TerminalError
from kubeinformer.forks import renew_in_child
from kubeinformer.metrics import MetricsProvider
from kubeinformer.workqueue.limiters import RateLimiter
from kubeinformer.workqueue.queue import WorkQueue
from kubeinformer.workqueue.queue_core import Entry

_log = logging.getLogger("kubeinformer.controller")
DEFAULT_REASON: Final = "asked for"
LIMITER_FAILED: Final = 1.0  # seconds that a failed key waits where its limiter raises


@dataclass(slots=True)
class Run:
    """A run that is under way.

    Attributes:
        request: What it is for.
        began: When, in seconds on the monotonic clock.
        is_overdue: Whether it was found to take longer than it may.
    """

    request: Request
    began: float
    is_overdue: bool = False


class Reconciling:
    """The keys and runs of one controller.

    Args:
        name: The controller's name.
        workers: How many workers it has.
        limiter: Says how long a failed key waits; None for 5 ms, doubled up to 1000 s.
        debounce: Seconds for which changes of a key are collected.
        timeout: Seconds that a run may take; None for as long as it takes.
        metrics: Where its metrics and those of its queue go.
        clock: Time.

    Attributes:
        queue: The queue of its keys.
        runs: What is under way, by key.
        own_writes: What runs have written and caches have not shown; None where nobody waits for that.
        may_begin: Whether a run may begin now: a leader asks its clock.
    """

    def __init__(
        self,
        name: str,
        *,
        workers: int,
        limiter: RateLimiter[str] | None,
        debounce: float,
        timeout: float | None,
        metrics: MetricsProvider | None,
        clock: Clock,
    ) -> None:
        self.name = name
        self.clock = clock
        self.timeout = timeout
        self.queue: WorkQueue[str] = WorkQueue(name, limiter, metrics=metrics, clock=clock)
        self.runs: dict[str, Run] = {}
        self.own_writes: OwnWrites | None = None
        self.may_begin: Callable[[], bool] = lambda: True
        self._debounce = debounce
        self._reasons: dict[str, str] = {}  # of keys that wait
        self._history = History()
        self._lock = threading.Lock()
        renew_in_child(self, _lock=threading.Lock)
        self._provider = metrics
        self._metrics = ControllerMetrics(name, workers, lambda: len(self.runs))
        if metrics is not None:
            metrics.register(self._metrics)

    def wait_for_own_writes(self, sources: Callable[[], Iterable[InformerSource]], timeout: float) -> None:
        """Let each key wait from now on until these caches have seen what its last run wrote."""
        self.own_writes = OwnWrites(sources, timeout, self.clock.now)

    # -- what sources call, from any thread ---------------------------------------------------------------------

    def ask(self, key: str, reason: str = DEFAULT_REASON, priority: int = 0) -> None:
        """Ask for a run of a key."""
        self._reasons[key] = reason
        if self._debounce:
            self.queue.add_after(key, self._debounce, priority, retry=False)
        else:
            self.queue.add(key, priority)

    def fault(self, where: str, error: BaseException) -> None:
        """Hear that user code beside the reconcile raised."""
        with self._lock:
            self._metrics.mapper_failed()
        _log.error("%s: %s raised %r", self.name, where, error, exc_info=error)

    # -- what workers call --------------------------------------------------------------------------------------

    def begin(self, entry: Entry[str]) -> Run | None:
        """Return the run for a key that was taken from the queue; None where it has to wait, and was given back."""
        key = entry.key
        reason = self._reasons.pop(key, DEFAULT_REASON)
        if self.own_writes is not None and (missing := self.own_writes.missing(key)):
            if not self.own_writes.is_overdue(key):
                self._reasons.setdefault(key, reason)
                self.queue.add_after(key, LOOK_AGAIN, entry.priority, retry=False)
                self.queue.done(key)
                return None
            _log.warning("%s: %s goes on though the caches have not shown %s", self.name, key, missing)
        request = Request.of(key, reason, self._failures(key) + 1, entry.priority)
        run = self.runs[key] = Run(request, self.clock.now())
        return run

    def observer(self, run: Run) -> Callable[[Write], None] | None:
        """Return what is to hear of the run's writes, None where nobody is."""
        return None if self.own_writes is None else self.own_writes.observer(run.request.key)

    def returned(self, run: Run, result: object) -> None:
        """Take in what a reconcile returned."""
        key = run.request.key
        if result is not None and not isinstance(result, RequeueAfter):
            kind = type(result).__name__
            self.failed(run, TerminalError(f"a reconcile returns requeue_after(...) or None, not {kind}"))
            return
        self._forget(key)
        if result is None:
            self._end(run, "success")
            return
        priority = run.request.priority if result.priority is None else result.priority
        self._reasons.setdefault(key, f"requeue after {result.seconds:g} s")
        self.queue.add_after(key, result.seconds, priority)
        self._end(run, "requeue_after")

    def failed(self, run: Run, error: BaseException, *, timed_out: bool = False) -> None:
        """Take in what a reconcile raised."""
        request = run.request
        words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        panic = not isinstance(error, Exception)
        if isinstance(error, TerminalError):
            self._forget(request.key)
            _log.error(
                "%s: %s failed for good (attempt %d, %s): %s",
                *(self.name, request.key, request.attempt, request.reason, words),
                exc_info=error.__cause__,
            )
            self._end(run, "terminal_error", words)
            return
        self._reasons.setdefault(request.key, f"attempt {request.attempt} failed")
        self._try_again(request)
        _log.error(
            "%s: %s failed (attempt %d, %s), next in %.3f s: %s",
            *(self.name, request.key, request.attempt, request.reason),
            *(self.queue.due_in(request.key) or 0.0, words),
            exc_info=None if isinstance(error, KubeInformerError) else error,  # those say it all in a line
        )
        self._end(run, "timeout" if timed_out else "error", words, panic=panic)

    def cancelled(self, run: Run) -> None:
        """Note that a run was cut off by the end of the controller."""
        self._end(run, "cancelled")

    def overdue(self, run: Run) -> None:
        """Note that a run takes longer than it may."""
        run.is_overdue = True
        with self._lock:
            self._metrics.timed_out()

    def _end(self, run: Run, result: str, error: str = "", *, panic: bool = False) -> None:
        request, seconds = run.request, self.clock.now() - run.began
        with self._lock:
            self._metrics.reconciled(result, seconds, panic=panic)
        self._history.append(
            Reconciliation(
                request.key,
                request.reason,
                request.attempt,
                self.clock.time() - seconds,
                seconds,
                result,
                error,
            )
        )
        del self.runs[request.key]
        self.queue.done(request.key)

    # -- the limiter, which may be the user's: what it raises costs no worker and no key ----------------------------

    def _try_again(self, request: Request) -> None:
        try:
            self.queue.add_rate_limited(request.key, request.priority)
        except Exception as error:  # noqa: BLE001  # user code: the key comes again all the same
            self.fault("the limiter", error)
            self.queue.add_after(request.key, LIMITER_FAILED, request.priority)

    def _forget(self, key: str) -> None:
        try:
            self.queue.forget(key)
        except Exception as error:  # noqa: BLE001  # user code
            self.fault("the limiter", error)

    def _failures(self, key: str) -> int:
        try:
            return self.queue.num_requeues(key)
        except Exception as error:  # noqa: BLE001  # user code
            self.fault("the limiter", error)
            return 0

    # -- what people ask ------------------------------------------------------------------------------------------

    def explain(self, key: str) -> Explanation:
        """Return what is known of a key."""
        run, due_in = self.runs.get(key), self.queue.due_in(key)
        return Explanation(
            key,
            None if run is None else self.clock.now() - run.began,
            due_in,
            "" if due_in is None else self._reasons.get(key, DEFAULT_REASON),
            self._history.of(key),
        )

    def close(self) -> None:
        """Take in no key any more, and show no metrics."""
        self.queue.shut_down()
        if self._provider is not None:
            self._provider.unregister(self._metrics)
