"""The schema of this version for an empty database, without the migrations and their library."""

from collections.abc import Iterator

from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from adapters.store.migrating import HEAD, VERSION_TABLE
from adapters.store.sql.schema import metadata

_VERSION = (  # as Alembic makes and reads it
    f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, "
    f"CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))",
    f"INSERT INTO {VERSION_TABLE} (version_num) VALUES ('{HEAD}')",  # noqa: S608 - constants
)
# Of indexes that seem equally good to it, SQLite takes the newest.
_LAST = ("spends_handing_over",)


def creation(dialect: Dialect) -> Iterator[str]:
    """The statements that make it, for one transaction.

    What they leave differs from what all migrations leave by the order of columns only.
    """
    for table in metadata.sorted_tables:
        yield str(CreateTable(table).compile(dialect=dialect))
        for index in sorted(table.indexes, key=lambda each: (each.name in _LAST, str(each.name))):
            where = index.dialect_options["sqlite"]["where"]
            index.dialect_kwargs[f"{dialect.name}_where"] = where
            yield str(CreateIndex(index).compile(dialect=dialect))
    yield from _VERSION
