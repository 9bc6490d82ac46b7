"""The core's port `Keys`, over a database."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import insert, literal_column, or_, select, update
from sqlalchemy import text as sql

from adapters.store.sql import codec
from adapters.store.sql.database import Database
from adapters.store.sql.schema import checks, keys
from adapters.store.sql.statement import Statement, Tx, Upsert, Value, like, text
from adapters.store.tables import audit
from gateway.core.model.audit import AuditRecord
from gateway.core.model.callers import GatewayKey, key_id_of
from gateway.core.ports.storage import NameTaken

_VERSION = "keys"  # the name of a row of checks: changed with every key
_INSERT = Statement(insert(keys).values({each.name: like(each) for each in keys.c}))
_FIND = Statement(
    select(keys).where(
        or_(keys.c.hashed == text("hashed"), keys.c.previous_hashed == text("hashed"))
    )
)
_BY_ID = Statement(select(keys).where(keys.c.id == text("id")))
_ALL = Statement(select(keys).order_by(keys.c.created_at, keys.c.id))
_NAMED = Statement(select(keys).where(keys.c.revoked_at.is_(None), keys.c.name == text("name")))
_UPDATE = Statement(
    update(keys)
    .where(keys.c.id == text("key_id"))
    .values({each.name: like(each) for each in keys.c if each.name != "id"})
)
# No two transactions that change keys run at once: in SQLite none that write do.
_LOCK = Statement(
    select(literal_column("1")), in_postgres=sql("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE")
)
_CHANGED = Upsert(
    checks,
    {"name": text("name"), "value": text("value")},
    lambda new: new.on_conflict_do_update(
        index_elements=[checks.c.name], set_={"value": new.excluded.value}
    ),
)
_STANDING = Statement(select(checks.c.value).where(checks.c.name == text("name")))


class StoredKeys:
    """The keys that the gateway gives out, known by their hashes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written = database.written()
        self._version: str | None = None

    async def create(self, key: GatewayKey, audit: AuditRecord | None = None) -> None:
        await self._database.write(lambda tx: create(tx, key, audit))

    async def find(self, hashed: str) -> GatewayKey | None:
        row = await self._database.read(lambda tx: tx.row(_FIND, hashed=hashed))
        return None if row is None else codec.gateway_key(row)

    async def of_caller(self, caller_id: str) -> GatewayKey | None:
        return await self.by_id(key_id_of(caller_id))

    async def by_id(self, key_id: str) -> GatewayKey | None:
        row = await self._database.read(lambda tx: tx.row(_BY_ID, id=key_id))
        return None if row is None else codec.gateway_key(row)

    async def all(self) -> Sequence[GatewayKey]:
        rows = await self._database.read(lambda tx: tx.rows(_ALL))
        return [codec.gateway_key(row) for row in rows]

    async def change(
        self,
        key_id: str,
        made: Callable[[GatewayKey], GatewayKey],
        at: datetime,
        audit: AuditRecord | None = None,
    ) -> GatewayKey | None:
        return await self._database.write(lambda tx: _change(tx, key_id, made, at, audit))

    async def revoke(self, key_id: str, at: datetime, audit: AuditRecord | None = None) -> bool:
        revoked = await self.change(key_id, lambda key: replace(key, revoked_at=at), at, audit)
        return revoked is not None

    async def version(self) -> str:
        if self._written() or self._version is None:
            self._version = None  # should the read fail
            self._version = await self._database.read(version)
        return self._version


async def version(tx: Tx) -> str:
    """As Keys.version."""
    row = await tx.row(_STANDING, name=_VERSION)
    return "" if row is None else str(row["value"])


async def create(tx: Tx, key: GatewayKey, record: AuditRecord | None) -> None:
    """Insert a key whose name no living one has. Raises NameTaken."""
    await tx.rows(_LOCK)
    if key.revoked_at is None:
        await _free_name(tx, key, key.created_at)
    await tx.execute(_INSERT, **_columns(key))
    await _written(tx, record)


async def _change(
    tx: Tx,
    key_id: str,
    made: Callable[[GatewayKey], GatewayKey],
    at: datetime,
    record: AuditRecord | None,
) -> GatewayKey | None:
    await tx.rows(_LOCK)
    row = await tx.row(_BY_ID, id=key_id)
    if row is None or row["revoked_at"] is not None:
        return None
    before = codec.gateway_key(row)
    changed = made(before)
    if changed.name != before.name:
        await _free_name(tx, changed, at)
    await tx.execute(_UPDATE, key_id=key_id, **_columns(changed))
    await _written(tx, record)
    return changed


async def _free_name(tx: Tx, key: GatewayKey, at: datetime) -> None:
    """See that no unrevoked key has this name: an expired one ends when it expired.

    Raises NameTaken.
    """
    row = await tx.row(_NAMED, name=key.name.strip())
    if row is None or row["id"] == key.id:
        return
    other = codec.gateway_key(row)
    if other.is_living(at):
        raise NameTaken(other.id)
    ended = replace(other, revoked_at=other.limits.expires_at)
    await tx.execute(_UPDATE, key_id=other.id, **_columns(ended))


async def _written(tx: Tx, record: AuditRecord | None) -> None:
    """Write down what was done, and that keys have changed."""
    if record is not None:
        await audit.write(tx, record)
    await tx.execute(_CHANGED, name=_VERSION, value=secrets.token_hex(8))


def _columns(key: GatewayKey) -> dict[str, Value]:
    revoked, until = key.revoked_at, key.previous_until
    return {
        "id": key.id,
        "name": key.name.strip(),
        "hashed": key.hashed,
        "limits": codec.to_limits(key.limits),
        "created_at": codec.to_instant(key.created_at),
        "revoked_at": None if revoked is None else codec.to_instant(revoked),
        "previous_hashed": key.previous_hashed,
        "previous_until": None if until is None else codec.to_instant(until),
        "parent_id": key.parent_id,
        "test": int(key.test) or None,
    }
