"""Errors that happen while nobody waits for an answer: who hears of them, and how often they are logged."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from kubeinformer.cache.delivery import Delivery
from kubeinformer.cache.delivery_task import DeliveryTask, is_the_end_of_its_task
from kubeinformer.cache.delivery_thread import DeliveryThread
from kubeinformer.cache.handlers import is_async
from kubeinformer.clock import Clock
from kubeinformer.errors import KubeInformerError
from kubeinformer.forks import renew_in_child

_log = logging.getLogger("kubeinformer.errors")
LOG_PAUSE = 30.0  # seconds between two log lines of the same error
LONGEST_QUEUE = 1000

OnError = Callable[["BackgroundError"], Any]  # a plain function, or a coroutine function


@dataclass(frozen=True, slots=True)
class BackgroundError:
    """Something went wrong behind the program's back, and something is done about it.

    Attributes:
        resource: The resource whose cache it touches, such as `pods`.
        namespace: The namespace that is watched, None for all of them.
        verb: What failed: an API verb (discover, list, watch), or handler, index, transform, decode.
        status: The HTTP status, None where there was none.
        error: The exception.
        action: What is done about it, in words.
        retry_in: The seconds until that is done, None where nothing is tried again.
    """

    resource: str
    namespace: str | None
    verb: str
    status: int | None
    error: BaseException
    action: str
    retry_in: float | None = None

    @property
    def description(self) -> str:
        """What went wrong and what is done about it, in words."""
        fault = str(self.error) or type(self.error).__name__
        if not fault.startswith(f"{self.verb} "):  # the server's refusals name their verb themselves
            fault = f"{self.verb}: {fault}"
        return f"{fault}; {self.action}" + (f" in {self.retry_in:.1f} s" if self.retry_in else "")

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.resource}{where}: {self.description}"


class _Waiting:
    """The newest errors that `on_error` has not been told yet."""

    def __init__(self) -> None:
        self._errors: deque[BackgroundError] = deque(maxlen=LONGEST_QUEUE)

    def put(self, errors: Iterable[BackgroundError]) -> None:
        self._errors.extend(errors)

    def take(self) -> BackgroundError | None:
        return self._errors.popleft() if self._errors else None

    def finished(self, error: BackgroundError) -> None:
        pass

    def clear(self) -> None:
        self._errors.clear()

    def __len__(self) -> int:
        return len(self._errors)


class ErrorReporter:
    """Logs background errors, the same one at most every 30 s, and tells all of them to `on_error`.

    Thread-safe. `on_error` is called on a thread of its own, an async one on the event loop that made the reporter;
    where it is slower than the errors, only the newest 1,000 wait for it.

    Raises:
        UsageError: `on_error` is async, and no event loop runs here.
    """

    def __init__(self, clock: Clock, on_error: OnError | None) -> None:
        self._clock = clock
        self._on_error = on_error
        self._lock = threading.Lock()
        renew_in_child(self, _lock=threading.Lock)
        self._logged: dict[tuple[object, ...], tuple[float, int]] = {}  # when last, how many since
        self._delivery: Delivery[BackgroundError]
        if is_async(on_error):
            self._delivery = DeliveryTask("kubeinformer-on-error", _Waiting(), self._tell_async)
        else:
            self._delivery = DeliveryThread("kubeinformer-on-error", _Waiting(), self._tell)

    def report(self, error: BackgroundError) -> None:
        """Log an error and pass it on."""
        self._log(error)
        if self._on_error is not None:
            self._delivery.put((error,))

    def close(self) -> Delivery[BackgroundError]:
        """Pass nothing on any more; return what a call may still be in flight on."""
        self._delivery.close()
        return self._delivery

    def _log(self, error: BackgroundError) -> None:
        unlogged = self._unlogged(error)
        if unlogged is None:
            return
        again = f" ({unlogged} more like it since the last line)" if unlogged else ""
        expected = isinstance(error.error, KubeInformerError)
        _log.warning("%s%s", error, again, exc_info=None if expected else error.error)

    def _unlogged(self, error: BackgroundError) -> int | None:
        """Return how many like it were not logged since the last line, None where this one is not either."""
        kind = (error.resource, error.namespace, error.verb, error.status, type(error.error))
        with self._lock:
            now = self._clock.now()
            last, unlogged = self._logged.get(kind, (float("-inf"), 0))
            if now - last < LOG_PAUSE:
                self._logged[kind] = (last, unlogged + 1)
                return None
            self._logged[kind] = (now, 0)
            return unlogged

    def _tell(self, error: BackgroundError) -> None:
        assert self._on_error is not None
        try:
            self._on_error(error)
        except BaseException:  # noqa: BLE001  # user code must not end the thread
            _log.exception("on_error raised")

    async def _tell_async(self, error: BackgroundError) -> None:
        assert self._on_error is not None
        try:
            await self._on_error(error)
        except BaseException as raised:
            if is_the_end_of_its_task(raised):
                raise
            _log.exception("on_error raised")
