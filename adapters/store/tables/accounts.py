"""The core's port `Accounts`, over a database."""

from datetime import datetime

from sqlalchemy import exists, select

from adapters.store.sql import codec
from adapters.store.sql.database import Database
from adapters.store.sql.schema import accounts
from adapters.store.sql.statement import Statement, Upsert, number, text

_ACCEPT = Upsert(
    accounts,
    {"id": text("id"), "accepted_at": number("accepted_at")},
    lambda new: new.on_conflict_do_nothing(index_elements=[accounts.c.id]),
)
_IS_ACCEPTED = Statement(select(exists().where(accounts.c.id == text("id")).label("found")))


class StoredAccounts:
    """The accounts that the provider has accepted, known by the hashes of their keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_accepted(self, account_id: str) -> bool:
        """Whether the account is stored."""
        row = await self._database.read(lambda tx: tx.row(_IS_ACCEPTED, id=account_id))
        return row is not None and bool(row["found"])

    async def accept(self, account_id: str, at: datetime) -> None:
        """Store the account, if it is not."""
        now = codec.to_instant(at)
        await self._database.alone(lambda tx: tx.execute(_ACCEPT, id=account_id, accepted_at=now))
