"""Liveness by advisory locks, which the server releases when their holder's connection ends."""

import asyncio
import secrets
from typing import Any

import asyncpg
from sqlalchemy import func, select

from adapters.store.sql.statement import Statement, Tx, number

_PAUSE = 1.0  # seconds between attempts to reconnect
# Shared: of several that look at once none takes another for the owner.
_TRY = Statement(select(func.pg_try_advisory_xact_lock_shared(number("owner")).label("free")))
# So that the server notices within a minute when a whole machine is gone. Set when connected:
# PgBouncer refuses them before.
_KEEPALIVE = (
    "SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
)


class LockLiveness:
    """One advisory lock for each process, on a connection of its own that is renewed when lost.

    In between another node may take this one for dead and end its open purchases; that is why
    `mark_sent` answers whether a purchase is still to be sent.
    """

    def __init__(self, dsn: str) -> None:
        """Choose an owner id; nothing is locked before `start`."""
        self._dsn = dsn
        self._key = secrets.randbits(62)
        self.own_id = str(self._key)
        self._lost = asyncio.Event()
        self._connection: Any = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the lock, and take it again whenever it is lost."""
        await self._connect()
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Release the lock: from here on this process counts as dead."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        if self._connection is not None:
            self._connection.terminate()

    async def is_dead(self, tx: Tx, owner: str) -> bool:
        """Whether the owner's lock is free; until the commit the owner cannot take it again."""
        row = await tx.row(_TRY, owner=int(owner))
        return row is not None and bool(row["free"])

    async def _keep(self) -> None:
        while True:
            await self._lost.wait()
            try:
                await self._connect()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await asyncio.sleep(_PAUSE)

    async def _connect(self) -> None:
        connection = await asyncpg.connect(self._dsn)
        self._connection = connection
        try:
            await connection.execute(f"{_KEEPALIVE}; SELECT pg_advisory_lock({self._key})")
        except BaseException:
            connection.terminate()
            raise
        self._lost.clear()
        connection.add_termination_listener(lambda _: self._lost.set())
        if connection.is_closed():
            self._lost.set()
