"""Waiting for one object of a cache: it hears of every state, on a thread of its own, through any broken watch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

from kubeinformer.cache.informer import SharedIndexInformer
from kubeinformer.controller.combinators import missing, name_of
from kubeinformer.controller.conditions import describe
from kubeinformer.controller.steps import check_plain
from kubeinformer.errors import KubeInformerError, NotFound, UsageError, WaitTimeout
from kubeinformer.fronts.engine import Engine
from kubeinformer.fronts.informer import InformerFront
from kubeinformer.objects import KubernetesObject

Condition = Callable[[KubernetesObject | None], bool]
NOT_THERE_YET: Final = (LookupError, TypeError, AttributeError, StopIteration)
"""What a condition raises where a field, or with `next` an entry, is not there yet."""


class ObjectWait:
    """A wait for a condition on one object. Thread-safe.

    Args:
        informer: The informer of either face.
        name: The object's name.
        namespace: Its namespace, which counts where the resource has namespaces; None for the one in the name
            (`namespace/name`), for the only one that is watched, or for the configuration's, else `default`.
        condition: `condition(obj)`; `obj` is None where there is none. What NOT_THERE_YET has means that it is not
            met.

    Attributes:
        met: Done with the object (or None) once the condition is met, or with what the condition raised, or with a
            UsageError where the informer is stopped.
    """

    def __init__(
        self, informer: InformerFront, name: str, namespace: str | None, condition: Condition
    ) -> None:
        self.met: Future[KubernetesObject | None] = Future()
        if namespace is None and "/" in name:
            namespace, _, name = name.partition("/")
        self._name = name
        self._namespace = namespace
        self._informer: SharedIndexInformer = informer.shared
        self._engine: Engine = informer.engine
        self._default = self._engine.core.session.config.namespace or "default"
        self._condition = condition
        self._last: KubernetesObject | None = None
        self._lock = threading.RLock()
        self._registration = self._informer.add_event_handler(
            self._look, lambda _, new: self._look(new), self._look_at_nothing
        )
        self._registration.delivery.ended.add_done_callback(self._stopped)

    async def begin(self) -> None:
        """Start the informer where it is not running, and return when it is filled. On the loop of its factory.

        Where a cache that was filled before lacks the object, it may not have seen yet what the program has just
        made: one list of that object tells.
        """
        core, informer = self._engine.core, self._informer
        await core.start()
        was_filled = informer.has_synced
        await core.wait_until(self._unsynced, None)
        if was_filled and not self.met.done() and informer.indexer.get_by_key(self._key) is None:
            with suppress(KubeInformerError):  # what the cache says has to do
                await core.catch_up(informer, None, self._key)

    def look(self) -> None:
        """Ask the condition for the absence of the object, where it is absent from the filled cache.

        Raises:
            NotCovered: Its namespace is not watched: there is nothing to be seen of it.
        """
        namespace, _, name = self._key.rpartition("/")
        if self.met.done():  # perhaps before the cache was filled
            return
        try:
            self._informer.lister.get(name, namespace or None)
        except NotFound:
            self._look_now(None)

    def end(self) -> None:
        """Hear of nothing any more."""
        with self._lock:
            self.met.cancel()
        self._registration.detach()

    def timed_out(self, seconds: float) -> WaitTimeout:
        """Return the error that says what was missing, and what was last seen."""
        resource = self._informer.options.reference
        if not self._informer.has_synced:
            return WaitTimeout(
                f"{resource} {self._key}: nothing seen in {seconds:g} s: {self._informer.status.reason}"
            )
        unmet = self._missing()
        return WaitTimeout(
            f"{resource} {self._key}: not met in {seconds:g} s: {unmet}; last seen: {describe(self._last)}"
        )

    @property
    def _key(self) -> str:
        resource = self._informer.resource
        if resource is not None and not resource.namespaced:
            return self._name
        watched = self._informer.options.namespaces or ()
        only = watched[0] if len(watched) == 1 else None
        return f"{self._namespace or only or self._default}/{self._name}"

    def _unsynced(self) -> dict[str, str]:
        if self._informer.has_synced or self.met.done():
            return {}
        return {self._informer.options.name: self._informer.status.reason}

    def _missing(self) -> str:
        try:
            self._condition(self._last)  # what it lacks, it may say by an error
            return missing(self._condition, self._last)
        except NOT_THERE_YET as error:
            return f"{name_of(self._condition)} found no {str(error) or 'next item'}"

    def _stopped(self, _: object) -> None:
        with self._lock:
            if not self.met.done():
                self.met.set_exception(UsageError(f"{self._informer.options.name}: the informer was stopped"))

    def _look(self, found: KubernetesObject) -> None:
        if found.key == self._key:
            self._look_now(found)

    def _look_at_nothing(self, gone: KubernetesObject) -> None:
        if gone.key == self._key:
            self._look_now(None)

    def _look_now(self, found: KubernetesObject | None) -> None:
        with self._lock:
            self._last = found
            if self.met.done():
                return
            try:
                answer = self._condition(found)
                check_plain(answer, "a condition")
                if answer:
                    self.met.set_result(found)
            except NOT_THERE_YET:
                pass
            except BaseException as error:  # noqa: BLE001  # user code, `pytest.fail` say: whoever waits is to hear of it
                self.met.set_exception(error)
