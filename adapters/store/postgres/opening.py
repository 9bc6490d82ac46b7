"""Opens a PostgreSQL database and makes or migrates its tables, one node at a time."""

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.exc import DBAPIError

from adapters.store import migrating
from adapters.store.errors import Away, BadUrl, StoreError, Unreachable
from adapters.store.inspection import SECRET_CHECK, TABLES_HELD, Inspection
from adapters.store.sql.creating import creation
from adapters.store.sql.database import SENDER

try:
    import asyncpg

    from adapters.store.postgres.database import PATIENCE, PostgresDatabase
    from adapters.store.postgres.listening import Listener
    from adapters.store.postgres.liveness import LockLiveness
    from adapters.store.postgres.pooling import check_sessions
except ModuleNotFoundError as error:
    raise StoreError(
        "PostgreSQL needs an extra: pip install 'getatext-gateway[postgres]'."
    ) from error

_MOST_CONNECTIONS = 10
_PASSING = (  # it starts or stops, or has no connection left
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
_NAME = {"application_name": "getatext-gateway"}
# Set when connected: PgBouncer refuses them before. The locks of `begin` rely on this isolation,
# whatever the server's default.
_SESSION = f"SET default_transaction_isolation = 'read committed'; SET {SENDER} = "
_WRITE = "INSERT INTO checks (name, value) VALUES ('doctor', '') ON CONFLICT DO NOTHING"
_MIGRATE = "CREATE TABLE gateway_doctor (name text)"
_NO_TABLES = "PostgreSQL refuses to have its tables made: "
_MIGRATION = 7_308_332_045_276_114_275  # the advisory lock held while migrating: any number


@asynccontextmanager
async def open_postgres(dsn: str) -> AsyncIterator[PostgresDatabase]:
    """The database at this address, until the end of the block; raises StoreError."""
    liveness = LockLiveness(dsn)
    listener = Listener(dsn, liveness.own_id)
    with _opening():
        await _prepare(dsn)
        pool = await _pool(dsn, liveness.own_id)
    try:
        with _opening():
            await liveness.start()
        yield PostgresDatabase(pool, liveness, listener.start)
    finally:
        await listener.close()
        await liveness.close()
        await pool.close()


async def inspect_postgres(dsn: str) -> Inspection:
    """What the database holds, and whether it could be written, without a change to it.

    Raises StoreError, also where a pooler does not keep sessions.
    """
    connect = partial(asyncpg.connect, dsn, timeout=PATIENCE, statement_cache_size=0)
    with _opening():
        connection = await connect()
        try:
            await check_sessions(connection, connect)
            revision = await _revision(connection)
            check, holds = None, False
            if revision is not None and await connection.fetchval(
                "SELECT to_regclass('checks')::text"
            ):
                check = await connection.fetchval(SECRET_CHECK)
            for table in TABLES_HELD if revision is not None else ():
                holds = holds or bool(
                    await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM {table})")  # noqa: S608
                )
            return Inspection(revision, check, holds, await _refusal(connection, revision))
        finally:
            connection.terminate()


async def _refusal(connection: Any, revision: str | None) -> str | None:
    """Why it cannot be written to, or migrated; None where it can: what is tried is undone."""
    tried = _WRITE if revision == migrating.HEAD else _MIGRATE
    attempt = connection.transaction()
    await attempt.start()
    try:
        await connection.execute(tried)
    except asyncpg.PostgresError as error:
        return str(error)
    finally:
        await attempt.rollback()
    return None


async def _pool(dsn: str, sender: str) -> Any:
    async def begin_session(connection: Any) -> None:
        await connection.execute(f"{_SESSION}'{sender}'")

    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=_MOST_CONNECTIONS,
        max_cached_statement_lifetime=0,
        command_timeout=PATIENCE,
        timeout=PATIENCE,
        init=begin_session,
        reset=_keep_session,
        server_settings=_NAME,
    )


async def _keep_session(connection: Any) -> None:
    """Saves a round trip: no state outlives its transaction, so there is nothing to reset."""


async def _prepare(dsn: str) -> None:
    connect = partial(asyncpg.connect, dsn, timeout=PATIENCE, statement_cache_size=0)
    connection = await connect()
    try:
        async with asyncio.timeout(PATIENCE):
            await check_sessions(connection, connect)  # first: a shared one would keep the lock
        await connection.execute("SELECT pg_advisory_lock($1)", _MIGRATION)
        revision = await _revision(connection)
        if revision is None:
            await _create(connection)
        elif migrating.needed(revision):
            await _migrate(dsn)
    finally:
        connection.terminate()  # which releases the lock


async def _revision(connection: Any) -> str | None:
    table = await connection.fetchval("SELECT to_regclass($1)::text", migrating.VERSION_TABLE)
    revision: str | None = table and await connection.fetchval(migrating.REVISION)
    return revision


async def _create(connection: Any) -> None:
    try:
        async with connection.transaction():
            for statement in creation(dialect()):  # type: ignore[no-untyped-call]
                await connection.execute(statement)
    except asyncpg.PostgresError as error:
        raise Unreachable(_NO_TABLES + _line(error)) from error


async def _migrate(dsn: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(dsn, timeout=PATIENCE),
        poolclass=NullPool,
    )
    async with engine.begin() as connection:
        await connection.run_sync(migrating.upgrade)


@contextmanager
def _opening() -> Iterator[None]:
    """Raises what keeps a database from being used as StoreError, in one line."""
    try:
        yield
    except ValueError as error:  # of the URL, or of what libpq's variables add to it
        raise BadUrl(_misunderstood(error)) from None
    except KeyError as error:
        if "uid" not in str(error):
            raise
        raise BadUrl(
            "GATEWAY_DATABASE_URL names no user, and the user who runs this has no name."
        ) from None
    except socket.gaierror as error:
        reason = f"its host is unknown ({error.strerror})"
        raise Away(f"PostgreSQL cannot be reached: {reason}.") from error
    except OSError as error:
        reason = _cause(error) or f"it does not answer within {PATIENCE:g} s."
        raise Away(f"PostgreSQL cannot be reached: {reason}") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        kind = Away if isinstance(error, _PASSING) else Unreachable
        raise kind(f"PostgreSQL refuses: {_line(error)}") from error
    except DBAPIError as error:
        raise Unreachable(
            _NO_TABLES + _line((error.orig and error.orig.__cause__) or error)
        ) from error


def _misunderstood(error: ValueError) -> str:
    if isinstance(error, asyncpg.InterfaceError):
        return f"GATEWAY_DATABASE_URL: {_line(error)}"
    # Its text may hold a piece of the password.
    return "GATEWAY_DATABASE_URL, or a variable such as PGPORT, is not understood."


def _cause(error: OSError) -> str:
    """What a failed connection says, with words for the numbers of errors and the addresses."""
    line = _line(error)
    refused = dict.fromkeys(re.findall(r"\[Errno (\d+)\] Connect call failed", line))
    return f"{', '.join(os.strerror(int(each)) for each in refused).lower()}." if refused else line


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
