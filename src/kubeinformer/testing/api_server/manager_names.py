"""Who a request writes as: its `fieldManager`, or the program that sends it."""

from __future__ import annotations

from kubeinformer.testing.api_server.managed_fields import APPLY, UPDATE, Manager
from kubeinformer.testing.api_server.refusals import Cause, invalid_options
from kubeinformer.testing.api_server.verb_requests import Request

_MAX_LENGTH = 128


def manager_of(request: Request) -> Manager:
    """Return who owns what a create, update or patch changes (422 where the name is too long)."""
    return _manager(request, UPDATE, _given(request) or request.user_agent.partition("/")[0] or "unknown")


def applier_of(request: Request) -> Manager:
    """Return who applies; the parameter must say it (422)."""
    name = _given(request)
    if not name:
        cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
        raise invalid_options([cause], "PatchOptions")
    return _manager(request, APPLY, name)


def _given(request: Request) -> str:
    name = request.query.get("fieldManager", "")
    if len(name) > _MAX_LENGTH:
        cause = Cause(
            "FieldValueTooLong", f"Too long: may not be more than {_MAX_LENGTH} bytes", "fieldManager"
        )
        raise invalid_options([cause], "PatchOptions")
    return name


def _manager(request: Request, operation: str, name: str) -> Manager:
    info = request.info
    return Manager(name[:_MAX_LENGTH], operation, info.served.resource.api_version, info.subresource)
