"""Reads what a SQLite file holds, as the gateway and its backups need to know it."""

import sqlite3
from pathlib import Path

from adapters.store import migrating
from adapters.store.errors import StoreError
from adapters.store.inspection import SECRET_CHECK, TABLES_HELD, Inspection


def revision_of(connection: sqlite3.Connection, path: Path) -> str | None:
    """The schema of the file; None for an empty one. Raises StoreError for another program's."""
    tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    if (migrating.VERSION_TABLE,) not in [tuple(row) for row in tables]:
        if tables:
            raise StoreError(f"{path} is a database of something else.")
        return None
    row = connection.execute(migrating.REVISION).fetchone()
    return None if row is None else str(row[0])


def existing(path: Path, *, seconds: float, mode: str = "rw") -> sqlite3.Connection:
    """A connection in autocommit mode to a file that is there."""
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}", uri=True, timeout=seconds, isolation_level=None
    )


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
