"""What the thin drivers are worth, against SQLAlchemy's own asynchronous engine.

Pairs of durable writes, an intent and its outcome, thirty-two at once: the same statements, the
same ledger and the same kind of file or server, alternately through the drivers of adapters.store
and through that engine, each time in a new database.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    nullcontext,
)
from itertools import count
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from adapters.store import open_store
from adapters.store.sql.database import Liveness
from adapters.store.sql.statement import Job, Statement, T, Tx, Value
from adapters.store.sql.statement import Row as Found
from adapters.store.sqlite.database import PRAGMAS
from adapters.store.tables.ledger import StoredLedger
from bench.measure import Sample, Samples, median, ratio
from bench.postgres import durable_postgres
from bench.report import Row
from gateway.core.model.ledger_news import LedgerNews
from gateway.core.ports.ledger import Ledger
from tests.support.ledger import NOW, bought, intent, new_id, rental

PAIRS, AT_ONCE = 600, 32


class PlainTx:
    """A transaction as SQLAlchemy gives it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.news: list[LedgerNews] = []
        self._connection = connection

    async def rows(self, statement: Statement, /, **values: Value) -> Sequence[Found]:
        found: Sequence[Found] = (await self._run(statement, values)).mappings().all()
        return found

    async def row(self, statement: Statement, /, **values: Value) -> Found | None:
        found: Found | None = (await self._run(statement, values)).mappings().first()
        return found

    async def execute(self, statement: Statement, /, **values: Value) -> int:
        return int((await self._run(statement, values)).rowcount)

    async def _run(self, statement: Statement, values: dict[str, Value]) -> Any:
        return await self._connection.execute(statement.clause, values)  # type: ignore[call-overload]


class OneProcess:
    """Liveness where no other process is."""

    own_id = "bench"

    async def is_dead(self, tx: Tx, owner: str) -> bool:
        return False


class PlainDatabase:
    """A database through SQLAlchemy's asynchronous engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.liveness: Liveness = OneProcess()
        self._engine = engine

    async def write(self, job: Job[T]) -> T:
        async with self._engine.begin() as connection:
            return await job(PlainTx(connection))

    alone = read = write

    def written(self) -> Callable[[], bool]:
        return lambda: True


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[Ledger]:
    async with open_store(url, new_id=new_id) as store:
        yield store.ledger


@asynccontextmanager
async def plain(url: str) -> AsyncIterator[Ledger]:
    async with open_store(url, new_id=new_id):
        pass  # made and migrated
    url = url.replace("sqlite:", "sqlite+aiosqlite:").replace("postgresql:", "postgresql+asyncpg:")
    file = url.startswith("sqlite")
    # One connection to a file: several would only wait for each other's locks.
    engine = create_async_engine(url, pool_size=1 if file else 10, max_overflow=0)
    if file:
        event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(engine.sync_engine, "begin", _begin)
    yield StoredLedger(PlainDatabase(engine), new_id)
    await engine.dispose()


def _prepare(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    for pragma in (*PRAGMAS, "busy_timeout = 30000"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


async def measure(opened: AbstractAsyncContextManager[Ledger], pairs: int) -> Sample:
    """What so many pairs take of this process."""
    async with opened as ledger:
        await _work(ledger, range(1, 33))
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(
            *(_work(ledger, range(100 + first, pairs + 100, AT_ONCE)) for first in range(AT_ONCE))
        )
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Sample(pairs, wall, cpu)


async def _work(ledger: Ledger, numbers: range) -> None:
    for number in numbers:
        wanted = intent(caller_id=f"caller {number % AT_ONCE}")
        assert await ledger.begin(wanted) is None
        assert await ledger.settle(wanted.ledger_id, bought(rental(number)), NOW)


def run(rounds: int) -> list[Row]:
    """Both databases, one after the other."""
    with TemporaryDirectory() as folder:
        files = (nullcontext(f"sqlite:///{folder}/{number}.db") for number in count())
        rows = _compare("SQLite", files, rounds)
    with durable_postgres() as server:
        databases = (server.database() for _ in count())
        return [*rows, *_compare("PostgreSQL", databases, rounds)]


Databases = Iterator[AbstractContextManager[str]]


def _compare(name: str, databases: Databases, rounds: int) -> list[Row]:
    """The plain way gets fewer pairs: it is slow."""
    quick, slow = [], []
    for _ in range(rounds):
        with next(databases) as url:
            quick.append(asyncio.run(measure(ours(url), PAIRS)))
        with next(databases) as url:
            slow.append(asyncio.run(measure(plain(url), PAIRS // 4)))
    samples = {"ours": quick, "SQLAlchemy": slow}
    return [_row(name, samples, *measured) for measured in _MEASURES]


_MEASURES: tuple[tuple[str, Callable[[Sample], float], str], ...] = (
    ("CPU per pair", lambda sample: sample.cpu_micros, "{:.0f} / {:.0f} µs"),
    ("pairs/s", lambda sample: sample.per_second, "{:.0f} / {:.0f}"),
)


def _row(
    name: str, samples: Samples, measure: str, of: Callable[[Sample], float], form: str
) -> Row:
    medians = [median(samples, way, of) for way in ("ours", "SQLAlchemy")]
    value = ratio(samples, "ours", "SQLAlchemy", of)
    return Row(f"{name}: ours / SQLAlchemy", measure, value, absolute=form.format(*medians))
