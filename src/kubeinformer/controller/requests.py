"""What a reconcile is given, and what it may return."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """A key to be reconciled: make the world what the caches say that it should be.

    It says nothing of what changed: read the lister, whatever the reason.

    Attributes:
        key: `namespace/name`, or `name` alone.
        namespace: The part before the slash, "" where there is none.
        name: The rest.
        reason: Why it is due, for people to read: all that has asked for it since its last run began.
        attempt: 1, and one more after each failure in a row.
        priority: Its priority in the queue.
    """

    key: str
    namespace: str
    name: str
    reason: str
    attempt: int
    priority: int = 0

    @classmethod
    def of(cls, key: str, reason: str, attempt: int, priority: int = 0) -> Request:
        """Return the request for a key."""
        namespace, _, name = key.rpartition("/")
        return cls(key, namespace, name, reason, attempt, priority)


@dataclass(frozen=True, slots=True)
class RequeueAfter:
    """A reconcile's wish to be called again. Make it by `requeue_after`.

    Attributes:
        seconds: In how many seconds, if nothing changes before.
        priority: With which priority, None for that of the request.
    """

    seconds: float
    priority: int | None = None


def requeue_after(seconds: float, *, priority: int | None = None) -> RequeueAfter:
    """Return what a reconcile returns to be called again in `seconds`, or at the next change if that is earlier.

    Raises:
        ValueError: The seconds are negative, or no number.
        TypeError: The priority is no whole number.
    """
    if not seconds >= 0:
        raise ValueError(f"requeue_after wants seconds, not {seconds!r}")
    if priority is not None:
        check_priority(priority)
    return RequeueAfter(seconds, priority)


def check_priority(priority: object) -> None:
    """Raise TypeError for what would cost a worker, which would have to compare it.

    Raises:
        TypeError: It is no whole number.
    """
    if not isinstance(priority, int):
        raise TypeError(f"a priority is a whole number, not {priority!r}")


Result = RequeueAfter | None
