"""The blocking face of writes that take several requests."""

from __future__ import annotations

from kubeinformer.blocking.client import Client
from kubeinformer.controller import create_or_update as procedures
from kubeinformer.controller.create_or_update import Change, Written
from kubeinformer.controller.steps import run


def create_or_update(
    client: Client, resource: str, name: str, change: Change, namespace: str | None = None
) -> Written:
    """Make an object as it should be: create it, update it, or leave it alone where it is so already.

    Where somebody else writes or deletes first, it is tried again on the latest state. For objects that others write too,
    server-side apply (`client.apply`) is the better way.

    Args:
        client: Makes the requests.
        resource: The resource.
        name: The object's name.
        change: `change(body)`, a plain function, makes a dict, the object as the server has it or an empty one with
            its name, as it should be. It changes that dict; what it returns is not looked at. It may be called
            several times.
        namespace: The object's namespace; None for the configuration's, else `default`.

    Returns:
        The object as the server has it, and whether it was `created`, `updated` or is `unchanged`, which it also is
        where all that was written is what the server fills in by itself.

    Raises:
        UsageError: `change` gave it another name or namespace, or is an `async def` function; nothing is written.
        Conflict: Somebody else wrote first, five times.
        NotFound: Somebody else deleted it first, five times; or there is no such namespace.
    """
    return run(procedures.create_or_update(resource, name, change, namespace), client)
