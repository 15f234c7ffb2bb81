"""Which updates are worth a reconcile: questions on the state before and after.

They are asked for updates alone: what appears or goes always counts. They save reconciles, not memory and no traffic: for
that, narrow the informer by selectors. A resync (an update without a change) passes no `changed`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubeinformer.controller.combinators import name_of
from kubeinformer.objects import KubernetesObject

Predicate = Callable[[KubernetesObject, KubernetesObject], bool]


class changed:  # noqa: N801  # it reads as a word: `when=changed(lambda o: o.labels)`
    """Whether something of an object is another one than before.

    Args:
        of: Takes what counts out of an object: `lambda o: o.generation`, `lambda o: o["spec"]["replicas"]`. Where it
            raises LookupError, TypeError or AttributeError, there is nothing, which may be a change too.
    """

    def __init__(self, of: Callable[[KubernetesObject], object]) -> None:
        self._of = of

    def __call__(self, old: KubernetesObject, new: KubernetesObject) -> bool:
        """Return whether it is."""
        return bool(self._value(old) != self._value(new))

    def __repr__(self) -> str:
        return f"changed({name_of(self._of)})"

    def _value(self, of: KubernetesObject) -> Any:
        try:
            return self._of(of)
        except (LookupError, TypeError, AttributeError):
            return None
