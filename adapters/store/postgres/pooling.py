"""Finds a pooler, such as PgBouncer, that takes a connection away between two transactions.

Locks, LISTEN and settings belong to a session: through such a pooler they end up in sessions of
others, or stay behind in them.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from adapters.store.errors import SharedSessions

_ARRIVAL = 2.0  # seconds in which a notification has come even on a busy machine
_STATEMENTS_ONLY = "statement pooling"  # how PgBouncer refuses a transaction

Connect = Callable[[], Awaitable[Any]]
"""Opens a connection that names none of its prepared statements."""


async def check_sessions(connection: Any, connect: Connect) -> None:
    """Raises SharedSessions where connections do not keep one session of the server.

    Nothing is asked of a server without a pooler but its process id, which it has told already:
    a pooler tells every connection an id of its own making. `connection` is one of `connect`.
    """
    try:
        first = await _backend(connection)
        if first == connection.get_server_pid():
            return
        other = await connect()
        try:
            kept = await _is_kept(first, connection, other)
        finally:
            other.terminate()
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if _STATEMENTS_ONLY not in str(error):
            raise
        kept = False
    if not kept:
        raise SharedSessions(
            "PostgreSQL is behind a pooler, such as PgBouncer, that gives each transaction another "
            "session: set pool_mode = session for this database there, or let GATEWAY_DATABASE_URL "
            "lead past it."
        )


async def _is_kept(backend: int, one: Any, other: Any) -> bool:
    """Whether a notification reaches a connection that has nothing to do.

    Most often that is known before: its process is another one now, or the other's too.
    """
    if await _backend(one) != backend or await _backend(other) == backend:
        return False
    channel, came = f"getatext_gateway_{secrets.token_hex(8)}", asyncio.Event()
    await one.add_listener(channel, lambda *_: came.set())
    await other.execute(f"NOTIFY {channel}")
    try:
        async with asyncio.timeout(_ARRIVAL):
            await came.wait()
    except TimeoutError:
        # The server sends what was notified before it answers: late is not never.
        await one.execute("SELECT 1")
        await asyncio.sleep(0)
    return came.is_set()


async def _backend(connection: Any) -> int:
    """The server's process that works for it, in a transaction: a pooler parts none."""
    async with connection.transaction():
        pid: int = await connection.fetchval("SELECT pg_backend_pid()")
        return pid
