"""The database goes away under load and comes back: a cut line to PostgreSQL, a locked SQLite."""

import asyncio
from pathlib import Path

from tests.chaos.databases import CutLine, SqliteFile, postgres
from tests.chaos.faces import FACES
from tests.chaos.history import History
from tests.chaos.world import World, world

_CUT, _TIMES = 5.0, 3
_LOCKED = 13.0  # longer than SQLite waits for whoever holds the file


async def on_postgres(seconds: float, folder: Path) -> History:
    """Two nodes."""
    async with postgres(folder) as line, world(line, seconds, nodes=2) as home:
        return await home.live(FACES, lambda home: _cut_and_mend(home, line))


async def on_sqlite(seconds: float, folder: Path) -> History:
    """One gateway."""
    file = SqliteFile(folder / "ledger")
    async with world(file, seconds) as home:
        return await home.live(FACES, lambda home: _lock_and_unlock(home, file))


async def _cut_and_mend(home: World, line: CutLine) -> None:
    pause = max(1.0, (home.seconds - _TIMES * _CUT) / (_TIMES + 1))
    for _ in range(_TIMES):
        await asyncio.sleep(pause)
        async with home.outage():
            await line.cut()
            await asyncio.sleep(_CUT)
            await line.mend()
        home.history.runs += 1
    await asyncio.sleep(pause)


async def _lock_and_unlock(home: World, file: SqliteFile) -> None:
    pause = max(1.0, (home.seconds - _LOCKED) / 2)
    await asyncio.sleep(pause)
    async with home.outage():
        await file.lock()
        try:
            await asyncio.sleep(_LOCKED)
        finally:
            await file.unlock()
    home.history.runs += 1
    await asyncio.sleep(pause)
