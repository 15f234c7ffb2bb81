"""What can be waited for: questions on one object, which is None where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubeinformer.objects import KubernetesObject


def exists(found: KubernetesObject | None) -> bool:
    """Whether the object is there, and not being deleted."""
    return found is not None and found.deletion_timestamp is None


class deleted:  # noqa: N801  # it reads as a word: `wait_until(pods, "web", deleted(pod.uid))`
    """Whether an object is gone, also where another one has its name by now.

    Args:
        uid: Which one; None for whichever has the name.
    """

    def __init__(self, uid: str | None = None) -> None:
        self._uid = uid

    def __call__(self, found: KubernetesObject | None) -> bool:
        """Return whether it is."""
        return found is None or (self._uid is not None and found.uid != self._uid)

    def missing(self, found: KubernetesObject | None) -> str:
        """Say what keeps it from being gone."""
        held = ", ".join(found.finalizers) if found is not None else ""
        return "it is still there" + (f", held by the finalizers {held}" if held else "")

    def __repr__(self) -> str:
        return f"deleted({self._uid or ''})"


class condition:  # noqa: N801  # it reads as a word: `wait_until(pods, "web", condition("Ready"))`
    """Whether an entry of `status.conditions` says so, of the object's present generation.

    Which generation it speaks of is in its `observedGeneration`, else in `status.observedGeneration`, as for
    `kubectl wait`; where neither is there, it is taken for the present one.

    Args:
        type: The condition's type, such as `Ready`.
        status: What it is to say: `True`, `False` or `Unknown`.
    """

    def __init__(self, type: str, status: str = "True") -> None:  # noqa: A002  # the API's own word
        self._type = type
        self._status = status

    def __call__(self, found: KubernetesObject | None) -> bool:
        """Return whether it does."""
        return not self.missing(found)

    def missing(self, found: KubernetesObject | None) -> str:
        """Say what keeps it from saying so; "" where nothing does."""
        if found is None:
            return "it does not exist"
        entry = self._entry(found)
        if entry is None:
            return f"it has no condition {self._type}"
        if entry.get("status") != self._status:
            why = f" ({entry['reason']})" if entry.get("reason") else ""
            return f"{self._type} is {entry.get('status')}{why}, not {self._status}"
        observed, generation = self._observed(found, entry), found.generation
        if isinstance(observed, int) and generation is not None and observed < generation:
            return f"{self._type} is {self._status} for generation {observed}, not yet for {generation}"
        return ""

    def __repr__(self) -> str:
        return f"condition({self._type}={self._status})"

    def _entry(self, found: KubernetesObject) -> Mapping[str, Any] | None:
        return next(
            (entry for entry in _entries(found.get("status")) if entry.get("type") == self._type), None
        )

    @staticmethod
    def _observed(found: KubernetesObject, entry: Mapping[str, Any]) -> Any:
        observed = entry.get("observedGeneration")
        return observed if isinstance(observed, int) else found["status"].get("observedGeneration")


def describe(found: KubernetesObject | None) -> str:
    """Return the state of an object in a few words: its version and what its status says of itself."""
    if found is None:
        return "it does not exist"
    parts = [f"resourceVersion {found.resource_version}"]
    if found.deletion_timestamp is not None:
        parts.append("being deleted")
    status = found.get("status")
    if isinstance(status, dict):
        if isinstance(status.get("phase"), str):
            parts.append(f"phase {status['phase']}")
        parts += [f"{entry.get('type')}={entry.get('status')}" for entry in _entries(status)]
    return ", ".join(parts)


def _entries(status: object) -> Iterator[Mapping[str, Any]]:
    """Yield the conditions of a status, whatever its resource has under that name."""
    entries = status.get("conditions") if isinstance(status, dict) else None
    if isinstance(entries, list):
        yield from (entry for entry in entries if isinstance(entry, dict))
