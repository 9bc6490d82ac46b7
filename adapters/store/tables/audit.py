"""The core's port `AuditTrail`, over a database. Entries are written with what they tell."""

import json
from collections.abc import Sequence

from sqlalchemy import insert, or_, select

from adapters.store.sql import codec
from adapters.store.sql.database import Database
from adapters.store.sql.schema import audit_log, keys
from adapters.store.sql.statement import Row, Statement, Tx, like, number, text
from gateway.core.model.audit import AuditAction, AuditEntry, AuditRecord

_WRITE = Statement(
    insert(audit_log).values({each.name: like(each) for each in audit_log.c if each.name != "id"})
)
_PAGE = Statement(
    select(audit_log, keys.c.name.label("actor_name"))
    .select_from(audit_log.outerjoin(keys, keys.c.id == audit_log.c.actor))
    .where(or_(number("before").is_(None), audit_log.c.id < number("before")))
    .where(or_(text("about").is_(None), audit_log.c.subject == text("about")))
    .order_by(audit_log.c.id.desc())
    .limit(number("limit"))
)


async def write(tx: Tx, record: AuditRecord) -> None:
    """Write an entry."""
    await tx.execute(
        _WRITE,
        at=codec.to_instant(record.at),
        actor=record.actor,
        action=record.action.value,
        subject=record.subject,
        details=json.dumps(record.details),
    )


class StoredAuditTrail:
    """The entries of all nodes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, *, subject: str | None, before: int | None, limit: int
    ) -> Sequence[AuditEntry]:
        rows = await self._database.read(
            lambda tx: tx.rows(_PAGE, about=subject, before=before, limit=limit)
        )
        return [_entry(row) for row in rows]


def _entry(row: Row) -> AuditEntry:
    return AuditEntry.model_construct(
        id=row["id"],
        timestamp=codec.from_instant(row["at"]),
        actor=row["actor"],
        actor_name=row["actor_name"],
        action=AuditAction(row["action"]),
        subject=row["subject"],
        details=json.loads(row["details"]),
    )
