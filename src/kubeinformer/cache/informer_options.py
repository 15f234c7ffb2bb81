"""What an informer watches, and how."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

from kubeinformer.cache.object_reader import Transform
from kubeinformer.resources import Resource, ResourceReference

LoadMode = Literal["list", "watch"]
QueueMode = Literal["fifo", "delta"]


@dataclass(frozen=True, slots=True)
class InformerOptions:
    """What makes two requests for an informer the same one.

    Attributes:
        reference: The resource.
        namespaces: The namespaces to watch, each once; None for all of them.
        label_selector: In canonical form, "" for everything.
        field_selector: In canonical form, "" for everything.
        metadata_only: Whether the server is to send the metadata of the objects only.
        transform: Applied to each object before anything sees it.
        strip_managed_fields: Whether `metadata.managedFields` is dropped (before the transform).
        load: Whether the first content comes by a list, or by a watch (WatchList) where the server does that.
        queue: Whether changes leave the queue in order (RealFIFO), or those of a key together (DeltaFIFO).
    """

    reference: ResourceReference
    namespaces: tuple[str, ...] | None = None
    label_selector: str = ""
    field_selector: str = ""
    metadata_only: bool = False
    transform: Transform | None = None
    strip_managed_fields: bool = False
    load: LoadMode = "list"
    queue: QueueMode = "fifo"

    @property
    def name(self) -> str:
        """The resource and what narrows it, for messages."""
        details = [
            f"{name}={value}"
            for name, value in (
                ("namespaces", ",".join(self.namespaces or ())),
                ("labels", self.label_selector),
                ("fields", self.field_selector),
            )
            if value
        ]
        return f"{self.reference} ({' '.join(details)})" if details else str(self.reference)

    @property
    def scopes(self) -> tuple[str | None, ...]:
        """The namespaces that are watched one by one, None for all at once."""
        return self.namespaces or (None,)

    def watches(self, resource: Resource) -> Hashable:
        """Return what two informers have in common that can live on one watch, once the resource is known."""
        return (
            resource,
            frozenset(self.scopes if resource.namespaced else (None,)),
            self.label_selector,
            self.field_selector,
            self.metadata_only,
            self.transform,
            self.strip_managed_fields,
        )
