"""Leases and rate limits that the processes on one SQLite file share, in a second file beside it.

Nothing in it has to last, so it costs no fsync, and whoever opens the ledger while no other process
lives makes it anew: neither a power cut nor an older layout leaves anything in it. Its times are
those of the system's monotonic clock, which the processes of one machine have in common.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from math import ceil, inf
from pathlib import Path
from typing import TypeVar

from adapters.store.sqlite.file_lock import FileLiveness

T = TypeVar("T")
_LOCK_SECONDS = 0.5  # to wait for another process; the limiter itself waits no longer than a second
_SETTLED = 60.0  # seconds, longer than any usual window
_NANO = 1_000_000_000
_FAILURES = (sqlite3.Error, OSError)
# A journal that stays allocated: what is written already can be changed on a full disk too.
_PRAGMAS = ("journal_mode = PERSIST", "synchronous = OFF")
# `unrecorded` has a row once a process went on alone. Its grants were made without a word until
# the time in it; NULL while it goes on.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS leases (name TEXT PRIMARY KEY, owner TEXT NOT NULL,"
    " until INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS grants (bucket TEXT NOT NULL, owner TEXT NOT NULL,"
    " at INTEGER NOT NULL, until INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS grants_at ON grants (bucket, at)",
    "CREATE TABLE IF NOT EXISTS unrecorded (id INTEGER PRIMARY KEY CHECK (id = 1), until INTEGER)",
)
_HELD_BY = "SELECT owner FROM leases WHERE name = ? AND owner <> ? AND until > ?"
_LEASE = "REPLACE INTO leases (name, owner, until) VALUES (?, ?, ?)"
_GIVE_BACK = "DELETE FROM leases WHERE name = ? AND owner = ?"
# Times in the future are from before a restart of the machine, in a file put back by somebody.
_FORGET = "DELETE FROM grants WHERE until <= ? OR at > ?"
_OF_OTHERS = "SELECT 1 FROM grants WHERE owner <> ? LIMIT 1"
_OLDEST = "SELECT at FROM grants WHERE bucket = ? ORDER BY at DESC LIMIT 1 OFFSET ?"
_GRANT = "INSERT INTO grants (bucket, owner, at, until) VALUES (?, ?, ?, ?)"
_UNRECORDED = "REPLACE INTO unrecorded (id, until) VALUES (1, NULL)"
_UNRECORDED_UNTIL = "SELECT max(until) FROM unrecorded WHERE until <= ?"
_RECORDED = "UPDATE unrecorded SET until = ? WHERE until IS NULL"


def make_file(path: Path, *, anew: bool) -> None:
    """Make the file for this user alone where it is missing; `anew`: also where it is not."""
    if anew:  # the journal first: without its file it would be taken for the new one's
        path.with_name(path.name + "-journal").unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


class SharedFile:
    """The file, its connection, and the one thread that uses it; nothing happens before a job."""

    def __init__(self, path: Path, liveness: FileLiveness) -> None:
        """`path` is a file of `make_file`."""
        self.liveness = liveness
        self._path = path
        self._thread = ThreadPoolExecutor(1, "shared")
        self._connection: sqlite3.Connection | None = None
        self._opened_at = -1

    async def run(self, job: Callable[[], T]) -> T:
        """Run a job in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction, while no other process has one; for a job only."""
        try:
            connection = self._connect()
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            self._disconnect()  # which undoes it; the next one opens what stands there then
            raise

    async def close(self) -> None:
        """End the jobs, then close the file."""
        await asyncio.to_thread(self._thread.shutdown)
        self._disconnect()

    def _connect(self) -> sqlite3.Connection:
        """The connection, opened again after a newcomer: the file may be another one since."""
        announced = self.liveness.announced()
        if self._connection is not None and self._opened_at == announced:
            return self._connection
        self._disconnect()
        self._opened_at = announced
        self._connection = connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode=rw",
            uri=True,
            timeout=_LOCK_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE")
        for table in _TABLES:
            connection.execute(table)
        connection.execute("DELETE FROM leases WHERE until <= ?", (time.monotonic_ns(),))
        connection.execute("COMMIT")
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class SqliteLeases:
    """Leases that end with their time, or with the process that has them.

    While the file fails, a lease is granted to whoever asks.
    """

    def __init__(self, file: SharedFile) -> None:
        self._file = file

    async def take(self, name: str, seconds: float) -> bool:
        try:
            return await self._file.run(partial(self._take, name, seconds))
        except _FAILURES:
            return True

    async def give_back(self, name: str) -> None:
        with suppress(*_FAILURES):
            await self._file.run(partial(self._give_back, name))

    def _take(self, name: str, seconds: float) -> bool:
        liveness = self._file.liveness
        with self._file.transaction() as sql:
            now = time.monotonic_ns()
            row = sql.execute(_HELD_BY, (name, liveness.own_id, now)).fetchone()
            if row is not None and not liveness.has_ended(row[0]):
                return False
            sql.execute(_LEASE, (name, liveness.own_id, now + ceil(seconds * _NANO)))
            return True

    def _give_back(self, name: str) -> None:
        with self._file.transaction() as sql:
            sql.execute(_GIVE_BACK, (name, self._file.liveness.own_id))


class SqliteBuckets:
    """Rate limits as a log of grants, which a process does without while it is alone.

    What it grants then is written nowhere. So it sees a newcomer before its next grant, and until a
    window after that nobody finds a place.
    """

    def __init__(self, file: SharedFile) -> None:
        self._file = file
        self._liveness = file.liveness
        self._announced = False
        self.alone = file.liveness.alone

    async def take(self, bucket: str, places: int, window: float) -> float:
        return await self._file.run(partial(self._take, bucket, places, ceil(window * _NANO)))

    def _take(self, bucket: str, places: int, window: int) -> float:
        if self.alone():
            return 0.0
        with self._file.transaction() as sql:
            now = self._begin(sql)
            announced, wait = self._liveness.announced(), 0.0
            alone = self._is_alone(sql, now)
            if alone:
                sql.execute(_UNRECORDED)
            else:
                wait = self._take_shared(sql, bucket, places, window, now)
        self._announced = True
        if alone:
            self._liveness.stay_alone(announced)
        return wait

    def _begin(self, sql: sqlite3.Connection) -> int:
        """Announce this process, and close what was granted before; the time now."""
        if not self._announced:
            self._liveness.announce()
        now = time.monotonic_ns()
        sql.execute(_FORGET, (now, now))
        if not self._announced:
            sql.execute(_RECORDED, (now,))
        return now

    def _is_alone(self, sql: sqlite3.Connection, now: int) -> bool:
        """Whether no other process lives, and none that lived has granted in this window."""
        if self._liveness.others() or sql.execute(_OF_OTHERS, (self._liveness.own_id,)).fetchone():
            return False
        (until,) = sql.execute(_UNRECORDED_UNTIL, (now,)).fetchone()
        return until is None or until + _SETTLED * _NANO <= now

    def _take_shared(
        self, sql: sqlite3.Connection, bucket: str, places: int, window: int, now: int
    ) -> float:
        sql.execute(_RECORDED, (now,))
        (unrecorded,) = sql.execute(_UNRECORDED_UNTIL, (now,)).fetchone()
        oldest = sql.execute(_OLDEST, (bucket, places - 1)).fetchone()
        taken = [at for at in (unrecorded, oldest and oldest[0]) if at is not None]
        wait = max(taken, default=-inf) + window - now
        if wait > 0:
            return wait / _NANO
        sql.execute(_GRANT, (bucket, self._liveness.own_id, now, now + window))
        return 0.0
