"""Notifications from the other nodes, over a connection of their own that is renewed when lost."""

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg

from adapters.store.sql.database import CHANNEL, Changed, Missed

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds between attempts to reconnect
_TIMEOUT = 5.0  # seconds
_CHECK_EVERY = 10.0  # seconds: a connection may be lost without a sign
_GONE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Listener:
    """Calls back for each change that another process notifies of; its own it skips.

    One call at a time, in order; a change notified again before its call is delivered once.
    Whenever a connection is made, `missed` is called: those sent before it may be lost.
    """

    def __init__(self, dsn: str, own_id: str) -> None:
        """`own_id`: the owner id of this process. Nothing is opened before `start`."""
        self._dsn = dsn
        self._own_id = own_id
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, changed: Changed, missed: Missed) -> None:
        """Listen until `close`."""
        pending = _Pending(self._own_id)
        self._tasks += (
            asyncio.create_task(self._listen(pending, missed)),
            asyncio.create_task(pending.deliver(changed, missed)),
        )

    async def close(self) -> None:
        """Stop listening, and drop what was not delivered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, pending: "_Pending", missed: Missed) -> None:
        pause = _FIRST_PAUSE
        while True:
            with suppress(*_GONE):
                connection = await asyncpg.connect(self._dsn, timeout=_TIMEOUT)
                try:
                    await connection.add_listener(CHANNEL, pending.add)
                    pause = _FIRST_PAUSE
                    missed()
                    await _until_lost(connection)
                finally:
                    connection.terminate()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


async def _until_lost(connection: Any) -> None:
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    while not connection.is_closed():
        try:
            async with asyncio.timeout(_CHECK_EVERY):
                await lost.wait()
        except TimeoutError:
            await connection.execute("SELECT 1", timeout=_TIMEOUT)


class _Pending:
    """Changes that were notified and not delivered yet, each once, in order."""

    def __init__(self, own_id: str) -> None:
        self._own_id = own_id
        self._waiting: dict[tuple[str, int], None] = {}
        self._any = asyncio.Event()

    def add(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        rental, _, sender = payload.rpartition(":")
        account_id, _, rental_id = rental.rpartition(":")
        if sender != self._own_id and rental_id.isdecimal():
            self._waiting[account_id, int(rental_id)] = None
            self._any.set()

    async def deliver(self, changed: Changed, missed: Missed) -> None:
        while True:
            await self._any.wait()
            self._any.clear()
            while self._waiting:
                key = next(iter(self._waiting))
                del self._waiting[key]
                try:
                    await changed(*key)
                except Exception:  # the store is unreachable for a moment, say
                    missed()
