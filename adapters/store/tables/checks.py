"""Whether a database and a secret belong together, and whether it can be written."""

from collections.abc import Sequence

from sqlalchemy import exists, select

from adapters.store.sql.database import Database
from adapters.store.sql.schema import checks, keys, spends, things
from adapters.store.sql.statement import Statement, Tx, Upsert, text

_SECRET = "secret"  # noqa: S105 - the name of a row
_STANDING = Statement(select(checks.c.value).where(checks.c.name == text("name")))
_row = {"name": text("name"), "value": text("value")}
_PUT = Upsert(checks, _row, lambda new: new.on_conflict_do_nothing(index_elements=[checks.c.name]))
_PROBE = Upsert(
    checks,
    _row,
    lambda new: new.on_conflict_do_update(
        index_elements=[checks.c.name], set_={"value": new.excluded.value}
    ),
)
_HOLDS = tuple(
    Statement(select(exists().select_from(table).label("found")))
    for table in (spends, things, keys)
)
_KNOWS = tuple(
    Statement(select(exists().where(column == text("name")).label("found")))
    for column in (keys.c.hashed, things.c.account_id, spends.c.account_id)
)


async def put_probe(tx: Tx, at: int) -> None:
    """One statement: write down that the database could be written."""
    await tx.execute(_PROBE, name="probe", value=str(at))


class StoredChecks:
    """The check value of the secret, written once, and the names that the secret made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def holds_anything(self) -> bool:
        """Whether the database has rows whose names were made with a secret."""
        return await self._any(_HOLDS)

    async def knows(self, names: Sequence[str]) -> bool:
        """Whether the database has one of these names, made with the secret in question."""
        return any([await self._any(_KNOWS, name=name) for name in names])

    async def standing(self) -> str | None:
        """The check value; None where none was written yet."""
        row = await self._database.read(lambda tx: tx.row(_STANDING, name=_SECRET))
        return None if row is None else str(row["value"])

    async def agree(self, value: str) -> str:
        """Write the check value where there is none; return the one stored."""
        await self._database.alone(lambda tx: tx.execute(_PUT, name=_SECRET, value=value))
        return await self.standing() or value

    async def _any(self, asked: Sequence[Statement], **values: str) -> bool:
        for one in asked:
            row = await self._database.read(lambda tx, one=one: tx.row(one, **values))  # type: ignore[misc]
            if row is not None and row["found"]:
                return True
        return False
