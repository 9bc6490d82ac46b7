"""Reads what a SQLite file holds, as the gateway, its doctor and its backups need to know it."""

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from adapters.store import migrating
from adapters.store.errors import StoreError, Unreachable
from adapters.store.inspection import SECRET_CHECK, TABLES_HELD, Inspection

_SECONDS = 3.0  # to wait for another process that holds the file


def inspect_sqlite(path: Path) -> Inspection | None:
    """What the file holds, and whether it could be written; None where there is none.

    Nothing is written. Raises StoreError.
    """
    if not path.exists():
        return None
    try:
        with closing(existing(path, seconds=_SECONDS, mode="ro")) as connection:
            held = inspect(connection, path)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK:
            return Inspection(unfinished=True)
        raise Unreachable(f"The database {path} cannot be opened: {error}") from error
    return replace(held, refuses=_refusal(path))  # last: to begin a write undoes an unfinished one


def inspect(connection: sqlite3.Connection, path: Path) -> Inspection:
    """What the file holds. Raises StoreError, and sqlite3.Error where it cannot be read."""
    revision = revision_of(connection, path)
    if revision is None:
        return Inspection()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    check = connection.execute(SECRET_CHECK).fetchone() if "checks" in tables else None
    holds = any(
        connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()  # noqa: S608 - a constant
        for table in TABLES_HELD
        if table in tables
    )
    return Inspection(revision, None if check is None else str(check[0]), holds)


def existing(path: Path, *, seconds: float, mode: str = "rw") -> sqlite3.Connection:
    """A connection in autocommit mode to a file that is there."""
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}", uri=True, timeout=seconds, isolation_level=None
    )


def revision_of(connection: sqlite3.Connection, path: Path) -> str | None:
    """The schema of the file; None for an empty one. Raises StoreError for another program's."""
    tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    if (migrating.VERSION_TABLE,) not in tables:
        if tables:
            raise StoreError(f"{path} is a database of something else.")
        return None
    row = connection.execute(migrating.REVISION).fetchone()
    return None if row is None else str(row[0])


def _refusal(path: Path) -> str | None:
    """Why a write cannot begin; None where it can."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))  # SQLite itself finds out as it writes
        with closing(existing(path, seconds=_SECONDS)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except OSError as error:
        return error.strerror
    except sqlite3.Error as error:
        return str(error)
    return None
