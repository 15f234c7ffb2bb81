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

    @property
    def holds(self) -> bool:
        """Whether the lease names this candidate, as far as it has seen."""
        return self.record.holder == self.terms.identity

    def saw(self, spec: Any, now: float) -> bool:
        """Take in the `spec` of a lease that was read; return whether the leader is another one than before."""
        before = self.record.holder
        if spec != self._seen:
            self._seen, self._seen_at = spec, now
        self.record = record_of(spec)
        return self.record.holder != before

    def may_take(self, now: float) -> bool:
        """Return whether the lease may be written: it is ours, nobody's, or has not changed for its whole duration."""
        if self.holds or not self.record.holder:
            return True
        duration = self.record.duration or self.terms.lease_duration
        return now - self._seen_at >= duration

    def next_record(self, time: float) -> LeaseRecord:
        """Return what to write into the lease to have it for a while longer, at so many seconds since 1970."""
        written = micro_time(time)
        if self.holds and self.record.acquired:
            acquired, transitions = self.record.acquired, self.record.transitions
        else:
            acquired = written
            transitions = self.record.transitions + bool(self._seen is not None and not self.holds)
        return LeaseRecord(
            holder=self.terms.identity,
            duration=self.terms.lease_duration,
            acquired=acquired,
            renewed=written,
            transitions=transitions,
        )

    def released_record(self, time: float) -> LeaseRecord:
        """Return what to write into the lease so that anybody may take it at once."""
        written = micro_time(time)
        return LeaseRecord(
            holder="", duration=1, acquired=written, renewed=written, transitions=self.record.transitions
        )

    def won(self, spec: Any, began: float) -> None:
        """Take in that the server has accepted what a request, begun at `began`, wrote."""
        self.saw(spec, began)
        self.renewed_at = began
        if self.leads_since is None:
            self.leads_since = began

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
