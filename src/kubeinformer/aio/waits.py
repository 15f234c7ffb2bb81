"""The asyncio face of waits for one object."""

from __future__ import annotations

import asyncio

from kubeinformer.aio.factory import SharedInformerFactory
from kubeinformer.aio.informer import Informer
from kubeinformer.client.config import Config
from kubeinformer.client.loading import load_config
from kubeinformer.controller.object_wait import Condition, ObjectWait
from kubeinformer.objects import KubernetesObject


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

    Where an informer that was filled before lacks the object, one list of that object tells whether it is so, or the
    cache is behind.

    Args:
        source: An informer, which is started if need be; or a resource, for which one is made, for this object.
        name: The object's name.
        condition: `condition(obj)`, a plain function, asked on a thread of its own for every state that is seen; `obj`
            is None where there is none. Ready ones are `exists`, `deleted(uid)` and `condition("Ready")`; `all_of`,
            `any_of` and `not_` combine them. Fields that are not there yet may raise LookupError, TypeError,
            AttributeError or (of `next`) StopIteration; what else it raises is raised here.
        timeout: Seconds.
        namespace: The object's namespace, where it has one; None for the one in the name (`namespace/name`), for the
            only one that the informer watches, or for the configuration's, else `default`.
        config: Where the resource is; None for what :func:`~kubeinformer.load_config` finds.

    Returns:
        The object as it met the condition, None where there was none.

    Raises:
        WaitTimeout: It was not met in time; it says what was missing, and what was last seen.
        UsageError: The informer was stopped meanwhile, or `condition` is an `async def` function.
        NotCovered: The informer does not watch the namespace.
    """
    if isinstance(source, str):
        settings = config or load_config()
        if namespace is None and "/" in name:
            namespace, _, name = name.partition("/")
        namespace = namespace or settings.namespace or "default"
        async with SharedInformerFactory(settings) as factory:
            informer = factory.informer(
                source, namespaces=[namespace], field_selector={"metadata.name": name}
            )
            return await wait_until(informer, name, condition, timeout, namespace=namespace)
    waiting = ObjectWait(source, name, namespace, condition)
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
        # Not `await beginning`: to suppress its cancellation would be to suppress the caller's, too.
        await asyncio.wait((beginning,))
        if not beginning.cancelled():
            beginning.exception()  # where it matters it was raised above
