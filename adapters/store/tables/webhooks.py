"""The core's ports `Inbox` and `Outbox`, over a database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, literal_column, select, update

from adapters.store.sql import codec
from adapters.store.sql.database import Database
from adapters.store.sql.schema import letters
from adapters.store.sql.statement import Row, Statement, Tx, blob, number, text
from adapters.store.tables import codes, events
from gateway.core.ports.storage import ForwardedWebhook, ProvisionalCode

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
    """Codes from the provider's webhooks, which come twice at times, and out of order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, account_id: str, rental_id: int, seen: ProvisionalCode) -> None:
        at = codec.to_instant(seen.received_at)
        code = codec.storable(seen.code) or ""

        async def announce(tx: Tx) -> None:
            if await codes.announce(tx, account_id, rental_id, code, at):
                await events.notify(tx, account_id, rental_id)

        await self._database.write(announce)

    async def latest(self, account_id: str, rental_id: int) -> ProvisionalCode | None:
        code = await self._database.read(
            lambda tx: codes.latest_announced(tx, account_id, rental_id)
        )
        return None if code is None else ProvisionalCode(code.code, code.received_at)

    async def announced(self, account_id: str, rental_id: int, code: str) -> bool:
        kept = codec.storable(code) or ""
        return await self._database.read(
            lambda tx: codes.is_announced(tx, account_id, rental_id, kept)
        )


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

    async def due(self, at: datetime, until: datetime, limit: int) -> Sequence[ForwardedWebhook]:
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


def _delivery(row: Row) -> ForwardedWebhook:
    names = ("id", "target", "query", "content_type", "tries")
    return ForwardedWebhook(body=bytes(row["body"]), **{name: row[name] for name in names})
