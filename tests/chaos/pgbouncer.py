"""PgBouncer, as it comes with the system, before the PostgreSQL of a scenario."""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from tests.chaos.nodes import free_port

_START_SECONDS = 30
_INI = """
[databases]
{database} = host={host} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 40
"""


@asynccontextmanager
async def pgbouncer(direct: str, mode: str, folder: Path) -> AsyncIterator[str]:
    """The URL of a database through PgBouncer, until the end of the block.

    `direct` is its URL without. But for its mode and size everything is as PgBouncer has it.
    """
    where, port = urlsplit(direct), free_port()
    (host,) = parse_qs(where.query)["host"]
    settings = _settings(folder, host, where.path.lstrip("/"), port, mode)
    process = await asyncio.create_subprocess_exec(
        program(), "-q", str(settings), stdin=DEVNULL, stderr=DEVNULL, user=_user(host)
    )
    url = f"postgresql://postgres@127.0.0.1:{port}{where.path}"
    try:
        await _answers(url)
        yield url
    finally:
        process.terminate()
        await process.wait()


def _settings(folder: Path, host: str, database: str, port: int, mode: str) -> Path:
    """Its file, which another user can read."""
    path = folder / f"{mode}.ini"
    path.write_text(_INI.format(database=database, host=host, port=port, mode=mode))
    folder.chmod(0o755)
    return path


def program() -> str:
    """Where it is; raises RuntimeError where it is not installed."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise RuntimeError("PgBouncer is not installed: apt-get install pgbouncer")
    return found


def _user(host: str) -> int | None:
    """That of the server, which may use its socket, in place of root: it refuses to be that."""
    return Path(host, ".s.PGSQL.5432").stat().st_uid if os.getuid() == 0 else None


async def _answers(url: str) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while True:
            try:
                connection = await asyncpg.connect(url)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                await connection.close()
                return
