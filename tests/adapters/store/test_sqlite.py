import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.store import Busy, Store, StoreError, Unreachable, open_store
from adapters.store.sql.statement import Tx
from adapters.store.sqlite import database as sqlite
from adapters.store.sqlite import opening
from adapters.store.sqlite.file_lock import FileLock
from adapters.store.tables.events import LAST
from gateway.core.model.callers import GatewayKey, Limits
from tests.support.ledger import NOW, intent, new_id, rental, spent
from tests.support.store_process import another
from tests.support.waiting import until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "gateway.db"


@pytest.fixture
async def file_store(path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{path}", new_id=new_id) as opened:
        yield opened


def rows(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def written(path: Path) -> int:
    return path.stat().st_mtime_ns


async def test_the_file_and_its_folder_are_nobody_elses(path: Path, file_store: Store) -> None:
    await file_store.ledger.begin(intent())
    await file_store.leases.take("watch", 60)

    assert path.parent.stat().st_mode & 0o777 == 0o700
    inside = {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()}
    assert inside == {
        "gateway.db": 0o600,
        "gateway.db-journal": 0o600,
        "gateway.db.lock": 0o600,
        "gateway.db.owners": 0o700,
        "gateway.db.shared": 0o600,
        "gateway.db.shared-journal": 0o600,
    }


async def test_there_is_no_wal(path: Path, file_store: Store) -> None:
    assert rows(path, "PRAGMA journal_mode") == [("delete",)]  # what is kept: not "wal"


async def test_what_was_acknowledged_survives_a_kill(path: Path, file_store: Store) -> None:
    with another(f"sqlite:///{path}", "spend_on") as other:
        other.go()
        heard = [other.line() for _ in range(200)]
        other.kill()
        heard += [line for line in other.of.read().split("\n") if len(line) == 6]

    for ledger_id in heard:
        assert await file_store.ledger.spend(ledger_id) is not None
    total = len(await asyncio.to_thread(rows, path, "SELECT 1 FROM spends"))
    assert total >= len(heard)
    assert await spent(file_store.ledger) == (f"{total * 0.55:.2f}",) * 2


async def test_a_command_works_while_others_write_without_pause(path: Path) -> None:
    url = f"sqlite:///{path}"
    with another(url, "spend_on") as one, another(url, "spend_on") as two:
        one.go()
        async with asyncio.timeout(60), open_store(url, new_id=new_id) as store:
            for number in range(10):
                name = f"k{number}"
                await store.keys.create(GatewayKey(name, name, name, Limits(), NOW))
            assert len(await store.keys.all()) == 10
        two.kill()


async def test_a_held_file_is_said_to_be_busy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.05)
    async with open_store(f"sqlite:///{path}", new_id=new_id) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")

            with pytest.raises(Busy):
                await store.ledger.begin(intent())
            with pytest.raises(Busy):
                await store.ledger.spend("any")
            holder.execute("ROLLBACK")

        assert await store.ledger.begin(intent()) is None
        assert await spent(store.ledger) == ("0.55", "0.55")


async def test_who_waits_for_a_held_file_waits_for_all_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.1)
    tried = 0

    async def look(tx: Tx) -> None:
        nonlocal tried
        tried += 1
        await tx.rows(LAST)

    async with open_store(f"sqlite:///{path}", new_id=new_id) as store:
        ledger: Any = store.ledger
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            reads = [ledger._database.read(look) for _ in range(100)]
            failed = await asyncio.gather(*reads, return_exceptions=True)
            other.execute("ROLLBACK")

    assert {type(each) for each in failed} == {Busy}
    assert tried < 10


async def test_a_process_that_holds_the_turn_too_long_is_not_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.05)
    async with open_store(f"sqlite:///{path}", new_id=new_id) as store:
        lock = FileLock(path.with_name("gateway.db.lock"))
        with lock, lock.held(1), pytest.raises(Busy, match="has held"):
            await store.ledger.begin(intent())

        assert await store.ledger.begin(intent()) is None


async def test_a_caller_that_has_gone_does_not_stop_its_write(file_store: Store) -> None:
    wanted = intent()
    task = asyncio.create_task(file_store.ledger.begin(wanted))
    await asyncio.sleep(0)
    task.cancel()

    await until(lambda: file_store.ledger.spend(wanted.ledger_id))


async def test_closing_finishes_what_waits(path: Path) -> None:
    wanted = [intent() for _ in range(50)]
    async with open_store(f"sqlite:///{path}", new_id=new_id) as store:
        tasks = [asyncio.create_task(store.ledger.begin(one)) for one in wanted]
        await asyncio.sleep(0)

    assert [await task for task in tasks] == [None] * 50
    with pytest.raises(StoreError, match="closed"):
        await store.ledger.begin(intent())
    assert rows(path, "SELECT count(*) FROM spends") == [(50,)]


async def test_what_changes_nothing_writes_nothing(path: Path, file_store: Store) -> None:
    await file_store.ledger.record("account", rental(), NOW)
    before = written(path)

    await file_store.ledger.record("account", rental(), NOW)

    assert written(path) == before


async def test_a_job_may_wait_for_nothing_else(file_store: Store) -> None:
    async def sleepy(tx: Tx) -> None:
        await asyncio.sleep(0)

    database: Any = file_store.ledger
    with pytest.raises(RuntimeError, match="waited"):
        await database._database.write(sleepy)


class FailingDisk:
    """A connection whose disk fails, even while it undoes what it could not write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.fails = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if self.fails and sql in ("COMMIT", "ROLLBACK"):
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(sql, *values)


async def test_a_disk_that_cannot_even_undo_fails_what_waits_and_nothing_after(
    file_store: Store, path: Path
) -> None:
    ledger: Any = file_store.ledger
    database = ledger._database
    disk = database._connection = FailingDisk(database._connection)
    async with asyncio.timeout(60):
        for _ in range(2):
            with pytest.raises(StoreError, match="disk I/O error"):
                await file_store.ledger.begin(intent())
        disk.fails = False

        assert await file_store.ledger.begin(intent()) is None
    assert rows(path, "SELECT count(*) FROM spends") == [(1,)]


async def test_a_full_disk_fails_all_that_wait_and_nothing_after(
    path: Path, file_store: Store
) -> None:
    """SQLite undoes the whole transaction by itself then."""
    ledger: Any = file_store.ledger
    connection: sqlite3.Connection = ledger._database._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    wanted = [intent(fingerprint="x" * 50_000) for _ in range(20)]

    answers = await asyncio.gather(*map(file_store.ledger.begin, wanted), return_exceptions=True)

    assert all(isinstance(answer, StoreError) for answer in answers)
    assert await spent(file_store.ledger) == ("0.00", "0.00")
    connection.execute("PRAGMA max_page_count = 100000")
    assert await file_store.ledger.begin(intent()) is None
    assert await spent(file_store.ledger) == ("0.55", "0.55")


@pytest.mark.parametrize("place", ["a file/gateway.db", "a folder"])
async def test_a_place_where_no_file_can_be_is_said(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "a folder").mkdir()

    with pytest.raises(Unreachable, match="cannot be opened"):
        async with open_store(f"sqlite:///{tmp_path / place}", new_id=new_id):
            pass


def test_what_is_no_database_is_said(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"a diary, not a database\n" * 100)

    async def opened() -> None:
        async with open_store(f"sqlite:///{path}", new_id=new_id):
            pass

    with pytest.raises(Unreachable, match="not a database"):
        asyncio.run(opened())


async def test_who_gives_up_opening_leaves_nothing_that_still_uses_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    connections: list[sqlite3.Connection] = []

    def held(path: Path) -> sqlite3.Connection:
        begun.set()
        assert go_on.wait(60)
        connections.append(sqlite.connect(path))
        return connections[0]

    monkeypatch.setattr(opening, "connect", held)
    task = asyncio.ensure_future(opening.open_sqlite(path).__aenter__())
    assert await asyncio.to_thread(begun.wait, 60)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connections[0].execute("SELECT 1")
