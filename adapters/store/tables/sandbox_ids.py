"""The ids that the sandbox of test keys gives: counted in the database, over all nodes."""

from sqlalchemy import BigInteger, Text, cast, literal_column

from adapters.store.sql.database import Database
from adapters.store.sql.schema import checks
from adapters.store.sql.statement import Upsert, text

_NEXT = Upsert(
    checks,
    {"name": literal_column("'sandbox_id'"), "value": text("value")},
    lambda new: new.on_conflict_do_update(
        index_elements=[checks.c.name],
        set_={"value": cast(cast(checks.c.value, BigInteger) + literal_column("1"), Text)},
    ).returning(checks.c.value),
)


class StoredSandboxIds:
    """A counter that never gives a number twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def next(self, first: int) -> int:
        """The next number, or `first` where none was given. Raises LedgerUnavailable."""
        row = await self._database.alone(lambda tx: tx.row(_NEXT, value=str(first)))
        assert row is not None  # noqa: S101 - it returns the row that it writes
        return int(row["value"])
