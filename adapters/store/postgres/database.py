"""PostgreSQL: statements on a pool of asyncpg connections."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg

from adapters.store.errors import Busy, Unavailable, Unreachable, Unstorable
from adapters.store.postgres.shared import PostgresBuckets, PostgresLeases
from adapters.store.sql.database import FailureReports, Listen, Liveness, NewsReports, Shared
from adapters.store.sql.statement import Job, Row, Statement, T, Value
from gateway.core.model.ledger_news import LedgerNews

PATIENCE = 10.0  # seconds to wait for a connection, and for a statement
_SILENT_SECONDS = 2.0  # for both together once it has not answered: callers wait for several
_ATTEMPTS = 3
# A concurrent transaction was first: everything was rolled back, so the job can run again. A unique
# violation is one too: the row was not there when it was looked for.
_CONFLICTS = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
)
_UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that ends while it is used
)
_UNSTORABLE = (
    asyncpg.DataError,
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.IntegrityConstraintViolationError,
)


class PostgresTx:
    """A connection, inside a transaction or not."""

    def __init__(self, connection: Any) -> None:
        self.news: list[LedgerNews] = []
        self._connection = connection

    async def rows(self, statement: Statement, /, **values: Value) -> Sequence[Row]:
        compiled = statement.postgres
        rows: Sequence[Row] = await self._connection.fetch(compiled.sql, *compiled.bind(values))
        return rows

    async def row(self, statement: Statement, /, **values: Value) -> Row | None:
        compiled = statement.postgres
        row: Row | None = await self._connection.fetchrow(compiled.sql, *compiled.bind(values))
        return row

    async def execute(self, statement: Statement, /, **values: Value) -> int:
        compiled = statement.postgres
        done: str = await self._connection.execute(compiled.sql, *compiled.bind(values))
        return int(done.rpartition(" ")[2])  # as in UPDATE 1


class PostgresDatabase:
    """A database that the nodes of a gateway share."""

    def __init__(self, pool: Any, liveness: Liveness, listen: Listen) -> None:
        """`pool` is open and the schema migrated."""
        self.failures = FailureReports()
        self.news = NewsReports()
        self.liveness = liveness
        self.shared = Shared(PostgresLeases(self), PostgresBuckets(self), listen)
        self._pool = pool
        self._silent = False  # it did not answer when it was last asked

    async def write(self, job: Job[T]) -> T:
        """Run it in a transaction, and again where a concurrent one made it fail."""
        async with self._asking():
            for _ in range(_ATTEMPTS - 1):
                with suppress(*_CONFLICTS):
                    return await self._attempt(job)
            return await self._attempt(job)

    async def alone(self, job: Job[T]) -> T:
        """Run a job of one statement, which is a transaction by itself."""
        return await self.read(job)

    def written(self) -> Callable[[], bool]:
        return lambda: True  # no server tells it without being asked

    async def read(self, job: Job[T]) -> T:
        async with self._asking(), self._pool.acquire(timeout=PATIENCE) as connection:
            return await job(PostgresTx(connection))

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Raises Unavailable or Unstorable for the driver's errors, and reports the former."""
        try:
            with explained():
                async with asyncio.timeout(_SILENT_SECONDS if self._silent else None):
                    yield
            self._silent = False
        except Unavailable as error:
            self._silent = isinstance(error, Busy)
            self.failures.to(error)
            raise

    async def _attempt(self, job: Job[T]) -> T:
        async with self._pool.acquire(timeout=PATIENCE) as connection:
            tx = PostgresTx(connection)
            async with connection.transaction():
                answer = await job(tx)
        for each in tx.news:
            self.news.to(each)
        return answer


@contextmanager
def explained() -> Iterator[None]:
    """Raises the driver's errors as Unavailable or Unstorable."""
    try:
        yield
    except _UNSTORABLE as error:
        raise Unstorable(f"PostgreSQL: {error}") from error
    except TimeoutError as error:
        raise Busy("PostgreSQL does not answer.") from error
    except _UNREACHABLE as error:
        raise Unreachable(f"PostgreSQL is not there: {error}") from error
    except asyncpg.PostgresError as error:
        raise Unavailable(f"PostgreSQL: {error}") from error
