"""A pooler in front of PostgreSQL: found where it shares sessions, and only there."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from adapters.store import SharedSessions, open_store
from adapters.store.postgres.pooling import check_sessions
from tests.support.ledger import intent, new_id
from tests.support.postgres import Postgres

SSL_REQUEST = 80877103
# What ends the answer to a query, to a Sync, and to a Flush after a Describe.
LAST = {b"Q": {b"Z"}, b"S": {b"Z"}, b"H": {b"T", b"n", b"E"}}
LOCKS = (
    "SELECT count(*) FROM pg_locks JOIN pg_database ON database = pg_database.oid "
    "WHERE locktype = 'advisory' AND datname = current_database()"
)


class Session:
    """A connection to the server, and what that told at its beginning."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.lent = asyncio.Lock()

    async def begin(self, startup: bytes) -> bytes:
        """What a client is told: everything but the process id, as poolers do."""
        self.writer.write(startup)
        told = b""
        while not told.endswith(b"Z\0\0\0\5I"):
            kind, body = await message(self.reader)
            told += packed(kind, b"\xff" * 8 if kind == b"K" else body)
        return told


class Pooler:
    """What PgBouncer does, for clients of one user and one database.

    `sessions`: how many the clients share by turns, each of them always the same; 0 gives each its
    own.
    """

    def __init__(self, url: str, sessions: int) -> None:
        where = urlsplit(url)
        self._socket = parse_qs(where.query)["host"][0] + "/.s.PGSQL.5432"
        self._path = where.path
        self._most = sessions
        self._sessions: dict[int, tuple[Session, bytes]] = {}
        self._clients = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """The URL of the database through it, until the end of the block."""
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}{self._path}"
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0)  # in which they close

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self._clients = self._clients, self._clients + 1
        startup = await started(reader, writer)
        session, told = await self._session(number, startup)
        writer.write(told)
        with suppress(OSError, asyncio.IncompleteReadError):
            if self._most:
                await by_transactions(session, reader, writer)
            else:
                await asyncio.gather(copy(reader, session.writer), copy(session.reader, writer))
        writer.close()

    async def _session(self, number: int, startup: bytes) -> tuple[Session, bytes]:
        place = number % self._most if self._most else number
        if place not in self._sessions:
            session = Session(*await asyncio.open_unix_connection(self._socket))
            self._writers.add(session.writer)
            self._sessions[place] = session, await session.begin(startup)
        return self._sessions[place]


async def started(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The client's first message; TLS is not to be had."""
    while True:
        size = await reader.readexactly(4)
        body = await reader.readexactly(int.from_bytes(size) - 4)
        if int.from_bytes(body[:4]) != SSL_REQUEST:
            return size + body
        writer.write(b"N")


async def message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind, size = struct.unpack("!cI", await reader.readexactly(5))
    return kind, await reader.readexactly(size - 4)


def packed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def by_transactions(
    session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Lend the session until no transaction is open; what it is notified of reaches nobody."""
    while True:
        first = await message(reader)
        async with session.lent:
            await until_idle(session, first, reader, writer)


async def until_idle(
    session: Session,
    asked: tuple[bytes, bytes],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    while True:
        session.writer.write(packed(*asked))
        kind, body = b"", b""
        while asked[0] in LAST and kind not in LAST[asked[0]]:
            kind, body = await message(session.reader)
            if kind != b"A":
                writer.write(packed(kind, body))
        if (kind, body) == (b"Z", b"I"):
            return
        asked = await message(reader)


@pytest.mark.parametrize("sessions", [1, 2], ids=["one session", "as of several poolers"])
async def test_a_pooler_that_shares_sessions_is_said_to_and_left_as_it_was(
    sessions: int, postgres: Postgres
) -> None:
    with postgres.database() as url:
        async with Pooler(url, sessions).running() as through:
            with pytest.raises(SharedSessions, match="set pool_mode = session") as caught:
                async with open_store(through, new_id=new_id):
                    pass

            assert "\n" not in str(caught.value)
            assert postgres.sql(LOCKS, url) == "0\n"


async def test_a_pooler_that_gives_everybody_a_session_serves(postgres: Postgres) -> None:
    with postgres.database() as url:
        async with (
            Pooler(url, 0).running() as through,
            open_store(through, new_id=new_id) as store,
        ):
            assert await store.ledger.begin(intent()) is None


async def test_a_server_without_a_pooler_is_asked_once(postgres: Postgres) -> None:
    async def connect() -> Any:
        raise AssertionError("a second connection is for poolers")

    connection = await asyncpg.connect(postgres.url("postgres"), statement_cache_size=0)
    await check_sessions(connection, connect)
    await connection.close()


async def test_a_notification_that_is_late_is_no_pooler(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.store.postgres.pooling._ARRIVAL", 0.0)
    async with Pooler(postgres.url("postgres"), 0).running() as through:
        connect = partial(asyncpg.connect, through, statement_cache_size=0)
        connection = await connect()
        await check_sessions(connection, connect)
        await connection.close()
