"""Follows the events that other processes on a SQLite file write, for it notifies nobody."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from sqlalchemy import select
from sqlalchemy import text as sql

from adapters.store.sql import codec
from adapters.store.sql.database import Changed, Database, Missed
from adapters.store.sql.schema import events
from adapters.store.sql.statement import Row, Statement, Tx, number
from adapters.store.tables.events import LAST

_LOOK_EVERY = 0.25  # seconds
_PAGE = 100
# Changes with the commits of other connections.
_VERSION = Statement(sql("PRAGMA data_version"))
_OF_ALL = Statement(
    select(events).where(events.c.id > number("after")).order_by(events.c.id).limit(number("limit"))
)


class EventsOfOthers:
    """Calls back for each rental of which another process on a SQLite file has written an event.

    It looks several times a second, and reads events where another process has written anything;
    those of this process in between are called back, too. A file that nobody writes is not read.
    """

    def __init__(self, database: Database) -> None:
        """Nothing is read before `start`."""
        self._database = database
        self._written = database.written()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, changed: Changed, missed: Missed) -> None:
        """Listen until `close`; `missed` is called when that begins, and when another writes."""
        self._tasks.append(asyncio.create_task(self._listen(changed, missed)))

    async def close(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, changed: Changed, missed: Missed) -> None:
        missed()
        version = last = None
        looked = False  # at all that was written
        while True:
            while looked and not self._written():  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(_LOOK_EVERY)
            looked = False
            with suppress(Exception):  # the store is away, say: the next look begins at `last` too
                now, newest, rows = await self._database.read(partial(_look, version, last))
                last = newest if version in (None, now) else last
                if version not in (None, now):
                    missed()  # what they wrote without an event: a refund, a webhook's code
                looked = len(rows) < _PAGE
                version = now if looked else version
                for row in rows:
                    last = row["id"]
                    try:
                        rental = codec.event(row).data
                        await changed(row["account_id"], (rental and rental.id) or 0)
                    except Exception:
                        missed()
            await asyncio.sleep(_LOOK_EVERY)


async def _look(version: int | None, last: int | None, tx: Tx) -> tuple[int, int, Sequence[Row]]:
    """The version, the newest event, and the events after `last` if the version is another one."""
    newest, now = await tx.row(LAST), await tx.row(_VERSION)
    assert newest is not None and now is not None  # noqa: S101, PT018 - both always have a row
    rows: Sequence[Row] = ()
    if version not in (None, now["data_version"]):
        rows = await tx.rows(_OF_ALL, after=last, limit=_PAGE)
    # The newest was read first: at the same version it is of this process.
    return now["data_version"], newest["id"] or 0, rows
