"""The databases under the gateways, and how each is taken away: a full disk, a lock, a cut line."""

import asyncio
import errno
import resource
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from pathlib import Path

import asyncpg

from tests.support.postgres import running

# A replacement is for the same service as the purchase before it, whose end is written.
_OPEN = "SELECT service_code FROM spends WHERE state = 'sent' AND operation <> 'replace_rental'"
_SOCKET = ".s.PGSQL.5432"
DISK_BYTES = 8 * 1024 * 1024


class SqliteFile:
    """A ledger in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = self.own_url = f"sqlite:///{folder}/gateway.db"
        self._locker: sqlite3.Connection | None = None

    async def open_purchases(self) -> frozenset[str] | None:
        """The services whose purchases are sent and have no end; None where that cannot be read."""
        return await asyncio.to_thread(self._open_purchases)

    def _open_purchases(self) -> frozenset[str] | None:
        with suppress(sqlite3.Error):
            if self._locker is not None:
                return frozenset(name for (name,) in self._locker.execute(_OPEN))
            uri = f"file:{self.folder}/gateway.db?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=1)) as connection:
                return frozenset(name for (name,) in connection.execute(_OPEN))
        return None

    async def lock(self) -> None:
        """From now on nobody else reads or writes the file."""
        self._locker = await asyncio.to_thread(self._locked)

    def _locked(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.folder}/gateway.db", timeout=60, isolation_level=None, check_same_thread=False
        )
        connection.execute("BEGIN EXCLUSIVE")
        return connection

    async def unlock(self) -> None:
        if self._locker is not None:
            locker, self._locker = self._locker, None
            await asyncio.to_thread(locker.close)


class FullDisk(SqliteFile):
    """A ledger on a small file system of its own, which can be filled to its last byte.

    Where none may be mounted, the gateway may write to no file any more instead.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._mounted = False

    @property
    def how(self) -> str:
        """What its being full is."""
        if self._mounted:
            return f"a file system of {DISK_BYTES >> 20} MB (ENOSPC)"
        return "no file may be written (RLIMIT_FSIZE)"

    def mount(self) -> None:
        self.folder.mkdir()
        options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700"]
        mounted = subprocess.run(["mount", *options, "chaos", str(self.folder)], check=False)
        self._mounted = mounted.returncode == 0

    def unmount(self) -> None:
        if self._mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def fill(self, pid: int, room: int) -> None:
        """No more than so many bytes can be written by the process, or none at all."""
        if not self._mounted:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            return
        with (self.folder / "filler").open("ab", buffering=0) as file:
            for size in (65_536, 1):
                with _until_full():
                    while True:
                        file.write(bytes(size))
            file.truncate(max(0, file.tell() - room))

    def empty(self, pid: int) -> None:
        """There is room again."""
        if not self._mounted:
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
            return
        (self.folder / "filler").unlink()


class _until_full(suppress):
    """Ends a block at ENOSPC, and lets any other error pass."""

    def __init__(self) -> None:
        super().__init__(OSError)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, OSError) and error.errno == errno.ENOSPC


class CutLine:
    """A PostgreSQL server behind a socket of ours, which can be cut and mended.

    `url` leads through it, `own_url` past it.
    """

    def __init__(self, folder: Path, direct: str) -> None:
        self.own_url = direct
        base, _, place = direct.partition("?host=")
        self.url = f"{base}?host={folder}"
        self._path, self._target = folder / _SOCKET, f"{place}/{_SOCKET}"
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        """Connections are taken again."""
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def cut(self) -> None:
        """Every connection ends, and none is taken."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def open_purchases(self) -> frozenset[str] | None:
        """As of a SqliteFile, past the cut line."""
        connection = await asyncpg.connect(self.own_url)
        try:
            return frozenset(row["service_code"] for row in await connection.fetch(_OPEN))
        finally:
            await connection.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, there_writer}
        await asyncio.gather(_pass(reader, there_writer), _pass(there_reader, writer))
        self._writers -= {writer, there_writer}


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[CutLine]:
    """A new database on a server of its own."""
    opened = ExitStack()
    server = await asyncio.to_thread(opened.enter_context, running())
    try:
        line = CutLine(folder, await asyncio.to_thread(opened.enter_context, server.database()))
        await line.mend()
        yield line
        await line.cut()
    finally:
        await asyncio.to_thread(opened.close)


Database = SqliteFile | CutLine
