"""The engine behind a factory of either face: the factory, and the loop on which it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kubeinformer.cache.factory import InformerFactory
from kubeinformer.fronts.portal import Portal


@dataclass(frozen=True, eq=False)
class Engine:
    """A factory on its loop. What is a coroutine here may be awaited on any other loop.

    Attributes:
        core: The factory.
        portal: The way to its loop.
    """

    core: InformerFactory
    portal: Portal

    async def start(self) -> None:
        """Start every informer that is not running yet."""
        await self.portal.call_async(self.core.start)

    async def wait_until(self, missing: Callable[[], Mapping[str, str]], timeout: float | None) -> None:
        """Wait until nothing is missing of what is loaded; see `InformerFactory.wait_until`."""
        await self.portal.call_async(self.core.wait_until, missing, timeout)
