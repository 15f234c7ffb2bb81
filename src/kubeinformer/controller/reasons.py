"""Why keys wait: what has asked for each since its last run began. No lock: whoever uses it holds one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DEFAULT_REASON: Final = "asked for"
MOST: Final = 8
"""So many reasons of a key are told; of further ones only how many there were."""


@dataclass(slots=True, eq=False)
class _Several:
    """More than one reason for a key.

    Attributes:
        told: The first ones, each once, in the order of coming.
        latest: The one that came last, told or not.
        more: How many triggers came besides; their equals are not told apart.
    """

    told: list[str]
    latest: str
    more: int = 0

    def add(self, reason: str) -> None:
        self.latest = reason
        if reason in self.told:
            return
        if len(self.told) < MOST:
            self.told.append(reason)
        else:
            self.more += 1

    def __str__(self) -> str:
        words = [*self.told, f"and {self.more} more"] if self.more else self.told
        return "; ".join(words)


class Reasons:
    """The reasons of all keys that wait. One that came alone, as most do, takes no more than its text."""

    def __init__(self) -> None:
        self._waiting: dict[str, str | _Several] = {}
        self._wishes: set[str] = set()

    def add(self, key: str, reason: str) -> None:
        """Add one reason more for a key; one that it has already is not told twice."""
        known = self._waiting.setdefault(key, reason)
        if known == reason:
            return
        if isinstance(known, str):
            known = self._waiting[key] = _Several([known], known)
        known.add(reason)

    def wish(self, key: str, reason: str) -> None:
        """Add a wish of the key's own run to come again, which is no reason where something else comes earlier."""
        if key not in self._waiting:
            self._wishes.add(key)
        self.add(key, reason)

    def is_wish(self, key: str) -> bool:
        """Return whether a key waits for nothing but its own wish."""
        return key in self._wishes

    def settle(self, key: str) -> None:
        """Make a wish a reason like others: its time has come."""
        self._wishes.discard(key)

    def of(self, key: str) -> str:
        """Return the reasons of a key, in words."""
        return str(self._waiting.get(key, DEFAULT_REASON))

    def take(self, key: str) -> str:
        """Return the reasons of a key, and forget them: its run begins."""
        self._wishes.discard(key)
        return str(self._waiting.pop(key, DEFAULT_REASON))

    def take_all_but_latest(self, key: str) -> str:
        """Return the reasons of a key, and leave the latest one: it brings about the next run, too."""
        known = self._waiting.get(key, DEFAULT_REASON)
        if isinstance(known, _Several):
            self._waiting[key] = known.latest
        return str(known)

    def clear(self) -> None:
        """Forget them all."""
        self._waiting.clear()
        self._wishes.clear()

    def __contains__(self, key: str) -> bool:
        return key in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)
