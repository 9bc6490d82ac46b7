"""What the tables are made of.

Only integers, texts and blobs, so that rows pass the drivers without converters: amounts are
millionths of a dollar, instants microseconds since 1970 in UTC, days and enumerations text.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, MetaData, Table, Text, literal_column

from gateway.core.model.callers import TEST_ACCOUNT_ID

metadata = MetaData()

Sortable = Text().with_variant(Text(collation="C"), "postgresql")
"""Text compared byte by byte, whatever the server's collation."""

# SQLite makes ids only in a column of exactly this type, and gives the ids of deleted rows again
# without AUTOINCREMENT.
Counted = BigInteger().with_variant(Integer(), "sqlite")
"""The type of an id that the database makes."""


def one_of(column: ColumnElement[str], *words: str) -> ColumnElement[bool]:
    """A condition with the words as literals: partial indexes only serve such conditions."""
    return column.in_([literal_column(f"'{word}'") for word in words])


def not_test(table: Table) -> ColumnElement[bool]:
    """A condition that leaves out what belongs to test keys."""
    return table.c.account_id != literal_column(f"'{TEST_ACCOUNT_ID}'")


def partial(condition: ColumnElement[bool]) -> dict[str, Any]:
    """What makes an index one of the rows that fit.

    For PostgreSQL `creation` says the same: to name that here loads all that is for it.
    """
    return {"sqlite_where": condition}
