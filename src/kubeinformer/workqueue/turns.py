"""One call at a time, also where a thread is interrupted in the middle of one."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from kubeinformer.forks import hold_at_fork, renew_in_child

_log = logging.getLogger("kubeinformer.workqueue")


class Turns:
    """A lock for calls of which none begins in the middle of another, not even in the same thread.

    Signal handlers and finalizers run in the middle of whatever their thread does, so they may find its data half
    changed. What they want changed is postponed until the interrupted call is over:

        with turns as is_first:
            if not is_first:
                turns.postpone(...)

    Where each microsecond counts the same is written out, with `lock` and `catch_up`.

    Attributes:
        lock: The lock itself.
        postponed: What has to be caught up with.
    """

    def __init__(self) -> None:
        self.lock: Any = threading.RLock()  # no stub has `_is_owned`, for which threading.Condition asks too
        self.postponed: deque[Callable[[], object]] = deque()
        renew_in_child(self, lock=threading.RLock)
        hold_at_fork(self, "lock")

    def __enter__(self) -> bool:
        is_first = not self.lock._is_owned()
        self.lock.acquire()
        return is_first

    def __exit__(self, *_: object) -> None:
        if self.lock._is_owned():  # it is not where the process forked in the middle: the child's lock is new
            self.lock.release()
        if self.postponed:
            self.catch_up()

    def postpone(self, call: Callable[[], object]) -> None:
        """Have something called when the interrupted call is over; what it raises is logged."""
        self.postponed.append(call)

    def catch_up(self) -> None:
        """Call what was postponed, unless this is within the call that was interrupted."""
        while self.postponed and not self.lock._is_owned():
            try:
                call = self.postponed.popleft()
            except IndexError:  # another thread catches up as well
                return
            try:
                call()
            except Exception:  # noqa: BLE001  # it is no business of the call that was interrupted
                _log.exception("a call from a signal handler or a finalizer failed")
