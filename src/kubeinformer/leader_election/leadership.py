"""What a leader knows of its leadership."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from kubeinformer.leader_election.candidate import Candidate


class Leadership:
    """Leading, until it ends. Thread-safe.

    Args:
        candidate: Who leads.
        now: Seconds on the clock of the election.

    Attributes:
        lost: Done when another replica may soon lead: its result says why. It stays open where the leader itself
            ends its leadership.
    """

    def __init__(self, candidate: Candidate, now: Callable[[], float]) -> None:
        self.lost: Future[str] = Future()
        self.lost.set_running_or_notify_cancel()  # a wait for it that is given up must not cancel it
        self._candidate = candidate
        self._now = now
        self._transitions = candidate.record.transitions

    @property
    def identity(self) -> str:
        """Who leads."""
        return self._candidate.terms.identity

    @property
    def transitions(self) -> int:
        """How many leaders there were before: a fencing token, for writes that must not be made by a former leader."""
        return self._transitions

    @property
    def is_leading(self) -> bool:
        """Whether it still leads; asked of the clock, so that it is right even where a thread could not run."""
        return not self.lost.done() and self._candidate.is_leading(self._now())

    @property
    def expires_in(self) -> float:
        """For how many seconds from now nobody else may lawfully lead."""
        return max(0.0, self._candidate.expires_at() - self._now())

    def __repr__(self) -> str:
        return f"<Leadership of {self.identity}: {'leading' if self.is_leading else 'over'}>"
