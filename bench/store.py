"""What the thin drivers are worth: `python -m bench.store` in the development environment.

Pairs of durable writes, an intent and its outcome, thirty-two at once: the same statements, the
same ledger and the same files or server, once through the drivers of adapters.store and once
through SQLAlchemy's own asynchronous engine. Ratios travel; the figures are this machine's.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from adapters.store import open_store
from adapters.store.ledger import StoredLedger
from adapters.store.owners import Owners
from adapters.store.sqlite import PRAGMAS
from adapters.store.statement import Job, Row, Statement, T, Tx, Value
from gateway.core.ledger import Ledger
from tests.support.ledger import NOW, bought, intent, new_id, rental
from tests.support.postgres import running

PAIRS, AT_ONCE = 4000, 32


class PlainTx:
    """A transaction as SQLAlchemy gives it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def rows(self, asked: Statement, /, **values: Value) -> Sequence[Row]:
        found: Sequence[Row] = (await self._run(asked, values)).mappings().all()
        return found

    async def row(self, asked: Statement, /, **values: Value) -> Row | None:
        found: Row | None = (await self._run(asked, values)).mappings().first()
        return found

    async def execute(self, asked: Statement, /, **values: Value) -> int:
        return int((await self._run(asked, values)).rowcount)

    async def _run(self, asked: Statement, values: dict[str, Value]) -> Any:
        return await self._connection.execute(asked.clause, values)  # type: ignore[call-overload]


class Nobody:
    """Owners that are never asked."""

    mine = "bench"

    async def gone(self, tx: Tx, owner: str) -> bool:
        return False


class PlainDatabase:
    """A database through SQLAlchemy's asynchronous engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.owners: Owners = Nobody()
        self._engine = engine

    async def write(self, job: Job[T]) -> T:
        async with self._engine.begin() as connection:
            return await job(PlainTx(connection))

    alone = read = write


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


async def measure(opened: AbstractAsyncContextManager[Ledger], pairs: int) -> tuple[float, float]:
    """Pairs a second, and microseconds of this process's CPU for each."""
    async with opened as ledger:
        await _work(ledger, range(1, 33))
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(
            *(_work(ledger, range(100 + first, pairs + 100, AT_ONCE)) for first in range(AT_ONCE))
        )
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return pairs / wall, cpu / pairs * 1e6


async def _work(ledger: Ledger, numbers: range) -> None:
    for number in numbers:
        wanted = intent(caller_id=f"caller {number % AT_ONCE}")
        assert await ledger.begin(wanted) is None
        assert await ledger.settle(wanted.ledger_id, bought(rental(number)), NOW)


def compare(name: str, first: str, second: str) -> None:
    """Each on a new database; the plain way gets fewer pairs, it is slow."""
    slow = asyncio.run(measure(plain(first), PAIRS // 4))
    quick = asyncio.run(measure(ours(second), PAIRS))
    for way, (rate, cpu) in (("SQLAlchemy", slow), ("ours", quick)):
        print(f"{name:<12}{way:<12}{rate:>8.0f} pairs/s {cpu:>8.0f} µs CPU a pair")
    times, less = quick[0] / slow[0], slow[1] / quick[1]
    print(f"{name:<12}{'':<12}{times:>8.1f} times   {less:>8.1f} times less")


def main() -> None:
    """Both databases, one after the other."""
    with TemporaryDirectory() as folder:
        compare("SQLite", *(f"sqlite:///{Path(folder) / name}" for name in ("a.db", "b.db")))
    with running(quick=False) as server, server.database() as first, server.database() as second:
        compare("PostgreSQL", first, second)


if __name__ == "__main__":
    main()
