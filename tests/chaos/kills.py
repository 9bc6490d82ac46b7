"""Gateways are killed at random moments under purchases, which their callers repeat."""

import asyncio
import random
from pathlib import Path

from tests.chaos.databases import SqliteFile, postgres
from tests.chaos.faces import SOON_THERE
from tests.chaos.history import History
from tests.chaos.nodes import Node
from tests.chaos.world import World, world

_LOCKED = 4.0  # seconds: wishes to cancel stand for a minute, which is what the provider says then


async def on_sqlite(seconds: float, folder: Path) -> History:
    """One gateway, killed and started again; its callers come back to it."""
    async with world(SqliteFile(folder / "ledger"), seconds, cancel_locked=_LOCKED) as home:
        return await home.live(SOON_THERE, _kill_the_only_one)


async def on_postgres(seconds: float, folder: Path) -> History:
    """Two nodes, of which either is killed; their callers go on with the other."""
    async with (
        postgres(folder) as ledger,
        world(ledger, seconds, nodes=2, cancel_locked=_LOCKED) as home,
    ):
        return await home.live(SOON_THERE, _kill_either)


async def _kill_the_only_one(home: World) -> None:
    while not home.over:
        await asyncio.sleep(random.uniform(0.2, 1.0))
        async with home.outage():
            await _kill(home, home.nodes[0])


async def _kill_either(home: World) -> None:
    """No outage: the other node serves."""
    while not home.over:
        await asyncio.sleep(random.uniform(0.2, 1.0))
        await _kill(home, random.choice(home.nodes))


async def _kill(home: World, node: Node) -> None:
    await node.kill()
    await node.start()
    home.history.runs += 1
