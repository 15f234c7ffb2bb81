"""How many new events one object may have: a token bucket each, as in client-go's tools/record. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

BURST: Final = 25
SECONDS_PER_EVENT: Final = 300.0
REMEMBERED: Final = 4096


class EventSpamFilter:
    """Lets through 25 events of one source about one object at once, and one every 5 minutes after that.

    Args:
        burst: How many at once.
        seconds_per_event: Seconds in which one more is earned.
        remembered: How many buckets are kept; the one that was not asked for longest is forgotten first, and is full
            when it comes again.
    """

    def __init__(
        self,
        burst: int = BURST,
        seconds_per_event: float = SECONDS_PER_EVENT,
        remembered: int = REMEMBERED,
    ) -> None:
        self._burst = float(burst)
        self._seconds_per_event = seconds_per_event
        self._remembered = remembered
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = (
            OrderedDict()
        )  # tokens, and when there were

    def __len__(self) -> int:
        return len(self._buckets)

    def allows(self, key: Hashable, now: float) -> bool:
        """Take a token out of a bucket, and return whether there was one.

        Args:
            key: Whose bucket.
            now: Seconds on a monotonic clock.
        """
        tokens, filled = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + max(0.0, now - filled) / self._seconds_per_event)
        allowed = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        return allowed
