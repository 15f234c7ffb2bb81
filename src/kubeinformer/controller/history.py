"""What became of a controller's latest runs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

LENGTH: Final = 1000


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One run that is over.

    Attributes:
        key: Its key.
        reason: Why it was due.
        attempt: Its number in a row of failures.
        began: When it began, in seconds since 1970.
        seconds: How long it took.
        result: success, requeue_after, error, terminal_error, timeout or cancelled.
        error: What it raised, in words; "" where it did not.
    """

    key: str
    reason: str
    attempt: int
    began: float
    seconds: float
    result: str
    error: str = ""

    def __str__(self) -> str:
        what = f"{self.result}: {self.error}" if self.error else self.result
        return f"attempt {self.attempt} ({self.reason}) took {self.seconds:.3f} s: {what}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of a key.

    Attributes:
        key: The key.
        running_for: For how many seconds a run has been under way, None where none is.
        due_in: In how many seconds the next one is due (0: it waits for a worker), None where none is.
        next_reason: Why that is, "" where none is.
        history: Its latest runs, the last one first, as far as they are remembered.
    """

    key: str
    running_for: float | None
    due_in: float | None
    next_reason: str
    history: tuple[Reconciliation, ...]

    @property
    def last(self) -> Reconciliation | None:
        """The latest run, None where none is remembered."""
        return self.history[0] if self.history else None

    def __str__(self) -> str:
        parts = [f"last: {self.last}" if self.last else "no run is remembered"]
        if self.running_for is not None:
            parts.append(f"running for {self.running_for:.3f} s")
        if self.due_in is not None:
            parts.append(f"next in {self.due_in:.3f} s ({self.next_reason})")
        return f"{self.key}: {'; '.join(parts)}"


class History:
    """The latest runs of all keys. Appends may come from any thread; it never grows beyond its length.

    Args:
        length: How many runs are remembered.
    """

    def __init__(self, length: int = LENGTH) -> None:
        self._runs: deque[Reconciliation] = deque(maxlen=length)

    def append(self, run: Reconciliation) -> None:
        """Remember a run."""
        self._runs.append(run)

    def of(self, key: str) -> tuple[Reconciliation, ...]:
        """Return the remembered runs of a key, the last one first."""
        return tuple(run for run in reversed(self._runs.copy()) if run.key == key)
