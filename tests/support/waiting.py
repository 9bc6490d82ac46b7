"""Waiting for what another task or process brings about."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], object | Awaitable[object]]) -> None:
    """Returns when it has become true; fails after seconds."""
    async with asyncio.timeout(60):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.002)
