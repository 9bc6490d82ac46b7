"""News from the other nodes: a connection of its own that listens, and comes back when lost."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg

from adapters.store.sql.database import CHANNEL, Changed, Missed

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_PATIENCE = 5.0
_CHECK_EVERY = 10.0  # a connection may be gone without a word
_GONE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Listening:
    """Passes on what other processes tell; what this one tells it skips.

    News come one after another, in order; what is told again before its turn came is passed on
    once. Whenever a connection is made, `missed` is called: there may have been news before.
    """

    def __init__(self, dsn: str, own_id: str) -> None:
        """`own_id`: the name this process signs with. Nothing is opened before `start`."""
        self._dsn = dsn
        self._own_id = own_id
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, changed: Changed, missed: Missed) -> None:
        """Listen until closed."""
        news = _News(self._own_id)
        self._tasks += (
            asyncio.create_task(self._listen(news, missed)),
            asyncio.create_task(news.pass_on(changed, missed)),
        )

    async def close(self) -> None:
        """Listen no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, news: "_News", missed: Missed) -> None:
        pause = _FIRST_PAUSE
        while True:
            with suppress(*_GONE):
                connection = await asyncpg.connect(self._dsn, timeout=_PATIENCE)
                try:
                    await connection.add_listener(CHANNEL, news.heard)
                    pause = _FIRST_PAUSE
                    missed()
                    await _while_it_lives(connection)
                finally:
                    connection.terminate()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


async def _while_it_lives(connection: Any) -> None:
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    while not connection.is_closed():
        try:
            async with asyncio.timeout(_CHECK_EVERY):
                await lost.wait()
        except TimeoutError:
            await connection.execute("SELECT 1", timeout=_PATIENCE)


class _News:
    """What was heard and is not passed on yet."""

    def __init__(self, own_id: str) -> None:
        self._own_id = own_id
        self._waiting: dict[tuple[str, int], None] = {}
        self._some = asyncio.Event()

    def heard(self, connection: Any, pid: int, channel: str, said: str) -> None:
        about, _, sender = said.rpartition(":")
        account_id, _, rental_id = about.rpartition(":")
        if sender != self._own_id and rental_id.isdecimal():
            self._waiting[account_id, int(rental_id)] = None
            self._some.set()

    async def pass_on(self, changed: Changed, missed: Callable[[], None]) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                key = next(iter(self._waiting))
                del self._waiting[key]
                try:
                    await changed(*key)
                except Exception:  # the store is away for a moment, say
                    missed()
