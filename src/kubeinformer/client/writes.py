"""Who hears of a program's own writes: whoever wants to wait until a cache has seen them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from kubeinformer.errors import StatusError
from kubeinformer.objects import KubernetesObject
from kubeinformer.resources import Resource


@dataclass(frozen=True, slots=True)
class Write:
    """A write that the server has accepted, or may have.

    Attributes:
        resource: What was written.
        namespace: The object's namespace, "" where it has none.
        name: The object's name, "" where that is not known.
        result: What the server answered; None where it only confirmed a deletion.
        deleted_uid: Which object was deleted ("": the server did not say); None for a write that is no deletion.
        is_certain: False where no answer, or an odd one, came: it may have been done or not.
        server: The URL of the server.
    """

    resource: Resource
    namespace: str
    name: str
    result: KubernetesObject | None
    deleted_uid: str | None = None
    is_certain: bool = True
    server: str = ""

    @property
    def key(self) -> str:
        """The object's key."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


write_observer: ContextVar[Callable[[Write], object] | None] = ContextVar("write_observer", default=None)
"""Called with each write that is made in the context where it is set."""


def written(
    server: str,
    resource: Resource,
    namespace: str | None,
    name: str,
    result: KubernetesObject | None,
    deleted_uid: str | None = None,
) -> None:
    """Tell the observer of a write, if there is one."""
    observer = write_observer.get()
    if observer is None:
        return
    if result is None or (result.resource_version and bool(result.namespace) == resource.namespaced):
        observer(Write(resource, namespace or "", name, result, deleted_uid, server=server))
    else:  # an answer that does not say what became of it
        observer(Write(resource, namespace or "", "", None, is_certain=False, server=server))


@contextmanager
def sending(server: str, resource: Resource, namespace: str | None) -> Iterator[None]:
    """Tell the observer of a write that may have been done or not: the block, which sends it and reads the answer, fails."""
    try:
        yield
    except BaseException as error:
        observer = write_observer.get()
        refused = isinstance(error, StatusError) and error.code < 500
        if observer is not None and not refused:
            observer(Write(resource, namespace or "", "", None, is_certain=False, server=server))
        raise
