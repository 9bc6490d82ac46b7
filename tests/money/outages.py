"""Ways to take the ledger away from a running gateway, and to give it back."""

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.money import Bank
from tests.support.postgres import Postgres

Outage = Callable[[Bank], AbstractAsyncContextManager[None]]


def connection_of(bank: Bank) -> sqlite3.Connection:
    ledger: Any = bank.running.gateway.ledger
    found: sqlite3.Connection = ledger._database._connection
    return found


def path_of(bank: Bank) -> Path:
    url = bank.running.gateway.settings.gateway_database_url or ""
    return Path(url.removeprefix("sqlite:///"))


@asynccontextmanager
async def read_only(bank: Bank) -> AsyncIterator[None]:
    """As on a disk that was mounted anew after an error."""
    connection_of(bank).execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        connection_of(bank).execute("PRAGMA query_only = OFF")


@asynccontextmanager
async def locked(bank: Bank) -> AsyncIterator[None]:
    """Another process holds the file and does not let go."""
    other = sqlite3.connect(path_of(bank), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@asynccontextmanager
async def full(bank: Bank) -> AsyncIterator[None]:
    """The disk is full: the file cannot grow, and no page in it has room."""
    connection = connection_of(bank)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    try:
        for size in (1000, 100, 10):
            _fill(connection, size)
        yield
    finally:
        connection.execute("PRAGMA max_page_count = 100000")


def _fill(connection: sqlite3.Connection, size: int) -> None:
    """Add rows of so many bytes to every table that a purchase's end adds to, while they fit."""
    statements = (
        "INSERT INTO checks (name, value) VALUES (?, '')",
        "INSERT INTO things (ledger_id, account_id, kind, status) VALUES (?, '', '', '')",
        "INSERT INTO events (account_id, kind, at, rental, oldest) VALUES ('', '', 0, ?, 0)",
    )
    for statement in statements:
        try:
            while True:
                connection.execute(statement, [secrets.token_hex(size)])
        except sqlite3.OperationalError:
            continue


@asynccontextmanager
async def moved_away(bank: Bank) -> AsyncIterator[None]:
    """The file is gone from its path, and comes back as another file with the same content."""
    path = path_of(bank)
    elsewhere = path.with_name("elsewhere.db")
    path.rename(elsewhere)
    try:
        yield
    finally:
        path.write_bytes(elsewhere.read_bytes())
        elsewhere.unlink()


def without_connections(server: Postgres, url: str) -> Outage:
    """PostgreSQL ends all connections to the database, and takes no new ones."""

    @asynccontextmanager
    async def outage(bank: Bank) -> AsyncIterator[None]:
        name = urlsplit(url).path.removeprefix("/")
        ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        await asyncio.to_thread(
            server.sql, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false; {ended};"
        )
        try:
            yield
        finally:
            await asyncio.to_thread(server.sql, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    return outage


SQLITE: tuple[Outage, ...] = (read_only, locked, full, moved_away)
