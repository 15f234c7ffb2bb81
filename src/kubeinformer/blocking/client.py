"""The blocking face of the client: plain requests, one line each over the portal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from kubeinformer.client.client import Client as AsyncClient
from kubeinformer.client.client import PatchType
from kubeinformer.client.config import Config
from kubeinformer.fronts.portal import Portal
from kubeinformer.objects import KubernetesObject

Selector = str | Mapping[str, str] | None


class Client:
    """Plain requests to an API server: get, list, create, update, patch, apply, delete. Thread-safe.

    Resources are named as everywhere (`pods`, `deployments.apps`, `apps/v1/deployments`). Bodies are dicts,
    objects of this package, or anything that msgspec encodes; what comes back are objects.

    Every request raises: StatusError (`NotFound`, `Conflict`, ...) where the server refuses it, InvalidResponse,
    NetworkError; ValueError for a resource or selector that is spelled wrong.

    Args:
        config: The server to talk to; None for what :func:`~kubeinformer.load_config` finds.
    """

    def __init__(self, config: Config | None = None) -> None:
        self._client = AsyncClient(config)
        self._portal = Portal("kubeinformer-client", self._client.close)
        self._owns_portal = True

    @classmethod
    def on_portal(cls, portal: Portal, client: AsyncClient) -> Self:
        """Return a client on a loop that somebody else owns and stops."""
        front = cls.__new__(cls)
        front._client, front._portal, front._owns_portal = client, portal, False
        return front

    def get(
        self, resource: str, name: str, namespace: str | None = None, *, subresource: str = ""
    ) -> KubernetesObject:
        """Return one object, from the server.

        Args:
            resource: The resource.
            name: The object's name.
            namespace: Its namespace; None for the configuration's, else `default`.
            subresource: Such as `status` or `scale`.
        """
        return self._portal.call(self._client.get, resource, name, namespace, subresource=subresource)

    def create(self, resource: str, body: object, namespace: str | None = None) -> KubernetesObject:
        """Create an object and return it as the server made it; Conflict (`AlreadyExists`) where it exists.

        Args:
            resource: The resource.
            body: The object.
            namespace: Its namespace; None for the body's, else the configuration's, else `default`.
        """
        return self._portal.call(self._client.create, resource, body, namespace)

    def update(
        self, resource: str, body: object, namespace: str | None = None, *, subresource: str = ""
    ) -> KubernetesObject:
        """Replace an object; Conflict where the body's resourceVersion is not the latest."""
        return self._portal.call(self._client.update, resource, body, namespace, subresource=subresource)

    def patch(
        self,
        resource: str,
        name: str,
        body: object,
        namespace: str | None = None,
        *,
        type: PatchType = "merge",  # noqa: A002  # the word of the interface
        subresource: str = "",
    ) -> KubernetesObject:
        """Change parts of an object and return it as the server stored it.

        Args:
            resource: The resource.
            name: The object's name.
            body: The patch: a dict, for `type="json"` a list of operations.
            namespace: Its namespace; None for the configuration's, else `default`.
            type: `merge` (RFC 7386), `json` (RFC 6902) or `strategic` (built-in kinds only).
            subresource: Such as `status`.
        """
        return self._portal.call(
            self._client.patch, resource, name, body, namespace, type=type, subresource=subresource
        )

    def apply(
        self,
        resource: str,
        body: object,
        namespace: str | None = None,
        *,
        field_manager: str,
        force: bool = False,
        subresource: str = "",
    ) -> KubernetesObject:
        """Create or change an object so that it has the fields of the body (server-side apply, KEP-555).

        Args:
            resource: The resource.
            body: The fields that `field_manager` wants.
            namespace: Its namespace; None for the body's, else the configuration's, else `default`.
            field_manager: Who owns these fields from now on.
            force: Whether to take over fields that another manager owns (`Conflict` otherwise).
            subresource: Such as `status`.
        """
        return self._portal.call(
            self._client.apply,
            resource,
            body,
            namespace,
            field_manager=field_manager,
            force=force,
            subresource=subresource,
        )

    def delete(
        self,
        resource: str,
        name: str,
        namespace: str | None = None,
        *,
        propagation_policy: str | None = None,
        grace_period_seconds: int | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> KubernetesObject | None:
        """Delete an object.

        Args:
            resource: The resource.
            name: The object's name.
            namespace: Its namespace; None for the configuration's, else `default`.
            propagation_policy: `Foreground`, `Background` or `Orphan`; None for the resource's own.
            grace_period_seconds: Seconds of grace; None for the object's own.
            uid: Delete only this life of the object (`Conflict` otherwise).
            resource_version: Delete only this version of it (`Conflict` otherwise).

        Returns:
            The object as it was or, where finalizers or a grace period hold it, still is; None where the server
            only confirms.
        """
        return self._portal.call(
            self._client.delete,
            resource,
            name,
            namespace,
            propagation_policy=propagation_policy,
            grace_period_seconds=grace_period_seconds,
            uid=uid,
            resource_version=resource_version,
        )

    def list(
        self,
        resource: str,
        namespace: str | None = None,
        *,
        label_selector: Selector = None,
        field_selector: Selector = None,
    ) -> list[KubernetesObject]:
        """Return all objects of a resource, page by page: in one namespace, or (None) in all."""
        return self._portal.call(
            self._client.list,
            resource,
            namespace,
            label_selector=label_selector,
            field_selector=field_selector,
        )

    def close(self) -> None:
        """Close the connection; one that is shared stays open. Closing twice is harmless."""
        if self._owns_portal:
            self._portal.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> str:
        raise TypeError("a client is bound to its process and cannot be pickled")
