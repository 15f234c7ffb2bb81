"""The asyncio face of writes that take several requests, and of waits for one object."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from kubeinformer.aio.client import Client
from kubeinformer.aio.factory import SharedInformerFactory
from kubeinformer.aio.informer import Informer
from kubeinformer.client.config import Config
from kubeinformer.client.loading import load_config
from kubeinformer.controller import create_or_update as procedures
from kubeinformer.controller.create_or_update import Change, Written
from kubeinformer.controller.object_wait import Condition, ObjectWait
from kubeinformer.controller.steps import run_async
from kubeinformer.errors import KubeInformerError
from kubeinformer.objects import KubernetesObject


async def create_or_update(
    client: Client, resource: str, name: str, change: Change, namespace: str | None = None
) -> Written:
    """Make an object as it should be: create it, update it, or leave it alone where it is so already.

    Where somebody else writes first, it is tried again on the latest state. For objects that others write too,
    server-side apply (`client.apply`) is the better way.

    Args:
        client: Makes the requests.
        resource: The resource.
        name: The object's name.
        change: `change(body)` makes a dict, the object as the server has it or an empty one with its name, as it
            should be. It may be called several times.
        namespace: The object's namespace; None for the configuration's, else `default`.

    Returns:
        The object as the server has it, and whether it was `created`, `updated` or is `unchanged`.
    """
    return await run_async(procedures.create_or_update(resource, name, change, namespace), client)


async def wait_until(
    source: Informer | str,
    name: str,
    condition: Condition,
    timeout: float = 60.0,
    *,
    namespace: str | None = None,
    config: Config | None = None,
) -> KubernetesObject | None:
    """Wait until a condition is met by one object; a broken watch does not end the wait.

    Args:
        source: An informer, which is started if need be; or a resource, for which one is made, for this object.
        name: The object's name.
        condition: `condition(obj)`, asked on a thread of its own for every state that is seen; `obj` is None where
            there is none. Ready ones are `exists`, `deleted(uid)` and `condition("Ready")`; `all_of`, `any_of` and
            `not_` combine them. Fields that are not there yet may raise LookupError, TypeError or AttributeError.
        timeout: Seconds.
        namespace: The object's namespace; None for none, or (of a resource) the configuration's, else `default`.
        config: Where the resource is; None for what :func:`~kubeinformer.load_config` finds.

    Returns:
        The object as it met the condition, None where there was none.

    Raises:
        WaitTimeout: It was not met in time; it says what was missing, and what was last seen.
    """
    if isinstance(source, str):
        settings = config or load_config()
        namespace = namespace or settings.namespace or "default"
        async with SharedInformerFactory(settings) as factory:
            informer = factory.informer(
                source, namespaces=[namespace], field_selector=f"metadata.name={name}"
            )
            return await wait_until(informer, name, condition, timeout, namespace=namespace)
    waiting = ObjectWait(source, name, namespace or "", condition)
    beginning = asyncio.create_task(source.engine.portal.call_async(waiting.begin))
    met: asyncio.Future[KubernetesObject | None] = asyncio.wrap_future(waiting.met)
    try:
        async with asyncio.timeout(timeout):
            await asyncio.wait((met, beginning), return_when=asyncio.FIRST_COMPLETED)
            if beginning.done():
                beginning.result()
                waiting.look()
            return await asyncio.shield(met)
    except TimeoutError:
        if met.done():
            raise
        raise waiting.timed_out(timeout) from None
    finally:
        waiting.end()
        beginning.cancel()
        met.cancel()
        with suppress(asyncio.CancelledError, KubeInformerError):
            await beginning
