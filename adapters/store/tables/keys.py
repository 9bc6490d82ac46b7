"""The core's port `Keys`, over a database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, literal_column, select, update
from sqlalchemy import text as sql

from adapters.store.sql import codec
from adapters.store.sql.database import Database
from adapters.store.sql.schema import keys
from adapters.store.sql.statement import Statement, Tx, number, text
from gateway.core.model.callers import GATEWAY_KEY_PREFIX, GatewayKey
from gateway.core.ports.storage import NameTaken

_INSERT = Statement(
    insert(keys).values(
        {name: text(name) for name in ("id", "name", "hashed", "limits")}
        | {name: number(name) for name in ("created_at", "revoked_at")}
    )
)
_FIND = Statement(select(keys).where(keys.c.hashed == text("hashed")))
_BY_ID = Statement(select(keys).where(keys.c.id == text("id")))
_ALL = Statement(select(keys).order_by(keys.c.created_at, keys.c.id))
_UNREVOKED = Statement(select(keys).where(keys.c.revoked_at.is_(None)))
_REVOKE = Statement(
    update(keys)
    .where(keys.c.revoked_at.is_(None), keys.c.id == text("key_id"))
    .values(revoked_at=number("now"))
)
# No two transactions that add keys run at once: in SQLite none that write do.
_LOCK = Statement(
    select(literal_column("1")), in_postgres=sql("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE")
)


class StoredKeys:
    """The keys that the gateway gives out, known by their hashes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, key: GatewayKey) -> None:
        await self._database.write(lambda tx: _create(tx, key))

    async def find(self, hashed: str) -> GatewayKey | None:
        row = await self._database.read(lambda tx: tx.row(_FIND, hashed=hashed))
        return None if row is None else codec.gateway_key(row)

    async def of_caller(self, caller_id: str) -> GatewayKey | None:
        key_id = caller_id.removeprefix(GATEWAY_KEY_PREFIX)
        row = await self._database.read(lambda tx: tx.row(_BY_ID, id=key_id))
        return None if row is None else codec.gateway_key(row)

    async def all(self) -> Sequence[GatewayKey]:
        rows = await self._database.read(lambda tx: tx.rows(_ALL))
        return [codec.gateway_key(row) for row in rows]

    async def revoke(self, key_id: str, at: datetime) -> bool:
        now = codec.to_instant(at)
        revoked = await self._database.alone(lambda tx: tx.execute(_REVOKE, key_id=key_id, now=now))
        return revoked > 0


async def _create(tx: Tx, key: GatewayKey) -> None:
    """Insert a key whose name no living one has. Raises NameTaken."""
    await tx.rows(_LOCK)
    for other in map(codec.gateway_key, await tx.rows(_UNREVOKED)):
        if other.name.strip() == key.name.strip() and other.is_living(key.created_at):
            raise NameTaken(other.id)
    revoked = key.revoked_at
    await tx.execute(
        _INSERT,
        id=key.id,
        name=key.name,
        hashed=key.hashed,
        limits=codec.to_limits(key.limits),
        created_at=codec.to_instant(key.created_at),
        revoked_at=None if revoked is None else codec.to_instant(revoked),
    )
