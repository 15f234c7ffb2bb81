"""What the table in reflector_states.py wants done.

The effects of a step are carried out in order. All but the last are done at once; the last one waits (it is one of
`WAITING_EFFECTS`), and what comes of it is the next input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubeinformer.cache.deltas import Delta


@dataclass(frozen=True, slots=True)
class Resolve:
    """Ask discovery for the resource; `fresh`: not from its cache."""

    fresh: bool


@dataclass(frozen=True, slots=True)
class List:
    """Request one page; `first` throws away what earlier pages brought."""

    parameters: Mapping[str, str]
    first: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """Request a list only to learn whether the server answers it."""

    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OpenWatch:
    """Request a watch; what was collected of an earlier load is thrown away."""

    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Read:
    """Read the open stream until `deadline`, in seconds of the monotonic clock."""

    deadline: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Push:
    """Hand changes on, with the version that the cache has reached after them; none for a bookmark."""

    deltas: tuple[Delta, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Collect:
    """Keep changes beside the store: they belong to a load that is not finished."""

    deltas: tuple[Delta, ...]


@dataclass(frozen=True, slots=True)
class Replace:
    """Hand on the pages of the finished list, or what was collected, as the new content, which is of `version`."""

    version: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Hand on that nothing is left: the resource itself is gone."""


@dataclass(frozen=True, slots=True)
class CloseStream:
    """Close the stream, where one is open."""


@dataclass(frozen=True, slots=True)
class Report:
    """Tell whoever listens: what went wrong, what is done about it, and in how many seconds."""

    error: Exception
    action: str
    retry_in: float


Effect = (
    Resolve | List | Probe | OpenWatch | Read | Wait | Push | Collect | Replace | Clear | CloseStream | Report
)
WAITING_EFFECTS = (Resolve, List, Probe, OpenWatch, Read, Wait)
