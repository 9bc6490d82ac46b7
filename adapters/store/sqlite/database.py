"""SQLite: one thread owns the file and commits what is queued as one group."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic

from adapters.store.errors import Busy, Unavailable, Unstorable
from adapters.store.sql.database import FailureReports, Liveness, NewsReports, Shared
from adapters.store.sql.statement import Job, Row, Statement, T, Tx, Value
from adapters.store.sqlite.file_lock import FileLock
from adapters.store.sqlite.writes import Writes
from gateway.core.model.ledger_news import LedgerNews

LOCK_SECONDS = 10.0  # seconds to wait for another process that holds the file
_HELD_SECONDS = 0.1  # the same once a job has waited so long in vain: others wait behind it
_MOST_AT_ONCE = 256  # jobs in one group
# A rollback journal, not WAL: SQLite 3.40 can corrupt a WAL file that several processes share.
PRAGMAS = ("journal_mode = TRUNCATE", "synchronous = FULL", "foreign_keys = ON")


class SqliteTx:
    """A transaction of the thread that owns the connection: nothing here suspends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """`connection` is in autocommit mode; whoever runs jobs begins and commits."""
        self.news: list[LedgerNews] = []
        self._connection = connection

    async def rows(self, statement: Statement, /, **values: Value) -> Sequence[Row]:
        return self._run(statement, values).fetchall()

    async def row(self, statement: Statement, /, **values: Value) -> Row | None:
        rows = self._run(statement, values).fetchall()
        return rows[0] if rows else None

    async def execute(self, statement: Statement, /, **values: Value) -> int:
        return self._run(statement, values).rowcount

    def _run(self, statement: Statement, values: dict[str, Value]) -> sqlite3.Cursor:
        compiled = statement.sqlite
        return self._connection.execute(compiled.sql, compiled.bind(values))


class _QueuedJob(Generic[T]):
    """A job in the queue, and the future of its caller."""

    def __init__(self, job: Job[T], *, writes: bool) -> None:
        self.job = job
        self.writes = writes
        self.future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.answer: Any = None
        self.error: Exception | None = None
        self.news: list[LedgerNews] = []

    def attempt(self, tx: Tx) -> None:
        self.error = None
        self.news = tx.news = []
        try:
            self.answer = _drive(self.job, tx)
        except sqlite3.Error as error:
            self.fail(error)
        except Exception as error:
            self.error = error

    def fail(self, error: Exception) -> None:
        self.error = _explained(error)
        if self.error is not error:
            self.error.__cause__ = error

    def resolve(self) -> None:
        if self.future.done():  # its caller was cancelled
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.answer)


class SqliteDatabase:
    """A file, one thread that runs every job, and a queue in front of it.

    All writes that wait at the same time share one commit, and so one fsync.
    """

    shared: Shared

    def __init__(
        self, path: Path, connection: sqlite3.Connection, write_lock: FileLock, liveness: Liveness
    ) -> None:
        """Take over a connection to a migrated file; writing processes queue for `write_lock`."""
        self.failures = FailureReports()
        self.news = NewsReports()
        self.liveness = liveness
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_QueuedJob[Any] | None] = SimpleQueue()
        self._write_lock = write_lock
        self._path = path
        self._file = _identity(path)
        self._connection = connection
        self._tx = SqliteTx(connection)
        self._held = False  # another process held the file when it was last asked
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._thread.start()

    async def write(self, job: Job[T]) -> T:
        return await self._ask(_QueuedJob(job, writes=True))

    alone = write

    async def read(self, job: Job[T]) -> T:
        return await self._ask(_QueuedJob(job, writes=False))

    def written(self) -> Callable[[], bool]:
        return Writes(self._path).may_have_been

    async def close(self) -> None:
        """Finish the queued jobs, then close the file."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    async def _ask(self, queued: _QueuedJob[T]) -> T:
        if self._closed:
            raise Unavailable("The store is closed.")
        self._queue.put(queued)
        try:
            return await queued.future
        except Unavailable as error:
            self.failures.to(error)
            raise

    def _work(self) -> None:
        going = True
        while going:
            waiting, going = self._take()
            reads = [queued for queued in waiting if not queued.writes]
            self._read(reads)
            self._answer(reads)
            writes = [queued for queued in waiting if queued.writes]
            if writes:
                self._commit(writes)
                if any(isinstance(queued.error, Unavailable) for queued in writes):
                    self._commit_to_replacement(writes)
                self._heed(writes[0])
                self._answer(writes)
        self._connection.close()
        self._write_lock.close()

    def _take(self) -> tuple[list[_QueuedJob[Any]], bool]:
        """The queued jobs, once there are any; False where the store closes after them."""
        waiting: list[_QueuedJob[Any]] = []
        queued = self._queue.get()
        while queued is not None:
            waiting.append(queued)
            if len(waiting) == _MOST_AT_ONCE:
                return waiting, True
            try:
                queued = self._queue.get_nowait()
            except Empty:
                return waiting, True
        return waiting, False

    def _read(self, group: list[_QueuedJob[Any]]) -> None:
        """Run the jobs; where one finds the file held, those behind it do not wait for it again."""
        for place, queued in enumerate(group, 1):
            queued.attempt(self._tx)
            self._heed(queued)
            if isinstance(queued.error, Busy):
                for behind in group[place:]:
                    behind.fail(Busy(*queued.error.args))
                return

    def _commit(self, group: list[_QueuedJob[Any]]) -> None:
        """Run the jobs in one transaction, with a savepoint for each."""
        try:
            self._begin()
            sql = self._connection.execute
            for queued in group:
                sql("SAVEPOINT job")
                queued.attempt(self._tx)
                if queued.error is not None:
                    sql("ROLLBACK TO job")
                sql("RELEASE job")
            sql("COMMIT")
        except Exception as error:
            with suppress(sqlite3.Error):  # a failing disk may fail this too: _begin tries again
                self._undo()
            for queued in group:
                queued.fail(error)

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _begin(self) -> None:
        # SQLite's own waiting for a locked file is not fair: with this lock only one process at a
        # time tries, so that none of several busy ones starves.
        with self._write_lock.held(self._patience):
            self._undo()
            self._connection.execute("BEGIN IMMEDIATE")

    def _commit_to_replacement(self, group: list[_QueuedJob[Any]]) -> None:
        """Run the jobs once more on another file that stands at the path, as a restored backup.

        SQLite itself refuses to write to one that was moved or deleted.
        """
        file = _identity(self._path)
        if file in (None, self._file):
            return
        with suppress(sqlite3.Error):  # not all of it is there yet, say
            connection = connect(self._path)
            self._connection.close()
            self._connection, self._tx, self._file = connection, SqliteTx(connection), file
            self._commit(group)

    @property
    def _patience(self) -> float:
        return min(LOCK_SECONDS, _HELD_SECONDS) if self._held else LOCK_SECONDS

    def _heed(self, ended: _QueuedJob[Any]) -> None:
        """Wait only briefly for the file from now on where a job has waited for it in vain."""
        held = isinstance(ended.error, Busy)
        if held is not self._held:
            self._held = held
            milliseconds = int(self._patience * 1000)
            self._connection.execute(f"PRAGMA busy_timeout = {milliseconds}")

    def _answer(self, group: list[_QueuedJob[Any]]) -> None:
        with suppress(RuntimeError):  # the loop is closed, and its callers are gone
            self._loop.call_soon_threadsafe(self._resolve, group)

    def _resolve(self, group: list[_QueuedJob[Any]]) -> None:
        for queued in group:
            for each in queued.news if queued.error is None else ():
                self.news.to(each)
            queued.resolve()


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode that may be handed to another thread."""
    connection = sqlite3.connect(
        path,
        timeout=LOCK_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.row_factory = sqlite3.Row
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _drive(job: Job[T], tx: Tx) -> T:
    """Run a job to its end without an event loop; RuntimeError where it suspends."""
    running = job(tx)
    try:
        running.send(None)
    except StopIteration as ended:
        answer: T = ended.value
        return answer
    running.close()
    raise RuntimeError("a job of the store waited for something else than its transaction")


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells one file from another at the same path; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _explained(error: Exception) -> Exception:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return Busy("Another process holds the database.")
    if isinstance(error, sqlite3.DataError | sqlite3.IntegrityError):
        return Unstorable(f"SQLite: {error}")
    return Unavailable(f"SQLite: {error}") if isinstance(error, sqlite3.Error) else error
