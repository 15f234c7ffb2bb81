"""One controller's keys and runs: what is asked for, what is handed to workers, what becomes of it. Thread-safe.

Here stands what every run has in common, whether a thread or a task makes it; waiting stands in workers.py.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from kubeinformer.client.writes import Write
from kubeinformer.clock import Clock
from kubeinformer.controller.controller_metrics import ControllerMetrics
from kubeinformer.controller.history import Explanation, History, Reconciliation
from kubeinformer.controller.own_writes import OwnWrites
from kubeinformer.controller.reasons import DEFAULT_REASON, Reasons
from kubeinformer.controller.requests import Request, RequeueAfter
from kubeinformer.controller.sources import InformerSource
from kubeinformer.errors import KubeInformerError, ShutDown, TerminalError
from kubeinformer.forks import renew_in_child
from kubeinformer.metrics import MetricsProvider
from kubeinformer.workqueue.limiters import RateLimiter
from kubeinformer.workqueue.processing import LIMITER_FAILED
from kubeinformer.workqueue.queue import WorkQueue
from kubeinformer.workqueue.queue_core import Entry

_log = logging.getLogger("kubeinformer.controller")
_LOWEST: Final = -(10**9)  # of two priorities of a key the higher one counts
LONGEST_ERROR: Final = 2_000  # characters of an error that are logged in a line, and remembered


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
        self._reasons = Reasons()
        self._asking = threading.RLock()  # reasons and queue go together; a signal handler may ask, too
        self._history = History()
        self._lock = threading.Lock()
        renew_in_child(self, _lock=threading.Lock, _asking=threading.RLock)
        self._provider = metrics
        self._metrics = ControllerMetrics(name, workers, lambda: len(self.runs))
        if metrics is not None:
            metrics.register(self._metrics)

    def wait_for_own_writes(self, sources: Callable[[], Iterable[InformerSource]], timeout: float) -> None:
        """Let each key wait from now on until these caches have seen what its last run wrote."""
        self.own_writes = OwnWrites(sources, timeout, self.clock.now, self._look_now)

    # -- what sources call, from any thread ---------------------------------------------------------------------

    def ask(self, key: str, reason: str = DEFAULT_REASON, priority: int = 0) -> None:
        """Ask for a run of a key."""
        with self._asking:
            if self.queue.is_shut_down:
                return
            if self._reasons.is_wish(key) and not self._comes_within(key, self._debounce):
                self._reasons.take(key)
            self._reasons.add(key, reason)
            if self._debounce:
                self.queue.add_after(key, self._debounce, priority, retry=False)
            else:
                self.queue.add(key, priority)

    def fault(self, where: str, error: BaseException) -> None:
        """Hear that user code beside the reconcile raised."""
        with self._lock:
            self._metrics.mapper_failed()
        _tell(logging.ERROR, "%s: %s raised %r", self.name, where, error, exc_info=error)

    # -- what workers call --------------------------------------------------------------------------------------

    def begin(self, entry: Entry[str]) -> Run | None:
        """Return the run for a key that was taken from the queue; None where it has to wait, and was given back."""
        key = entry.key
        missing, is_overdue = ("", False) if self.own_writes is None else self.own_writes.missing(key)
        if self.own_writes is not None and missing and not is_overdue:
            look_again = self.own_writes.look_again(key)
            with self._asking:
                self._reasons.settle(key)
                self.queue.add_after(key, look_again, entry.priority, retry=False)
            self.queue.done(key)
            return None
        if missing:
            words = "%s: %s goes on though the caches have not shown %s"
            _tell(logging.WARNING, words, self.name, key, missing)
        with self._asking:
            # Asked for since it was handed out: this run sees that state, and the next one comes because of it.
            is_due_again = self.queue.due_in(key) is not None
            reasons = self._reasons
            reason = reasons.take_all_but_latest(key) if is_due_again else reasons.take(key)
            attempt = self._failures(key) + 1
        request = Request.of(key, reason, attempt, entry.priority)
        run = self.runs[key] = Run(request, self.clock.now())
        return run

    def _look_now(self, key: str) -> None:
        """Look at a key that waits for its own writes: a cache has moved. Its priority stays what it is."""
        with self._asking:
            if key in self._reasons:  # else it runs by now
                self.queue.add_after(key, 0.0, _LOWEST, retry=False)

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
        with self._asking:
            self._forget(key)
            if result is not None:
                priority = run.request.priority if result.priority is None else result.priority
                if not self.queue.is_shut_down and not self._comes_within(key, result.seconds):
                    self._reasons.wish(key, f"requeue after {result.seconds:g} s")
                self.queue.add_after(key, result.seconds, priority)
        self._end(run, "success" if result is None else "requeue_after")

    def failed(self, run: Run, error: BaseException, *, timed_out: bool = False) -> None:
        """Take in what a reconcile raised."""
        request = run.request
        words = _words_of(error)
        panic = not isinstance(error, Exception)
        if isinstance(error, TerminalError):
            with self._asking:
                self._forget(request.key)
            _tell(
                logging.ERROR,
                "%s: %s failed for good (attempt %d, %s): %s",
                *(self.name, request.key, request.attempt, request.reason, words),
                exc_info=error.__cause__,
            )
            self._end(run, "terminal_error", words)
            return
        with self._asking:
            if not self.queue.is_shut_down:
                self._reasons.add(request.key, f"attempt {request.attempt} failed")
            self._try_again(request)
        _tell(
            logging.ERROR,
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

    def _comes_within(self, key: str, seconds: float) -> bool:
        due_in = self.queue.due_in(key)
        return due_in is not None and due_in <= seconds

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
        with self._asking:
            due_in = None if self.queue.is_shut_down else self.queue.due_in(key)
            next_reason = "" if due_in is None else self._reasons.of(key)
        run = self.runs.get(key)
        running_for = None if run is None else self.clock.now() - run.began
        return Explanation(key, running_for, due_in, next_reason, self._history.of(key))

    def close(self) -> None:
        """Take in no key any more, and show no metrics."""
        with self._asking:
            self.queue.shut_down()
            self._reasons.clear()
        with suppress(ShutDown):
            while True:  # nobody takes what is left: a queue that is idle shows no metrics either
                self.queue.done(self.queue.take(0).key)
        if self._provider is not None:
            self._provider.unregister(self._metrics)


def _tell(level: int, message: str, *words: object, exc_info: BaseException | None = None) -> None:
    with suppress(Exception):  # a handler of the user's that raises costs no worker and no key
        _log.log(level, message, *words, exc_info=exc_info)


def _words_of(error: BaseException) -> str:
    name = type(error).__name__
    try:
        words = f"{name}: {error}" if str(error) else name
    except Exception:  # noqa: BLE001  # user code
        words = f"{name}, which cannot say what it is"
    return words if len(words) <= LONGEST_ERROR else f"{words[: LONGEST_ERROR - 3]}..."
