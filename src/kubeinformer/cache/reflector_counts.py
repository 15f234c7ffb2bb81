"""What the reflectors of a resource have done so far, for metrics."""

from __future__ import annotations

from collections import Counter

from kubeinformer.cache import reflector_inputs as inputs
from kubeinformer.cache.reflector_inputs import Input
from kubeinformer.errors import Expired, InvalidResponse, NetworkError, StatusError


class ReflectorCounts:
    """Counters that only grow; written on the loop's thread, read from any.

    Attributes:
        lists: Lists by reason: start, expired, network, invalid, error, or an HTTP status.
        watches: Watches that are over, by their end: eof, idle, gone, error, stopped.
        events: What watches brought, by type: ADDED, UPDATED, DELETED, BOOKMARK.
        decode_errors: Lines and objects that could not be read.
    """

    def __init__(self) -> None:
        self.lists: Counter[str] = Counter()
        self.watches: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.decode_errors = 0


def list_reason(error: Exception) -> str:
    """Return the reason of a list that follows an error, as a label."""
    if isinstance(error, Expired):
        return "expired"
    if isinstance(error, NetworkError):
        return "network"
    if isinstance(error, InvalidResponse):
        return "invalid"
    return str(error.code) if isinstance(error, StatusError) else "error"


def watch_end(arrived: Input) -> str | None:
    """Return how an input ends an open watch, as a label; None where it does not."""
    match arrived:
        case inputs.Ended(None):
            return "eof"
        case inputs.TimedOut():
            return "idle"
        case inputs.Failed(error) if isinstance(error, Expired):
            return "gone"
        case inputs.Ended() | inputs.Failed() | inputs.Crashed():
            return "error"
    return None
