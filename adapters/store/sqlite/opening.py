"""Opens a SQLite file: makes its tables where there are none, and migrates it."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

from sqlalchemy.dialects import sqlite

from adapters.store import migrating
from adapters.store.errors import StoreError, Unreachable
from adapters.store.sql.creating import creation
from adapters.store.sql.database import Shared
from adapters.store.sqlite.database import LOCK_SECONDS, SqliteDatabase, connect
from adapters.store.sqlite.file_lock import FileLiveness, FileLock, make_private
from adapters.store.sqlite.following import EventsOfOthers
from adapters.store.sqlite.inspecting import revision_of
from adapters.store.sqlite.shared import SharedFile, SqliteBuckets, SqliteLeases, make_file


@asynccontextmanager
async def open_sqlite(path: Path) -> AsyncIterator[SqliteDatabase]:
    """The database in that file, until the end of the block; raises StoreError."""
    lock_path = path.with_name(path.name + ".lock")
    preparing = asyncio.ensure_future(asyncio.to_thread(_prepare, path, lock_path))
    try:
        liveness, connection = await asyncio.shield(preparing)
    except asyncio.CancelledError:
        await _close_prepared(preparing)
        raise
    except (OSError, sqlite3.Error) as error:
        raise Unreachable(f"The database {path} cannot be opened: {_reason(error)}.") from error
    database = SqliteDatabase(path, connection, FileLock(lock_path), liveness)
    file, others = SharedFile(_shared_path(path), liveness), EventsOfOthers(database)
    database.shared = Shared(SqliteLeases(file), SqliteBuckets(file), others.start)
    try:
        yield database
    finally:
        await others.close()
        await database.close()
        await file.close()
        liveness.close()


async def _close_prepared(
    preparing: asyncio.Future[tuple[FileLiveness, sqlite3.Connection]],
) -> None:
    """Close what a thread has prepared in vain: it cannot be stopped, and uses the files."""
    with suppress(OSError, sqlite3.Error, StoreError):
        liveness, connection = await preparing
        connection.close()
        liveness.close()


def _reason(error: Exception) -> str:
    """Why, and of which file where the system told that."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.strerror} ({error.filename})"
    return str(error)


def _prepare(path: Path, lock_path: Path) -> tuple[FileLiveness, sqlite3.Connection]:
    make_private(path.parent)
    with FileLock(lock_path) as lock, lock.held(LOCK_SECONDS):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        revision = _revision(path)
        if revision is None:
            _create(path)
        elif migrating.needed(revision):
            _migrate(path)
        connection = connect(path)
        liveness = FileLiveness(path.with_name(path.name + ".owners"), FileLock(lock_path))
        make_file(_shared_path(path), anew=not liveness.others())
        return liveness, connection


def _shared_path(path: Path) -> Path:
    return path.with_name(path.name + ".shared")


def _revision(path: Path) -> str | None:
    with closing(sqlite3.connect(path, timeout=LOCK_SECONDS)) as connection:
        return revision_of(connection, path)


def _create(path: Path) -> None:
    with closing(connect(path)) as connection:  # which undoes what is not committed
        connection.execute("BEGIN IMMEDIATE")
        for statement in creation(sqlite.dialect()):
            connection.execute(statement)
        connection.execute("COMMIT")


def _migrate(path: Path) -> None:
    from sqlalchemy import URL, create_engine, event
    from sqlalchemy.pool import NullPool

    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        connect_args={"isolation_level": None, "timeout": LOCK_SECONDS},
    )
    # The driver would commit each table by itself; begun like this, a migration is atomic.
    event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as connection:
        migrating.upgrade(connection)
