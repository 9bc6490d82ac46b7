"""Migrations only add, so that nodes of the version before go on working beside newer ones."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from adapters.store import migrating, open_store
from adapters.store.sql.schema import metadata
from tests.support.ledger import ACCOUNT, buy, intent, new_id, rental, rental_of
from tests.support.postgres import Postgres

FIRST = "0004"  # what older ones did, was done before there were nodes to go on working
_HARMLESS = re.compile(rf"SELECT|PRAGMA|(INSERT INTO|UPDATE|DELETE FROM) {migrating.VERSION_TABLE}")
# What the version before writes is unique there, too: it checks the names of living keys itself.
_UNIQUE_BEFORE = r"CREATE UNIQUE INDEX keys_name ON keys "
_ADDING = re.compile(rf"ALTER TABLE \w+ ADD COLUMN|CREATE INDEX|{_UNIQUE_BEFORE}")
_NEW = re.compile(r"CREATE TABLE (\w+)|CREATE UNIQUE INDEX \w+ ON (\w+)|INSERT INTO (\w+)")

T = TypeVar("T")
Schema = dict[str, dict[str, tuple[str, bool, Any]]]


def schema(connection: sa.Connection) -> Schema:
    """Every table's columns: type, whether it may be null, and its default."""
    seen = sa.inspect(connection)
    return {
        table: {
            column["name"]: (str(column["type"]), column["nullable"], column.get("default"))
            for column in seen.get_columns(table)
        }
        for table in seen.get_table_names()
    }


def breaches(connection: sa.Connection, migrate: Callable[[sa.Connection], None]) -> list[str]:
    """What in a migration a node of the version before might stumble over."""
    before, said = schema(connection), list[str]()

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        said.append(" ".join(statement.split()))

    sa.event.listen(connection, "before_cursor_execute", note)
    migrate(connection)
    sa.event.remove(connection, "before_cursor_execute", note)
    after = schema(connection)
    return [
        *(line for line in said if not _only_adds(line, before)),
        *(f"{table} changed" for table in before if not _same_and_more(table, before, after)),
    ]


def _only_adds(statement: str, before: Schema) -> bool:
    """Whether it adds, or has to do with tables only that the version before does not know."""
    if _HARMLESS.match(statement) or _ADDING.match(statement):
        return True
    found = _NEW.match(statement)
    return found is not None and not before.keys() & set(found.groups())


def _same_and_more(table: str, before: Schema, after: Schema) -> bool:
    """Whether old columns are as they were, and rows that leave the new ones out can be written."""
    old, new = before[table], after.get(table, {})
    added = [new[name] for name in new.keys() - old.keys()]
    kept = {name: new.get(name) for name in old} == old
    return kept and all(nullable or default is not None for _, nullable, default in added)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database in which nothing is."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'gateway.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.database("template0") as there:
        yield there


def on(url: str, work: Callable[[sa.Connection], T]) -> T:
    """Do it in one transaction on a connection of its own."""
    if url.startswith("sqlite"):
        with sa.create_engine(url, poolclass=NullPool).begin() as connection:
            return work(connection)

    async def there() -> T:
        asynchronous = url.replace("postgresql://", "postgresql+asyncpg://")
        async with create_async_engine(asynchronous, poolclass=NullPool).begin() as connection:
            return await connection.run_sync(work)

    return asyncio.run(there())


@contextmanager
def head(revision: str) -> Iterator[None]:
    """As the version of this revision migrates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrating, "HEAD", revision)
        yield


def migrated(url: str, revision: str) -> list[str]:
    """What was wrong with the way to this revision."""
    with head(revision):
        return on(url, lambda connection: breaches(connection, migrating.upgrade))


def test_every_migration_only_adds(url: str) -> None:
    scripts = ScriptDirectory(str(Path(migrating.__file__).parent / "migrations"))
    revisions = [script.revision for script in scripts.walk_revisions()][::-1]
    migrated(url, FIRST)
    later = revisions[revisions.index(FIRST) + 1 :]

    wrong = [(revision, line) for revision in later for line in migrated(url, revision)]

    assert wrong == []
    assert on(url, schema).keys() >= metadata.tables.keys()


def test_what_changes_what_is_there_would_be_found(url: str) -> None:
    migrated(url, "0002")

    assert [line[:28] for line in migrated(url, "0003")] == [
        "UPDATE spends SET sees_accou",
        "INSERT INTO totals (caller_i",
    ]
    assert [line[:20] for line in migrated(url, "0004")] == ["UPDATE events SET ki"]


STEPS: list[tuple[Callable[[], Any], bool]] = [
    (lambda: op.create_table("t", sa.Column("a", sa.Text, nullable=False)), True),
    (lambda: op.add_column("spends", sa.Column("a", sa.Text)), True),
    (lambda: op.add_column("spends", sa.Column("a", sa.Text, server_default="x")), True),
    (lambda: op.create_index("i", "spends", ["at"]), True),
    (lambda: op.create_index("i", "spends", ["at"], unique=True), False),
    (lambda: op.drop_table("checks"), False),
    (lambda: op.rename_table("checks", "tests"), False),
    (lambda: op.drop_index("spends_callers", "spends"), False),
    (lambda: op.execute("ALTER TABLE checks RENAME COLUMN value TO said"), False),
    (lambda: op.execute("ALTER TABLE checks DROP COLUMN value"), False),
    (lambda: op.execute("INSERT INTO checks VALUES ('a', 'b')"), False),
    (lambda: op.execute("DELETE FROM spends"), False),
]


@pytest.mark.parametrize(("step", "adds"), STEPS, ids=range(len(STEPS)))
def test_only_additions_pass(url: str, step: Callable[[], Any], adds: bool) -> None:
    def migrate(connection: sa.Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            step()

    migrated(url, FIRST)
    found = on(url, lambda connection: breaches(connection, migrate))

    assert (found == []) is adds


def test_a_new_column_that_old_nodes_do_not_fill_is_found() -> None:
    before: Schema = {"t": {"a": ("TEXT", False, None)}}
    without: Schema = {"t": {**before["t"], "b": ("TEXT", False, None)}}
    with_one: Schema = {"t": {**before["t"], "b": ("TEXT", False, "'x'")}}

    assert not _same_and_more("t", before, without)
    assert _same_and_more("t", before, with_one)


def test_a_node_that_runs_goes_on_while_another_adds_to_its_database(url: str) -> None:
    def add(connection: sa.Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            for table in metadata.tables:
                op.add_column(table, sa.Column("added", sa.Text))
                op.add_column(table, sa.Column("more", sa.BigInteger, server_default="7"))
            op.create_table("newer", sa.Column("a", sa.Text, nullable=False))

    async def run() -> list[int | None]:
        async with open_store(url, new_id=new_id) as store:
            await buy(store.ledger, rental(1), request_id="one")
            await asyncio.to_thread(on, url, add)
            await buy(store.ledger, rental(2), request_id="two")
            assert await store.ledger.begin(intent(request_id="one")) is not None
            found = await store.events.events(ACCOUNT, 0, 10)
            return [rental_of(event).id for event in found]

    assert asyncio.run(run()) == [1, 2]
