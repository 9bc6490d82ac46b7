"""Statements past the store, as other versions of it and operators run them."""

import sqlite3
from contextlib import closing

import asyncpg


async def execute(url: str, statements: str) -> None:
    """Run statements past the store, as another version of it may."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file, file:
            file.executescript(statements)
        return
    connection = await asyncpg.connect(url)
    await connection.execute(statements)
    await connection.close()
