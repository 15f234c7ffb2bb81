"""Those who reconcile: threads for a plain function, tasks for a coroutine function, over one queue."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import nullcontext
from contextvars import copy_context
from typing import Any, Protocol

from kubeinformer.cache.delivery import call_at_work
from kubeinformer.cache.delivery_task import is_the_end_of_its_task
from kubeinformer.cache.handlers import is_async
from kubeinformer.client.writes import write_observer
from kubeinformer.clock import deadline, sleep
from kubeinformer.controller.reconciling import Reconciling, Run
from kubeinformer.controller.requests import Request, Result
from kubeinformer.errors import ShutDown, TerminalError

_log = logging.getLogger("kubeinformer.controller")
Reconcile = Callable[[Request], Result] | Callable[[Request], Awaitable[Result]]


class Workers(Protocol):
    """A number of workers. They are started, asked to stop and awaited on the run's loop."""

    def start(self) -> None:
        """Begin to work."""

    def stop(self) -> None:
        """Begin no further run; the queue is shut down besides."""

    async def ended(self) -> None:
        """Return when no run is under way any more."""

    def cancel(self) -> None:
        """Cut off what can be cut off: tasks, not threads."""


class ThreadWorkers:
    """Daemon threads that call a plain function.

    Args:
        reconciling: The keys and runs.
        reconcile: The function.
        count: How many threads.
    """

    def __init__(self, reconciling: Reconciling, reconcile: Callable[[Request], Result], count: int) -> None:
        self._reconciling = reconciling
        self._reconcile = reconcile
        self._count = count
        self._stopping = False
        self._ends: list[Future[None]] = []
        self._watchdog: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the threads, each in the context variables that are set here."""
        for number in range(self._count):
            end: Future[None] = Future()
            end.set_running_or_notify_cancel()  # who waits for it on a loop must not be able to cancel it
            thread = threading.Thread(
                target=copy_context().run,
                args=(self._work, end),
                name=f"kubeinformer-{self._reconciling.name}-{number}",
                daemon=True,
            )
            thread.start()
            self._ends.append(end)
        if self._reconciling.timeout is not None:
            self._watchdog = asyncio.create_task(self._watch(self._reconciling.timeout))

    def stop(self) -> None:
        """Begin no further run."""
        self._stopping = True

    async def ended(self) -> None:
        """Return when all threads have ended."""
        ends = [asyncio.wrap_future(end) for end in self._ends if not end.done()]
        try:
            if ends:
                await asyncio.wait(ends)
        finally:
            for end in ends:  # else a thread that outlives the loop would try to tell it
                end.cancel()
        if self._watchdog is not None:
            self._watchdog.cancel()

    def cancel(self) -> None:
        """Do nothing: a thread cannot be asked to leave a function of the user's."""

    def _work(self, end: Future[None]) -> None:
        call_at_work.set(end)
        try:
            while True:
                entry = self._reconciling.queue.take()
                if self._stopping or not self._reconciling.may_begin():
                    self._reconciling.queue.done(entry.key)
                    return
                run = self._reconciling.begin(entry)
                if run is not None:
                    self._make(run)
        except ShutDown:
            pass
        finally:
            end.set_result(None)

    def _make(self, run: Run) -> None:
        write_observer.set(self._reconciling.observer(run))
        try:
            result: Any = copy_context().run(self._reconcile, run.request)
        except BaseException as error:  # noqa: BLE001  # user code: whatever it raises is this run's failure
            self._reconciling.failed(run, error, timed_out=run.is_overdue)
            return
        if inspect.iscoroutine(result):
            result.close()
            words = "reconcile returned a coroutine; only an `async def` function is awaited"
            self._reconciling.failed(run, TerminalError(words))
            return
        self._reconciling.returned(run, result)

    async def _watch(self, timeout: float) -> None:
        """Find runs that take too long: they cannot be ended, but they can be named."""
        while True:
            await sleep(self._reconciling.clock, timeout / 4)
            now = self._reconciling.clock.now()
            for run in list(self._reconciling.runs.values()):
                if not run.is_overdue and now - run.began >= timeout:
                    self._reconciling.overdue(run)
                    _log.error(
                        "%s: %s has been reconciled for more than %g s (%s); a thread cannot be stopped",
                        *(self._reconciling.name, run.request.key, timeout, run.request.reason),
                    )


class TaskWorkers:
    """Tasks on the run's loop that await a coroutine function, each run in a task of its own.

    Args:
        reconciling: The keys and runs.
        reconcile: The function.
        count: How many tasks.
    """

    def __init__(
        self, reconciling: Reconciling, reconcile: Callable[[Request], Awaitable[Result]], count: int
    ) -> None:
        self._reconciling = reconciling
        self._reconcile = reconcile
        self._count = count
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the tasks."""
        for number in range(self._count):
            name = f"kubeinformer-{self._reconciling.name}-{number}"
            self._tasks.append(asyncio.create_task(self._work(), name=name))

    def stop(self) -> None:
        """Begin no further run."""
        self._stopping = True

    async def ended(self) -> None:
        """Return when all tasks have ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cancel(self) -> None:
        """Cancel what is under way."""
        for task in self._tasks:
            task.cancel()

    async def _work(self) -> None:
        at_work: Future[None] = Future()
        call_at_work.set(at_work)
        try:
            while True:
                entry = await self._reconciling.queue.take_async()
                if self._stopping or not self._reconciling.may_begin():
                    self._reconciling.queue.done(entry.key)
                    return
                run = self._reconciling.begin(entry)
                if run is not None:
                    await self._make(run)
        except ShutDown:
            pass
        finally:
            at_work.set_result(None)

    async def _make(self, run: Run) -> None:
        write_observer.set(self._reconciling.observer(run))
        timeout = self._reconciling.timeout
        limit = None if timeout is None else deadline(self._reconciling.clock, timeout)
        # In a task of its own: what it does to its task and to its context variables ends with it.
        task = asyncio.create_task(self._outcome(run), name=f"{self._reconciling.name} {run.request.key}")
        try:
            async with limit or nullcontext():
                result, raised = await task
        except BaseException as error:  # the end, the time-out, or a task that has cancelled itself
            if is_the_end_of_its_task(error):
                self._reconciling.cancelled(run)
                raise
            result, raised = None, error
        if raised is None:
            self._reconciling.returned(run, result)
            return
        timed_out = limit is not None and limit.expired
        if timed_out:
            self._reconciling.overdue(run)
        self._reconciling.failed(run, raised, timed_out=timed_out)

    async def _outcome(self, run: Run) -> tuple[Result, BaseException | None]:
        """Return what a run returned and raised: SystemExit that comes out of a task would end the loop."""
        try:
            return await self._reconcile(run.request), None
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # user code
            return None, error


def workers_of(reconciling: Reconciling, reconcile: Any, count: int) -> Workers:
    """Return tasks for a coroutine function, threads for any other."""
    kind = TaskWorkers if is_async(reconcile) else ThreadWorkers
    return kind(reconciling, reconcile, count)
