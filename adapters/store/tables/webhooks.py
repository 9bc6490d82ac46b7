"""The core's ports `Inbox` and `Outbox`, over a database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.store.sql import codec
from adapters.store.sql.database import Database
from adapters.store.sql.schema import hints, letters
from adapters.store.sql.statement import Row, Statement, Tx, blob, like, number, text
from gateway.core.ports.storage import ProvisionalCode, WebhookDelivery

_hint = upsert(hints).values({column.name: like(column) for column in hints.c})
_KEEP = Statement(
    _hint.on_conflict_do_update(
        index_elements=[hints.c.account_id, hints.c.rental_id],
        set_={name: _hint.excluded[name] for name in ("code", "received_at")},
        where=hints.c.received_at <= _hint.excluded.received_at,
    )
)
_LATEST = Statement(
    select(hints).where(
        hints.c.account_id == text("account_id"), hints.c.rental_id == number("rental_id")
    )
)

_ADD = Statement(
    insert(letters).values(
        {name: text(name) for name in ("target", "query", "content_type")}
        | {"body": blob("body"), "tries": literal_column("0")}
        | {"added_at": number("at"), "due_at": number("at")}
    )
)
# As a common table expression PostgreSQL runs it once, however it joins: the limit holds.
_due = (
    select(letters.c.id)
    .where(letters.c.due_at <= number("at"))
    .order_by(letters.c.due_at, letters.c.id)
    .limit(number("limit"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_DUE = Statement(
    update(letters)
    .where(letters.c.id.in_(select(_due.c.id)))
    .values(due_at=number("until"), tries=letters.c.tries + literal_column("1"))
    .returning(letters)
)
_this = letters.c.id == number("delivery_id")
_PUT_OFF = Statement(update(letters).where(_this).values(due_at=number("at")))
_DONE = Statement(delete(letters).where(_this))


class StoredInbox:
    """Provisional codes from the provider's webhooks, the newest of each rental."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, account_id: str, rental_id: int, seen: ProvisionalCode) -> None:
        """Store it, unless a newer one is there: webhooks may come twice, and out of order."""
        at = codec.to_instant(seen.received_at)
        code = codec.storable(seen.code)
        await self._database.alone(
            lambda tx: tx.execute(
                _KEEP, account_id=account_id, rental_id=rental_id, code=code, received_at=at
            )
        )

    async def latest(self, account_id: str, rental_id: int) -> ProvisionalCode | None:
        row = await self._database.read(
            lambda tx: tx.row(_LATEST, account_id=account_id, rental_id=rental_id)
        )
        if row is None:
            return None
        return ProvisionalCode(row["code"], codec.from_instant(row["received_at"]))


class StoredOutbox:
    """Webhook deliveries that are not done, in a table that all nodes take from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, targets: Sequence[str], query: str, content_type: str, body: bytes, at: datetime
    ) -> None:
        """Store one delivery for each target: all of them or none."""
        now = codec.to_instant(at)

        async def add_all(tx: Tx) -> None:
            for target in targets:
                await tx.execute(
                    _ADD, target=target, query=query, content_type=content_type, body=body, at=now
                )

        await self._database.write(add_all)

    async def due(self, at: datetime, until: datetime, limit: int) -> Sequence[WebhookDelivery]:
        now, then = codec.to_instant(at), codec.to_instant(until)
        rows = await self._database.alone(lambda tx: tx.rows(_DUE, at=now, until=then, limit=limit))
        return sorted(map(_delivery, rows), key=lambda delivery: delivery.id)

    async def put_off(self, delivery_id: int, at: datetime) -> None:
        then = codec.to_instant(at)
        await self._database.alone(
            lambda tx: tx.execute(_PUT_OFF, delivery_id=delivery_id, at=then)
        )

    async def done(self, delivery_id: int) -> None:
        await self._database.alone(lambda tx: tx.execute(_DONE, delivery_id=delivery_id))


def _delivery(row: Row) -> WebhookDelivery:
    names = ("id", "target", "query", "content_type", "tries")
    return WebhookDelivery(body=bytes(row["body"]), **{name: row[name] for name in names})
