"""The core's port `Keys`, over a database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, or_, select, update

from adapters.store.sql import codec
from adapters.store.sql.database import Database
from adapters.store.sql.schema import keys
from adapters.store.sql.statement import Statement, number, text
from gateway.core.model.callers import GatewayKey

_INSERT = Statement(
    insert(keys).values(
        {name: text(name) for name in ("id", "name", "hashed", "limits")}
        | {name: number(name) for name in ("created_at", "revoked_at")}
    )
)
_FIND = Statement(select(keys).where(keys.c.hashed == text("hashed")))
_ALL = Statement(select(keys).order_by(keys.c.created_at, keys.c.id))
_REVOKE = Statement(
    update(keys)
    .where(keys.c.revoked_at.is_(None))
    .where(or_(keys.c.id == text("given"), keys.c.name == text("given")))
    .values(revoked_at=number("now"))
)


class StoredKeys:
    """The keys that the gateway gives out, known by their hashes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, key: GatewayKey) -> None:
        revoked = key.revoked_at
        await self._database.alone(
            lambda tx: tx.execute(
                _INSERT,
                id=key.id,
                name=key.name,
                hashed=key.hashed,
                limits=codec.to_limits(key.limits),
                created_at=codec.to_instant(key.created_at),
                revoked_at=None if revoked is None else codec.to_instant(revoked),
            )
        )

    async def find(self, hashed: str) -> GatewayKey | None:
        row = await self._database.read(lambda tx: tx.row(_FIND, hashed=hashed))
        return None if row is None else codec.gateway_key(row)

    async def all(self) -> Sequence[GatewayKey]:
        rows = await self._database.read(lambda tx: tx.rows(_ALL))
        return [codec.gateway_key(row) for row in rows]

    async def revoke(self, id_or_name: str, at: datetime) -> bool:
        """Revoke every key of this id or name; False where none was left to revoke."""
        now = codec.to_instant(at)
        revoked = await self._database.alone(
            lambda tx: tx.execute(_REVOKE, given=id_or_name, now=now)
        )
        return revoked > 0
