"""The databases of the model: real ones, whose clocks are held like everything else's."""

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

import asyncpg

from adapters.store.postgres import database as postgres_database
from adapters.store.postgres import listening
from adapters.store.postgres import opening as postgres_opening
from adapters.store.sql.database import SharedDatabase
from adapters.store.sql.schema import metadata
from adapters.store.sql.statement import Row, Statement, Value
from adapters.store.sqlite import database as sqlite_database
from adapters.store.sqlite import following
from adapters.store.sqlite import opening as sqlite_opening
from adapters.store.sqlite import shared as sqlite_shared
from gateway.core.jobs import cancel_task, housekeeping
from tests.support.held_time import HeldLoop, loop

_ECHO = 0.002  # seconds, real ones: a notification of PostgreSQL takes a tenth of it
_NEVER = 1e9


class Ledger(Protocol):
    """A database that nodes open, each for itself."""

    def open(self) -> AbstractAsyncContextManager[SharedDatabase]:
        """For one node, until the end of the block."""

    async def buried(self, owner: str) -> None:
        """Until everybody sees that the node with this owner id has ended."""

    async def empty(self) -> None:
        """Delete every row."""


class OnSqlite:
    """A file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> AbstractAsyncContextManager[SharedDatabase]:
        return sqlite_opening.open_sqlite(self._path)

    async def buried(self, owner: str) -> None:
        """Its lock ends with its last file."""

    async def empty(self) -> None:
        with sqlite3.connect(self._path, isolation_level=None) as connection:
            connection.executescript(_emptying())
        connection.close()


class OnPostgres:
    """A migrated database of a server."""

    def __init__(self, url: str, admin: Any) -> None:
        self._url = url
        self._admin = admin

    def open(self) -> AbstractAsyncContextManager[SharedDatabase]:
        return postgres_opening.open_postgres(self._url)

    async def buried(self, owner: str) -> None:
        with loop().awaiting():
            await self._admin.execute("SELECT pg_advisory_lock($1)", int(owner))
            await self._admin.execute("SELECT pg_advisory_unlock($1)", int(owner))

    async def empty(self) -> None:
        with loop().awaiting():
            await self._admin.execute(_emptying())


@asynccontextmanager
async def on_postgres(url: str) -> AsyncIterator[OnPostgres]:
    """The database at this URL, with a connection to look after it."""
    with loop().awaiting():
        admin = await asyncpg.connect(url)
    try:
        yield OnPostgres(url, admin)
    finally:
        with loop().awaiting():
            await admin.close()


def _emptying() -> str:
    return "BEGIN;" + "".join(f"DELETE FROM {table};" for table in metadata.tables) + "COMMIT;"


class _HeldSqlite(sqlite_database.SqliteDatabase):
    """While its thread works, the time stands still."""

    async def _ask(self, queued: Any) -> Any:
        with loop().awaiting():
            return await super()._ask(queued)


class _HeldPostgres(postgres_database.PostgresDatabase):
    """While the server works, the time stands still."""

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        with loop().awaiting():
            async with super()._asking():
                yield


class _HeldTx(postgres_database.PostgresTx):
    """Leases and limits go by the server's clock: here that is the loop's."""

    async def row(self, statement: Statement, /, **values: Value) -> Row | None:
        compiled = statement.postgres
        if "clock_timestamp()" not in compiled.sql:
            found = await super().row(statement, **values)
            self._hear(statement)
            return found
        now = f"to_timestamp({loop().time():.6f})"
        sql = compiled.sql.replace("clock_timestamp()", now)
        row: Row | None = await self._connection.fetchrow(sql, *compiled.bind(values))
        return row

    async def rows(self, statement: Statement, /, **values: Value) -> Sequence[Row]:
        rows = await super().rows(statement, **values)
        self._hear(statement)
        return rows

    async def execute(self, statement: Statement, /, **values: Value) -> int:
        changed = await super().execute(statement, **values)
        self._hear(statement)
        return changed

    def _hear(self, statement: Statement) -> None:
        if "pg_notify" in statement.postgres.sql:
            loop().hear_echo(_ECHO)


class _HeldTime:
    """What the file that processes share takes from the module `time`; its thread has no loop."""

    def __init__(self, held: HeldLoop) -> None:
        self._held = held

    def monotonic_ns(self) -> int:
        return int(self._held.time() * 1e9)


@contextmanager
def held_databases(held: HeldLoop) -> Iterator[None]:
    """What is opened in the block goes by the loop's time."""
    with ExitStack() as changed:
        for target, name, new in (
            (sqlite_opening, "SqliteDatabase", _HeldSqlite),
            (sqlite_shared, "time", _HeldTime(held)),
            # These looks would cost more than all the rest, where so much time passes.
            (following, "_LOOK_EVERY", 5.0),
            (housekeeping, "LOOK_EVERY", 60.0),
            (cancel_task, "_LOOK_EVERY", 20.0),
            (postgres_opening, "PostgresDatabase", _HeldPostgres),
            (postgres_database, "PostgresTx", _HeldTx),
            (listening, "_CHECK_EVERY", _NEVER),
            (asyncpg, "connect", _awaited(asyncpg.connect)),
            (asyncpg.Connection, "add_listener", _awaited(asyncpg.Connection.add_listener)),
            (
                asyncpg,
                "create_pool",
                partial(asyncpg.create_pool, max_inactive_connection_lifetime=0),
            ),
        ):
            changed.enter_context(patch.object(target, name, new))
        yield


def _awaited(function: Any) -> Any:
    @wraps(function)
    async def wait(*args: Any, **more: Any) -> Any:
        with loop().awaiting():
            return await function(*args, **more)

    return wait
