"""The disk of the ledger is full for some seconds under load, and then has room again."""

import asyncio
import random
from pathlib import Path

from tests.chaos.databases import FullDisk
from tests.chaos.faces import FACES
from tests.chaos.history import History
from tests.chaos.world import World, world

_LOOKS, _PAUSE = 10, 0.5  # the disk is full for five seconds
_TIMES = 3
# Room that others leave comes and goes: some beginnings of purchases fit, and their ends do not.
_MOST_ROOM, _PAGE = 16, 4096


async def run(seconds: float, folder: Path) -> History:
    """One gateway on SQLite."""
    disk = FullDisk(folder / "ledger")
    disk.mount()
    try:
        async with world(disk, seconds) as home:
            home.history.notes.append(disk.how)
            return await home.live(FACES, lambda home: _fill_and_empty(home, disk))
    finally:
        disk.unmount()


async def _fill_and_empty(home: World, disk: FullDisk) -> None:
    pause = max(1.0, (home.seconds - _TIMES * _LOOKS * _PAUSE) / (_TIMES + 1))
    pid = home.nodes[0].pid
    for _ in range(_TIMES):
        await asyncio.sleep(pause)
        async with home.outage():
            try:
                for _ in range(_LOOKS):
                    room = random.randrange(_MOST_ROOM) * _PAGE
                    await asyncio.to_thread(disk.fill, pid, room)
                    await asyncio.sleep(_PAUSE)
            finally:
                disk.empty(pid)
        home.history.runs += 1
    await asyncio.sleep(pause)
