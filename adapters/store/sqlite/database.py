"""SQLite: one thread owns the file and commits together what waits together."""

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic

from adapters.store.errors import Busy, StoreError
from adapters.store.sql.database import Liveness, Shared
from adapters.store.sql.statement import Job, Row, Statement, T, Tx, Value
from adapters.store.sqlite.file_lock import FileLock

PATIENCE = 10.0  # seconds another process may hold the file
_MOST_AT_ONCE = 256
# A rollback journal, not WAL: SQLite 3.40 can corrupt a WAL file that several processes share.
PRAGMAS = ("journal_mode = TRUNCATE", "synchronous = FULL", "foreign_keys = ON")


class SqliteTx:
    """A transaction of the thread that owns the connection: nothing here suspends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """`connection` commits by itself unless told to begin."""
        self._connection = connection

    async def rows(self, asked: Statement, /, **values: Value) -> Sequence[Row]:
        return self._run(asked, values).fetchall()

    async def row(self, asked: Statement, /, **values: Value) -> Row | None:
        rows = self._run(asked, values).fetchall()
        return rows[0] if rows else None

    async def execute(self, asked: Statement, /, **values: Value) -> int:
        return self._run(asked, values).rowcount

    def _run(self, asked: Statement, values: dict[str, Value]) -> sqlite3.Cursor:
        compiled = asked.sqlite
        return self._connection.execute(compiled.sql, compiled.bind(values))


class _Ticket(Generic[T]):
    """A job on its way through the thread, and the future that waits for it."""

    def __init__(self, job: Job[T], *, writes: bool) -> None:
        self.job = job
        self.writes = writes
        self.future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.answer: Any = None
        self.error: Exception | None = None

    def attempt(self, tx: Tx) -> None:
        try:
            self.answer = _drive(self.job, tx)
        except sqlite3.Error as error:
            self.fail(error)
        except Exception as error:
            self.error = error

    def fail(self, error: Exception) -> None:
        self.error = _explained(error)
        self.error.__cause__ = error

    def resolve(self) -> None:
        if self.future.done():  # its caller has gone
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.answer)


class SqliteDatabase:
    """A file, one thread that runs every job, and a queue in front of it."""

    def __init__(self, connection: sqlite3.Connection, gate: FileLock, liveness: Liveness) -> None:
        """Take over a connection to a migrated file; `gate` keeps processes in turn."""
        self.liveness = liveness
        self.shared = Shared(AloneLeases())
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Ticket[Any] | None] = SimpleQueue()
        self._gate = gate
        self._connection = connection
        self._tx = SqliteTx(connection)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._thread.start()

    async def write(self, job: Job[T]) -> T:
        return await self._ask(_Ticket(job, writes=True))

    alone = write

    async def read(self, job: Job[T]) -> T:
        return await self._ask(_Ticket(job, writes=False))

    async def close(self) -> None:
        """Finish what waits, then let the file go."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    async def _ask(self, ticket: _Ticket[T]) -> T:
        if self._closed:
            raise StoreError("The store is closed.")
        self._queue.put(ticket)
        return await ticket.future

    def _work(self) -> None:
        going = True
        while going:
            waiting, going = self._take()
            reads = [ticket for ticket in waiting if not ticket.writes]
            for ticket in reads:
                ticket.attempt(self._tx)
            self._answer(reads)
            writes = [ticket for ticket in waiting if ticket.writes]
            if writes:
                self._commit(writes)
                self._answer(writes)
        self._connection.close()
        self._gate.close()

    def _take(self) -> tuple[list[_Ticket[Any]], bool]:
        """All that waits, once something does; False where it was the last."""
        waiting: list[_Ticket[Any]] = []
        ticket = self._queue.get()
        while ticket is not None:
            waiting.append(ticket)
            if len(waiting) == _MOST_AT_ONCE:
                return waiting, True
            try:
                ticket = self._queue.get_nowait()
            except Empty:
                return waiting, True
        return waiting, False

    def _commit(self, tickets: list[_Ticket[Any]]) -> None:
        """One transaction for all, a savepoint for each."""
        sql = self._connection.execute
        try:
            self._begin()
            for ticket in tickets:
                sql("SAVEPOINT job")
                ticket.attempt(self._tx)
                if ticket.error is not None:
                    sql("ROLLBACK TO job")
                sql("RELEASE job")
            sql("COMMIT")
        except Exception as error:
            with suppress(sqlite3.Error):  # a disk that fails may fail this too: see _begin
                self._undo()
            for ticket in tickets:
                ticket.fail(error)

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _begin(self) -> None:
        # SQLite lets whoever asks at the right moment write next; behind the gate only one
        # process at a time asks, so that none of several busy ones is left out.
        with self._gate.held(PATIENCE):
            self._undo()
            self._connection.execute("BEGIN IMMEDIATE")

    def _answer(self, tickets: list[_Ticket[Any]]) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            self._loop.call_soon_threadsafe(_resolve, tickets)


def connect(path: Path) -> sqlite3.Connection:
    """A connection that any one thread may use and that commits by itself."""
    connection = sqlite3.connect(
        path,
        timeout=PATIENCE,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.row_factory = sqlite3.Row
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _drive(job: Job[T], tx: Tx) -> T:
    """Run a job that never suspends, as one here cannot."""
    running = job(tx)
    try:
        running.send(None)
    except StopIteration as ended:
        answer: T = ended.value
        return answer
    running.close()
    raise RuntimeError("a job of the store waited for something else than its transaction")


def _resolve(tickets: list[_Ticket[Any]]) -> None:
    for ticket in tickets:
        ticket.resolve()


def _explained(error: Exception) -> Exception:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return Busy(f"Another process has held the database for {PATIENCE:g} s.")
    return StoreError(f"SQLite: {error}") if isinstance(error, sqlite3.Error) else error


class AloneLeases:
    """The leases of a file: one gateway serves from it, and commands never watch a rental."""

    async def take(self, name: str, seconds: float) -> bool:
        return True

    async def give_back(self, name: str) -> None:
        """No other process waits for it."""
