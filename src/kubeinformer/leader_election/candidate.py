"""The rules of the election, for one candidate: no lock, no loop, no clock, no server.

Nobody's clock is compared with another's: a lease counts as held for its duration after this candidate last saw it
change, on its own monotonic clock. A leader counts from the moment at which its last successful request began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubeinformer.leader_election.lease_record import LeaseRecord, micro_time, record_of


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a lease is good, and how often it is renewed.

    Attributes:
        identity: Who this candidate is; no two may be the same.
        lease_duration: Seconds for which others wait after they last saw the lease change.
        renew_deadline: Seconds after which a leader that could not renew it ceases to lead.
        retry_period: Seconds between two requests.
    """

    identity: str
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    def __post_init__(self) -> None:
        if not self.identity:
            raise ValueError("a candidate needs an identity")
        if self.lease_duration < 1 or self.lease_duration != int(self.lease_duration):
            raise ValueError(f"lease_duration is in whole seconds, 1 or more, not {self.lease_duration!r}")
        if not self.renew_deadline < self.lease_duration:
            raise ValueError(
                "renew_deadline must be shorter than lease_duration: a leader ends before others begin"
            )
        if not 0 < 1.2 * self.retry_period < self.renew_deadline:
            raise ValueError("retry_period must be positive, and 1.2 of it shorter than renew_deadline")


class Candidate:
    """What one candidate has seen of the lease, and what follows from it.

    Every `now` is in seconds on one monotonic clock.

    Args:
        terms: Its terms.

    Attributes:
        terms: Its terms.
        record: What the lease said when it was last read or written.
        leads_since: When the request began by which it became the leader, None while it does not lead.
        renewed_at: When the request began by which it last renewed the lease.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.record = LeaseRecord()
        self.leads_since: float | None = None
        self.renewed_at = 0.0
        self._seen: Any = None
        self._seen_at = 0.0
        self._deleted_under: float | None = None  # until when the holder of a deleted lease may be at work
        self._transitions = -1  # the most that was ever seen

    @property
    def holds(self) -> bool:
        """Whether the lease names this candidate, as far as it has seen."""
        return self.record.holder == self.terms.identity

    @property
    def is_displaced(self) -> bool:
        """Whether the lease is another's, or anybody's. One that was deleted may be made anew by its holder alone."""
        return self._seen is not None and not self.holds

    def saw(self, spec: Any, now: float) -> bool:
        """Take in the `spec` of a lease that was read; return whether the leader is another one than before."""
        before = self.record.holder
        if spec is not None:
            self._deleted_under = None
        elif before and not self.holds:
            self._deleted_under = now + self._duration
        if spec != self._seen:
            self._seen, self._seen_at = spec, now
        self.record = record_of(spec)
        if spec is not None:
            self._transitions = max(self._transitions, self.record.transitions)
        return self.record.holder != before

    def may_take(self, now: float) -> bool:
        """Return whether the lease may be written: it is ours, nobody's, or has not changed for its whole duration.

        One that was deleted is its holder's for as long after that was seen: to delete a lease ends nobody's work.
        """
        if self._deleted_under is not None:
            return now >= self._deleted_under
        return self.holds or not self.record.holder or now >= self._runs_out_at()

    def next_record(self, time: float) -> LeaseRecord:
        """Return what to write into the lease to have it for a while longer, at so many seconds since 1970."""
        written = micro_time(time)
        goes_on = self.holds or self.leads_since is not None
        return LeaseRecord(
            holder=self.terms.identity,
            duration=self.terms.lease_duration,
            acquired=(self.record.acquired if self.holds else None) or written,
            renewed=written,
            transitions=max(0, self._transitions if goes_on else self._transitions + 1),
        )

    def released_record(self, time: float) -> LeaseRecord:
        """Return what to write into the lease so that anybody may take it at once."""
        written = micro_time(time)
        return LeaseRecord(
            holder="", duration=1, acquired=written, renewed=written, transitions=self.record.transitions
        )

    def won(self, spec: Any, began: float, now: float) -> bool:
        """Take in that the server has accepted what a request, begun at `began`, wrote; return whether we lead by it.

        Not where the answer came after the moment at which this leader ceased to lead: whoever has heard of that has
        stopped, and would not begin again.
        """
        self.saw(spec, began)
        ends_at = began + self.terms.renew_deadline if self.leads_since is None else self.ends_at()
        if not self.holds or now >= ends_at:
            return False
        self.renewed_at = began
        if self.leads_since is None:
            self.leads_since = began
        return True

    def ends_at(self) -> float:
        """Return when this leader ceases to lead unless it renews the lease before."""
        return self.renewed_at + self.terms.renew_deadline

    def expires_at(self) -> float:
        """Return the moment before which nobody else may lawfully lead."""
        return self.renewed_at + self.terms.lease_duration

    def is_leading(self, now: float) -> bool:
        """Return whether this candidate leads."""
        return self.leads_since is not None and now < self.ends_at()

    def resigned(self) -> None:
        """Lead no longer."""
        self.leads_since = None

    def _runs_out_at(self) -> float:
        return self._seen_at + self._duration

    @property
    def _duration(self) -> float:
        return self.record.duration or self.terms.lease_duration
