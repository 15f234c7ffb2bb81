"""A handler that holds every call against what a handler may be told, and compares caches with servers."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kubeinformer import KubernetesObject, testing
from kubeinformer.resource_versions import is_older


class History:
    """Replays its calls onto an empty map and notes every call that does not follow from those before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.objects: dict[str, KubernetesObject] = {}
        self.faults: list[str] = []
        self.calls = 0

    def on_add(self, added: KubernetesObject) -> None:
        with self._lock:
            self._note(added.key not in self.objects, f"add of a known key: {added}")
            self.objects[added.key] = added
            self.calls += 1

    def on_update(self, old: KubernetesObject, new: KubernetesObject) -> None:
        with self._lock:
            known = self.objects.get(new.key)
            self._note(known is not None, f"update of an unknown key: {new}")
            self._note(known == old, f"old is not what was told before: {old} {known}")
            self._note(old.uid == new.uid, f"an update across two lives: {old} {new}")
            self._note(not is_older(new.resource_version, old.resource_version), f"back in time: {old} {new}")
            self.objects[new.key] = new
            self.calls += 1

    def on_delete(self, deleted: KubernetesObject) -> None:
        with self._lock:
            known = self.objects.pop(deleted.key, None)
            self._note(known is not None, f"delete of an unknown key: {deleted}")
            self._note(
                known is None or known.uid == deleted.uid, f"delete of another life: {deleted} {known}"
            )
            self.calls += 1

    def versions(self) -> dict[str, str]:
        """Return the version of each object that was told of."""
        with self._lock:
            return {key: told.resource_version for key, told in self.objects.items()}

    def _note(self, right: bool, fault: str) -> None:
        if not right:
            self.faults.append(fault)


def eventually(condition: Callable[[], bool], timeout: float, what: Callable[[], object]) -> None:
    """Ask until `condition` holds; after `timeout` seconds fail with what `what` shows."""

    def check() -> bool:
        assert condition(), what()
        return True

    testing.eventually(check, timeout)
