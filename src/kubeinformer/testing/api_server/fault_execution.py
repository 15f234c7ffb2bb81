"""Carrying out a fault on one HTTP request."""

from __future__ import annotations

import asyncio

from aiohttp import web

from kubeinformer.testing.api_server.fault_actions import CutConnection, Hang, Respond, Shape
from kubeinformer.testing.api_server.http_responses import response
from kubeinformer.testing.api_server.request_log import RequestRecord
from kubeinformer.testing.api_server.server_thread import abort
from kubeinformer.testing.api_server.shaped_transport import ShapedTransport

Instead = Respond | CutConnection | Hang


async def instead_of_the_truth(
    action: Instead, request: web.BaseRequest, record: RequestRecord
) -> web.StreamResponse:
    """Do what a fault wants instead of an answer."""
    if isinstance(action, Respond):
        return response(record, action.status, action.body, action.content_type, action.headers)
    if isinstance(action, Hang):
        await asyncio.get_running_loop().create_future()  # until the client hangs up, which cancels this
    elif request.transport is not None:
        abort(request.transport, reset=action.reset)
    return web.Response()


def shape(request: web.BaseRequest, action: Shape) -> None:
    """Have everything that is sent from now on delivered in a bad way; the connection ends with this answer."""
    transport = request.transport
    if isinstance(transport, asyncio.Transport):
        shaped = ShapedTransport(transport, action, lambda reset: abort(transport, reset=reset))
        request.protocol.transport = shaped  # type: ignore[assignment]  # it has what aiohttp uses of a transport
