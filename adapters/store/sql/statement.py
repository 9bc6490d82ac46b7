"""Statements, compiled once for each of the two databases, and the transaction that runs them."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ClauseElement,
    Column,
    LargeBinary,
    Table,
    Text,
    bindparam,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect

from adapters.store.errors import Unstorable
from gateway.core.model.ledger_news import LedgerNews

T = TypeVar("T")
Value = str | int | bytes | None
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


class Row(Protocol):
    """A row of either driver: its columns by name."""

    def __getitem__(self, name: str, /) -> Any: ...


class Tx(Protocol):
    """A transaction. In SQLite none of these methods ever suspends.

    `news` is told once the transaction is committed.
    """

    news: list[LedgerNews]

    async def rows(self, statement: "Statement", /, **values: Value) -> Sequence[Row]:
        """All rows of the result."""

    async def row(self, statement: "Statement", /, **values: Value) -> Row | None:
        """The first row of the result, if any."""

    async def execute(self, statement: "Statement", /, **values: Value) -> int:
        """Run it; how many rows it changed."""


Job = Callable[[Tx], Coroutine[Any, Any, T]]
"""A unit of work inside one transaction."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """One statement for one database, and the order of its values."""

    sql: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]

    def bind(self, values: Mapping[str, Value]) -> list[Value]:
        """The values in order; raises Unstorable where either database would refuse one."""
        if self.fixed:
            values = {**self.fixed, **values}
        bound = [values[name] for name in self.names]
        for value in bound:
            if isinstance(value, str):
                _check_text(value)
            elif isinstance(value, int) and not _LOWEST <= value <= _HIGHEST:
                raise Unstorable("a number beyond 64 bits")
        return bound


class Statement:
    """A statement of SQLAlchemy Core with named values, compiled at its first use."""

    def __init__(self, clause: ClauseElement, *, in_postgres: ClauseElement | None = None) -> None:
        """`in_postgres`: the statement for PostgreSQL, where it differs."""
        self.clause = clause
        self._in_postgres = in_postgres

    @cached_property
    def sqlite(self) -> Compiled:
        """SQL with question marks for values."""
        return _compile(self.clause, sqlite.dialect(paramstyle="qmark"))

    @cached_property
    def postgres(self) -> Compiled:
        """SQL with $1, $2, … for values."""
        from sqlalchemy.dialects.postgresql import asyncpg  # two mebibytes, not for SQLite

        return _compile(self._for_postgres(), asyncpg.dialect())  # type: ignore[no-untyped-call]

    def _for_postgres(self) -> ClauseElement:
        return self.clause if self._in_postgres is None else self._in_postgres


class Upsert(Statement):
    """An INSERT that says what becomes of a row that is there: made for each database by itself."""

    def __init__(
        self,
        table: Table,
        values: Any,
        conflict: Callable[[sqlite.Insert], ClauseElement],
    ) -> None:
        """`values`: as of SQLAlchemy's insert; `conflict` adds what is done about such a row."""
        self._conflict = conflict
        self._table, self._values = table, values
        super().__init__(conflict(sqlite.insert(table).values(values)))

    def _for_postgres(self) -> ClauseElement:
        from sqlalchemy.dialects.postgresql import insert

        new: Any = insert(self._table).values(self._values)
        return self._conflict(new)


def number(name: str) -> BindParameter[int]:
    """A named integer value."""
    return bindparam(name, type_=BigInteger())


def text(name: str) -> BindParameter[str]:
    """A named text value."""
    return bindparam(name, type_=Text())


def blob(name: str) -> BindParameter[bytes]:
    """A named value of bytes."""
    return bindparam(name, type_=LargeBinary())


def like(column: Column[Any], name: str | None = None) -> BindParameter[Any]:
    """A named value of a column's type."""
    return bindparam(name or column.name, type_=column.type)


def _compile(clause: ClauseElement, dialect: Dialect) -> Compiled:
    made: Any = clause.compile(dialect=dialect)
    fixed = {name: value for name, value in made.params.items() if value is not None}
    return Compiled(made.string, tuple(made.positiontup or ()), fixed)


def _check_text(value: str) -> None:
    if "\0" in value:
        raise Unstorable("a text with a NUL in it")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unstorable("a text that is not Unicode") from None
