import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.engine import Dialect

from adapters.store import NewerSchema, StoreError, migrating, open_store
from adapters.store.sql.codec import from_instant
from adapters.store.sql.creating import creation
from adapters.store.sql.schema import metadata
from gateway.core.model.purchases import AnyRental, Spend
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.ports.storage import ProvisionalCode
from tests.support.ledger import ACCOUNT, MINE, NOW, buy, intent, new_id, rental, rental_of
from tests.support.migrations import migrate, on
from tests.support.postgres import Postgres

# As the version of revision 0003 wrote them.
OLD_EVENTS = """
    INSERT INTO events (account_id, caller_id, kind, at, rental, oldest) VALUES
    ('account', 'caller', 'rental_rented', 1, '{"provider_id": 7, "ledger_id": "a",
        "status": "active", "service_code": "whatsapp", "service_name": null, "number": null,
        "code": null, "code_at": null, "price": 550000, "created_at": null, "ends_at": null}', 1),
    ('account', 'caller', 'code_received', 2, '{"provider_id": 7, "ledger_id": "a",
        "status": "code_received", "service_code": "whatsapp", "service_name": null,
        "number": null, "code": "012345", "code_at": 2, "price": 550000, "created_at": null,
        "ends_at": null}', 2),
    ('account', NULL, 'rental_ended', 3, '{"provider_id": 8, "ledger_id": "b",
        "status": "completed", "service_code": null, "service_name": null, "number": null,
        "code": null, "code_at": null, "price": null, "created_at": null, "ends_at": null}', 3)
"""

# One that bought something, and two that may only have tried to.
OLD_PURCHASES = """
    INSERT INTO spends (ledger_id, operation, kind, account_id, caller_id, fingerprint, state,
        refunded, at, active_until, owner) VALUES
    ('a', 'rent_number', 'rental', 'buyer', 'buyer', 'f', 'bought', 0, 3000000, 9, 'o'),
    ('b', 'rent_number', 'rental', 'buyer', 'gtw_1', 'f', 'bought', 0, 2000000, 9, 'o'),
    ('c', 'rent_number', 'rental', 'refused', 'refused', 'f', 'refused', 0, 1, 9, 'o'),
    ('d', 'rent_number', 'rental', 'unsure', 'unsure', 'f', 'unknown', 0, 1, 9, 'o')
"""


# A rental with a code, and another one that a webhook announced; one that was cancelled.
OLD_CODES_AND_REFUNDS = """
    INSERT INTO spends (ledger_id, operation, kind, account_id, caller_id, fingerprint, state,
        charged, refunded, at, active_until, owner) VALUES
    ('a', 'rent_number', 'rental', 'account', 'caller', 'f', 'bought', 550000, 0, 1, 9, 'o'),
    ('b', 'rent_number', 'rental', 'account', 'caller', 'f', 'bought', 550000, 550000, 2, 9, 'o');
    INSERT INTO things (ledger_id, account_id, kind, provider_id, caller_id, status, code, code_at,
        price) VALUES
    ('a', 'account', 'rental', 7, 'caller', 'code_received', '012345', 3, 550000),
    ('b', 'account', 'rental', 8, 'caller', 'cancelled', NULL, NULL, 550000);
    INSERT INTO hints (account_id, rental_id, code, received_at) VALUES
    ('account', 7, '12345', 2), ('account', 8, '777', 4)
"""
# As a process of the version before goes on writing.
WRITTEN_BESIDE = """
    UPDATE things SET code = '4711', code_at = 5 WHERE ledger_id = 'a';
    UPDATE things SET status = 'cancelled' WHERE ledger_id = 'a';
    UPDATE spends SET refunded = 550000 WHERE ledger_id = 'a'
"""


def execute(rows: str, url: str, server: Postgres) -> None:
    """Run the statements on a database of either kind."""
    if not url.startswith("sqlite"):
        server.sql(rows, url)
        return
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.executescript(rows)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


async def opened(url: str) -> Spend | None:
    """What a purchase that begins there leaves written."""
    wanted = intent()
    async with open_store(url, new_id=new_id) as store:
        assert await store.ledger.begin(wanted) is None
        return await store.ledger.spend(wanted.ledger_id)


@asynccontextmanager
async def written_at(
    version: str, rows: str, kind: str, path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[str]:
    """The URL of a database of that version of the schema with those rows."""
    server: Postgres = request.getfixturevalue("postgres")
    with server.database("template0") as there:
        url = f"sqlite:///{path}" if kind == "sqlite" else there
        await migrate(url, version)
        execute(rows, url, server)
        yield url


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection, opts={"version_table": migrating.VERSION_TABLE, "compare_type": True}
    )
    return list(compare_metadata(context, metadata))


def test_the_newest_migration_is_the_one_we_say() -> None:
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(Path(migrating.__file__).parent / "migrations"))

    assert script.get_heads() == [migrating.HEAD]


async def test_migrations_make_the_schema_in_sqlite(path: Path) -> None:
    await migrate(f"sqlite:///{path}")

    assert await on(f"sqlite:///{path}", differences) == []


async def test_migrations_make_the_schema_in_postgres(postgres: Postgres) -> None:
    with postgres.database("template0") as url:
        await migrate(url)

        assert await on(url, differences) == []


IN_SQLITE = """
    SELECT tables.name, columns.name, columns.type, "notnull", dflt_value, pk,
        tables.sql LIKE '%AUTOINCREMENT%'
    FROM sqlite_master AS tables, pragma_table_xinfo(tables.name) AS columns
    WHERE tables.type = 'table'
    UNION ALL
    SELECT tbl_name, name, sql, '', '', '', '' FROM sqlite_master WHERE type <> 'table'
    UNION ALL
    SELECT version_num, '', '', '', '', '', '' FROM gateway_schema
"""
IN_POSTGRES = """
    SELECT table_name, column_name, concat_ws(' ', data_type, character_maximum_length,
        is_nullable, column_default, collation_name, is_identity)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT sequencename, data_type::text, '' FROM pg_sequences
    UNION ALL SELECT version_num, '', '' FROM gateway_schema
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_new_database_is_as_if_it_had_been_migrated(
    kind: str, tmp_path: Path, postgres: Postgres
) -> None:
    def facts(connection: Connection) -> list[tuple[Any, ...]]:
        rows = connection.exec_driver_sql(IN_SQLITE if kind == "sqlite" else IN_POSTGRES)
        return sorted(tuple(" ".join(str(each).split()) for each in row) for row in rows)

    with postgres.database("template0") as one, postgres.database("template0") as other:
        files = [f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "other")]
        new, old = files if kind == "sqlite" else (one, other)
        async with open_store(new, new_id=new_id):
            pass
        await migrate(old)

        made = await on(new, facts)
        assert made == await on(old, facts)
        assert len(made) > 200


async def test_a_new_database_is_made_without_alembic(path: Path) -> None:
    code = f"""
import asyncio, sys
from adapters.store import open_store
async def main():
    async with open_store("sqlite:///{path}", new_id=str):
        pass
asyncio.run(main())
print([name for name in ("alembic", "mako") if name in sys.modules])
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert done.stdout == "[]\n"


async def test_many_open_a_new_file_at_once(path: Path) -> None:
    assert all(await asyncio.gather(*(opened(f"sqlite:///{path}") for _ in range(5))))


async def test_many_open_a_new_database_at_once(postgres: Postgres) -> None:
    with postgres.database("template0") as url:
        assert all(await asyncio.gather(*(opened(url) for _ in range(5))))


def test_a_newer_file_is_refused_and_not_touched(path: Path) -> None:
    asyncio.run(opened(f"sqlite:///{path}"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE {migrating.VERSION_TABLE} SET version_num = '9999'")
    before = path.read_bytes()

    with pytest.raises(NewerSchema, match=r"made by a newer getatext-gateway .*9999.*upgrade"):
        asyncio.run(opened(f"sqlite:///{path}"))
    assert path.read_bytes() == before


async def test_a_newer_database_is_refused(postgres: Postgres) -> None:
    with postgres.database() as url:
        postgres.sql(f"UPDATE {migrating.VERSION_TABLE} SET version_num = '9999'", url)

        with pytest.raises(NewerSchema, match="made by a newer"):
            await opened(url)
        assert postgres.sql("SELECT count(*) FROM spends", url) == "0\n"


def test_somebody_elses_file_is_refused_and_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()

    with pytest.raises(StoreError, match="something else"):
        asyncio.run(opened(f"sqlite:///{path}"))
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_migration_is_whole_or_not_at_all(
    kind: str, path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken after its last table; the next start makes it whole."""
    whole = migrating.upgrade

    def broken(connection: Connection) -> None:
        whole(connection)
        raise OSError("the power failed")

    async with written_at("0001", "", kind, path, request) as url:
        with monkeypatch.context() as patch:
            patch.setattr(migrating, "upgrade", broken)
            with pytest.raises(StoreError, match="the power failed"):
                await opened(url)

        await opened(url)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_new_database_is_whole_or_not_at_all(
    kind: str, path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken after its last table; the next start makes it whole."""

    def broken(dialect: Dialect) -> Iterator[str]:
        yield from creation(dialect)
        raise OSError("the power failed")

    server: Postgres = request.getfixturevalue("postgres")
    with server.database("template0") as there:
        url = f"sqlite:///{path}" if kind == "sqlite" else there
        with monkeypatch.context() as patch:
            patch.setattr(f"adapters.store.{kind}.opening.creation", broken)
            with pytest.raises(StoreError, match="the power failed"):
                await opened(url)

        await opened(url)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_stored_events_get_their_new_names_and_keep_their_ids(
    kind: str, path: Path, request: pytest.FixtureRequest
) -> None:
    async with (
        written_at("0003", OLD_EVENTS, kind, path, request) as url,
        open_store(url, new_id=new_id) as store,
    ):
        events = await store.events.events(ACCOUNT, 0, 10)
        resumed = await store.events.events(MINE, 1, 10)
        last = await store.events.last_event()
        await buy(store.ledger, rental(9), at=NOW)
        [created] = await store.events.events(ACCOUNT, last, 10)

    assert [(event.id, event.type, rental_of(event).id) for event in events] == [
        (1, "rental.created", 7),
        (2, "rental.code_received", 7),
        (3, "rental.ended", 8),
    ]
    assert rental_of(events[1]).code == "012345"
    assert resumed == [events[1]]
    assert (last, created.id, created.type) == (3, 4, "rental.created")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_whoever_bought_something_before_is_an_accepted_account(
    kind: str, path: Path, request: pytest.FixtureRequest
) -> None:
    async with (
        written_at("0004", OLD_PURCHASES, kind, path, request) as url,
        open_store(url, new_id=new_id) as store,
    ):
        names = ("buyer", "refused", "unsure", "nobody")
        accepted = [await store.accounts.is_accepted(name) for name in names]

    assert accepted == [True, False, False, False]


def codes_of(rental: AnyRental | None) -> list[tuple[str, datetime, bool]]:
    assert isinstance(rental, Rental)
    return [(code.code, code.received_at, code.provisional) for code in rental.codes or ()]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_codes_and_refunds_of_before_are_known(
    kind: str, path: Path, request: pytest.FixtureRequest
) -> None:
    async with (
        written_at("0006", OLD_CODES_AND_REFUNDS, kind, path, request) as url,
        open_store(url, new_id=new_id) as store,
    ):
        ledger = store.ledger
        first, second = [await ledger.find(ACCOUNT, "rental", number) for number in (7, 8)]
        kept, refunded = await ledger.spend("a"), await ledger.spend("b")
        hinted = await store.inbox.latest("account", 8)
        assert [one.id for one in await ledger.unended("account")] == [7]

    assert codes_of(first) == [("012345", from_instant(3), False)]
    assert codes_of(second) == [("777", from_instant(4), True)]
    assert hinted == ProvisionalCode("777", from_instant(4))
    assert isinstance(first, Rental)
    assert isinstance(second, Rental)
    assert (first.refunded, second.refunded) == (None, Decimal("0.55"))
    assert kept is not None
    assert refunded is not None
    assert (kept.refunded_at, kept.refund_reason) == (None, None)
    assert (refunded.refunded_at, refunded.refund_reason) == (from_instant(2), "cancelled")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_what_a_node_of_the_version_before_writes_is_known_too(
    kind: str, path: Path, request: pytest.FixtureRequest
) -> None:
    server: Postgres = request.getfixturevalue("postgres")
    async with (
        written_at("0006", OLD_CODES_AND_REFUNDS, kind, path, request) as url,
        open_store(url, new_id=new_id) as store,
    ):
        await asyncio.to_thread(execute, WRITTEN_BESIDE, url, server)
        read = await store.ledger.find(ACCOUNT, "rental", 7)
        newer = rental(7, code="0815", status=RentalStatus.CANCELLED)
        merged = await store.ledger.record("account", newer, NOW)
        spent = await store.ledger.spending("caller", from_instant(1))
        spend = await store.ledger.spend("a")

    assert [code for code, *_ in codes_of(read)] == ["4711", "012345"]
    assert [code for code, *_ in codes_of(merged)] == ["0815", "4711", "012345"]
    assert isinstance(read, Rental)
    assert read.refunded == Decimal("0.55")
    assert spend is not None
    assert spend.refunded == Decimal("0.55")
    assert str(spent.total) == "0.00"


# As the version of revision 0007 wrote it: `kind`, when, the rental's id.
OLD_EVENT = """
    INSERT INTO events (account_id, caller_id, kind, at, rental, oldest) VALUES
    ('account', 'caller', '%s', 1, '{"provider_id": %d, "ledger_id": "a", "status": "cancelled",
        "service_code": null, "service_name": null, "number": null, "code": null, "code_at": null,
        "price": 550000, "refunded": 550000, "created_at": null, "ends_at": null}', 1);
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_events_of_before_and_of_nodes_of_the_version_before_are_listed_by_their_rental(
    kind: str, path: Path, request: pytest.FixtureRequest
) -> None:
    server: Postgres = request.getfixturevalue("postgres")
    before = OLD_EVENT % ("rental.created", 7) + OLD_EVENT % ("rental.created", 8)
    asked: dict[str, Any] = {"type": None, "after": None, "before": None, "limit": 9}
    async with (
        written_at("0007", before, kind, path, request) as url,
        open_store(url, new_id=new_id) as store,
    ):
        await asyncio.to_thread(execute, OLD_EVENT % ("rental.ended", 7), url, server)
        of_one = await store.events.page(MINE, rental_id=7, **asked)
        of_all = await store.events.page(ACCOUNT, rental_id=None, **asked)
        heard = await store.events.events(ACCOUNT, 0, 9)

    assert [(event.id, event.type) for event in of_one] == [
        (3, "rental.ended"),
        (1, "rental.created"),
    ]
    assert [event.id for event in of_all] == [3, 2, 1]
    assert list(of_all) == list(heard)[::-1]
    assert rental_of(of_one[0]).ended_reason == "cancelled"
    assert rental_of(of_one[0]).refunded == Decimal("0.55")
