"""The core's port `Inbox`, over a database."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from adapters.store import codec
from adapters.store.database import Database
from adapters.store.schema import hints
from adapters.store.statement import Statement, like, number, text
from gateway.core.ports import SeenCode

_new = insert(hints).values({column.name: like(column) for column in hints.c})
_KEEP = Statement(
    _new.on_conflict_do_update(
        index_elements=[hints.c.account_id, hints.c.rental_id],
        set_={name: _new.excluded[name] for name in ("code", "received_at")},
        where=hints.c.received_at <= _new.excluded.received_at,
    )
)
_LATEST = Statement(
    select(hints).where(
        hints.c.account_id == text("account_id"), hints.c.rental_id == number("rental_id")
    )
)


class StoredInbox:
    """What webhooks told of codes, the newest of each rental."""

    def __init__(self, database: Database) -> None:
        """`database` is open."""
        self._database = database

    async def keep(self, account_id: str, rental_id: int, seen: SeenCode) -> None:
        """Keep it, unless a newer one is here: webhooks may come twice, and out of order."""
        at = codec.to_instant(seen.received_at)
        code = codec.told(seen.code)
        await self._database.alone(
            lambda tx: tx.execute(
                _KEEP, account_id=account_id, rental_id=rental_id, code=code, received_at=at
            )
        )

    async def latest(self, account_id: str, rental_id: int) -> SeenCode | None:
        """The newest, if any."""
        row = await self._database.read(
            lambda tx: tx.row(_LATEST, account_id=account_id, rental_id=rental_id)
        )
        if row is None:
            return None
        return SeenCode(row["code"], codec.from_instant(row["received_at"]))
