"""What a Lease says, and how it is written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec


class LeaseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The `spec` of a Lease, as electors of all languages write it.

    The written times are for people: whoever decides by them trusts other machines' clocks.

    Attributes:
        holder: Who leads, "" where nobody does.
        duration: For how many seconds the lease is good after it was last renewed, 0 where that is not said.
        acquired: When the holder became the leader, as it is written.
        renewed: When the holder last renewed it, as it is written.
        transitions: How often the leader has changed.
    """

    holder: str = ""
    duration: float = 0
    acquired: str | None = None
    renewed: str | None = None
    transitions: int = 0

    def spec(self) -> dict[str, Any]:
        """Return it as the `spec` of a Lease."""
        return {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": max(1, round(self.duration)),  # the server refuses 0
            "acquireTime": self.acquired,
            "renewTime": self.renewed,
            "leaseTransitions": self.transitions,
        }


def record_of(spec: Any) -> LeaseRecord:
    """Return what the `spec` of a Lease says; what cannot be read counts as not said."""
    fields = spec if isinstance(spec, dict) else {}
    return LeaseRecord(
        holder=_text(fields.get("holderIdentity")) or "",
        duration=max(0.0, _number(fields.get("leaseDurationSeconds"))),
        acquired=_text(fields.get("acquireTime")),
        renewed=_text(fields.get("renewTime")),
        transitions=int(_number(fields.get("leaseTransitions"))),
    )


def micro_time(seconds: float) -> str:
    """Return seconds since 1970 as a `MicroTime`: RFC 3339, with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _number(value: object) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
