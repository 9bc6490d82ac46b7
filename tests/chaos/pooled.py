"""PgBouncer between the gateways and PostgreSQL: told where it shares sessions, used else."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.databases import CutLine, postgres
from tests.chaos.faces import FACES
from tests.chaos.history import History
from tests.chaos.nodes import ROOT
from tests.chaos.pgbouncer import pgbouncer
from tests.chaos.world import World, environment, world

_COMMANDS = (["serve", "--port", "0"], ["mcp"], ["keys", "list"], ["balance"])
_TOLD = "set pool_mode = session"
_SECONDS = 60


async def run(seconds: float, folder: Path) -> History:
    """Nothing starts before the other modes; two nodes are served by the mode of sessions."""
    async with postgres(folder) as line:
        broken = [
            each
            for mode in ("transaction", "statement")
            for each in await _untold(line.own_url, mode, folder)
        ]
        async with (
            pgbouncer(line.own_url, "session", folder) as url,
            _through(line, url) as ledger,
            world(ledger, seconds, nodes=2) as home,
        ):
            home.history.broken += broken
            home.history.notes.append(f"{2 * len(_COMMANDS) - len(broken)} times told")
            return await home.live(FACES, _until_over)


@asynccontextmanager
async def _through(line: CutLine, url: str) -> AsyncIterator[CutLine]:
    """The same database by another way."""
    usual, line.url = line.url, url
    yield line
    line.url = usual


async def _until_over(home: World) -> None:
    await asyncio.sleep(home.seconds)
    home.history.runs += 1


async def _untold(direct: str, mode: str, folder: Path) -> list[str]:
    """The commands that do not say in one line that this mode does not do."""
    async with pgbouncer(direct, mode, folder) as url:
        ends = [await _end(words, url) for words in _COMMANDS]
    return [
        f"{' '.join(words)} does not tell {mode} mode: {end.code} {end.lines}"
        for words, end in zip(_COMMANDS, ends, strict=True)
        if (end.code, len(end.lines)) != (2, 1) or _TOLD not in end.lines[0]
    ]


@dataclass(frozen=True, slots=True)
class _End:
    """How a command ended, and its errors."""

    code: int | None
    lines: Sequence[str]


async def _end(words: Sequence[str], url: str) -> _End:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *words),
        cwd=ROOT,
        env=os.environ | environment("http://127.0.0.1:9", url),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            _, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        _, errors = await process.communicate()
    lines = errors.decode(errors="replace").splitlines()
    return _End(process.returncode, [line for line in lines if "cannot be opened" not in line])
