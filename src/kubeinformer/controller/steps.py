"""Procedures of several requests, written once for both faces.

A procedure is a generator: it yields a step, which is called with a client, and is sent what came of it. The blocking face
calls the steps, the asyncio face awaits what they return; the decisions between them are the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from kubeinformer.errors import KubeInformerError, UsageError

T = TypeVar("T")
Step = Callable[[Any], Any]
Procedure = Generator[Step, Any, T]


def run(procedure: Procedure[T], client: object) -> T:
    """Run a procedure with a blocking client, and return its result."""
    try:
        step = next(procedure)
        while True:
            try:
                result = step(client)
            except KubeInformerError as error:
                step = procedure.throw(error)
            else:
                step = procedure.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # what the procedure returns


def check_plain(result: object, what: str) -> None:
    """Raise UsageError where a function that is called, not awaited, turns out to be an `async def` one.

    Its work was not done, and what it returned counts as true.
    """
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()  # nobody will await it, and nobody need complain
        raise UsageError(f"{what} is a plain function, not an async def one")


async def run_async(procedure: Procedure[T], client: object) -> T:
    """Run a procedure with an asyncio client, and return its result."""
    try:
        step = next(procedure)
        while True:
            try:
                result = step(client)
                if inspect.isawaitable(result):
                    result = await result
            except KubeInformerError as error:
                step = procedure.throw(error)
            else:
                step = procedure.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # what the procedure returns
