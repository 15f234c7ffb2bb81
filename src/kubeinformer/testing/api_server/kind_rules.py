"""Where a kind takes part in its own writes: what admission plugins and controllers do in a whole cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.object_storage import StoredObject
from kubeinformer.testing.api_server.served_resources import ServedResource

Delete = Callable[[ServedResource, str | None, str], object]


class KindRules(Protocol):
    """The part of one kind. Each method is called with the server's lock held."""

    def admit(self, served: ServedResource, document: Document) -> Document:
        """Return a new or changed object with its defaults, which the writer owns, or raise a Refusal."""

    def prepared(self, document: Document) -> Document:
        """Return a new object with what the server adds, and nobody owns."""

    def holds(self, document: Document) -> bool:
        """Return whether something beside `metadata.finalizers` keeps an object that is being deleted."""

    def written(self, stored: StoredObject) -> None:
        """Do what follows a creation or a change that was stored."""

    def check_deletion(self, current: StoredObject) -> None:
        """Raise a Refusal where the object may not be deleted."""

    def marked(self, current: StoredObject) -> Document:
        """Return the object, which somebody deletes, with what has to be done first marked in it."""

    def end(self, terminating: StoredObject, delete: Delete) -> None:
        """Do what has to be done before the object can go; `delete` deletes other objects."""

    def released(self, stored: StoredObject) -> None:
        """Take note that an object, of whatever kind, is gone: it may have been the last in something."""
