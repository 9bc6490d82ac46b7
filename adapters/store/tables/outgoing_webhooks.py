"""The core's port `OutgoingWebhooks`, over a database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from sqlalchemy import delete, func, insert, literal_column, null, or_, select, update
from sqlalchemy import text as sql

from adapters.store.sql import codec
from adapters.store.sql.database import AlarmReports, Database
from adapters.store.sql.schema import deliveries, events, pending, webhooks
from adapters.store.sql.statement import Row, Statement, Tx, like, number, text
from adapters.store.tables import audit as audits
from adapters.store.tables import webhook_deliveries as queue
from adapters.store.tables.events import LAST, raise_alarm
from gateway.core.model.audit import AuditRecord
from gateway.core.model.events import Alarm, EventDetails, EventType
from gateway.core.model.purchases import View
from gateway.core.model.webhooks import (
    DeliveryState,
    DisabledReason,
    StoredWebhook,
    WebhookDelivery,
    WebhookFormat,
)
from gateway.core.ports.webhooks import (
    DueDelivery,
    MostWebhooks,
    RecordedTry,
    StandingWebhook,
    TooManyWebhooks,
)

_INSERT = Statement(insert(webhooks).values({each.name: like(each) for each in webhooks.c}))
_this = webhooks.c.id == text("webhook_id")
_enabled = webhooks.c.disabled_reason.is_(None)
_FIND = Statement(select(webhooks).where(_this))
_HOLD = Statement(select(webhooks).where(_this, _enabled).with_for_update())
_in_order = select(webhooks).order_by(webhooks.c.created_at, webhooks.c.id)
_of_account = webhooks.c.account_id == text("account_id")
_OF_ACCOUNT = Statement(_in_order.where(_of_account))
_OF_CALLER = Statement(_in_order.where(_of_account, webhooks.c.caller_id == text("caller_id")))
_DELETE = Statement(delete(webhooks).where(_this))
_ENABLE = Statement(
    update(webhooks)
    .where(_this)
    .values(
        description=text("described"),
        disabled_reason=null(),
        failing_since=null(),
        cursor=number("last"),
    )
)
_DESCRIBE = Statement(update(webhooks).where(_this).values(description=text("described")))
_DISABLE = Statement(
    update(webhooks).where(_this, _enabled).values(disabled_reason=text("why")).returning(webhooks)
)
_LOOKED = Statement(
    update(webhooks).where(_this, webhooks.c.cursor < number("last")).values(cursor=number("last"))
)
_SUCCEEDED = Statement(
    update(webhooks)
    .where(_this, webhooks.c.failing_since.is_not(None))
    .values(failing_since=null())
)
_FAILED = Statement(
    update(webhooks)
    .where(_this)
    .values(failing_since=func.coalesce(webhooks.c.failing_since, number("now")))
    .returning(webhooks.c.failing_since)
)
_last = (
    select(func.max(events.c.id))
    .where(events.c.account_id == webhooks.c.account_id)
    .scalar_subquery()
)
_due = (
    select(func.min(deliveries.c.due_at))
    .where(deliveries.c.webhook_id == webhooks.c.id, pending)
    .scalar_subquery()
)
_standing = select(webhooks, _last.label("last_event"), _due.label("next_due")).where(_enabled)
_STANDING = Statement(_standing)
_WAITING = Statement(_standing.where(or_(webhooks.c.cursor < _last, _due <= number("now"))))
# No two transactions that add webhooks run at once: in SQLite none that write do.
_LOCK = Statement(
    select(literal_column("1")),
    in_postgres=sql("LOCK TABLE webhooks IN SHARE ROW EXCLUSIVE MODE"),
)
_DECIDE = ("caller_id", "url", "events", "service_code", "format")
"""What makes two webhooks of an account the same."""


class StoredWebhooks:
    """Webhooks, and the events on their way to them."""

    def __init__(self, database: Database, alarms: AlarmReports) -> None:
        """`alarms` are told once they are written."""
        self._database = database
        self._alarms = alarms

    async def create(
        self, webhook: StoredWebhook, most: MostWebhooks, audit: AuditRecord | None = None
    ) -> tuple[StoredWebhook, bool]:
        async def created(tx: Tx) -> tuple[StoredWebhook, bool]:
            made, new = await _create(tx, webhook, most)
            if audit is not None:
                await audits.write(tx, replace(audit, subject=made.id))
            return made, new

        return await self._database.write(created)

    async def find(self, webhook_id: str) -> StoredWebhook | None:
        row = await self._database.read(lambda tx: tx.row(_FIND, webhook_id=webhook_id))
        return None if row is None else _webhook(row)

    async def all(self, view: View) -> Sequence[StoredWebhook]:
        asked = {"account_id": view.account_id}
        if view.caller_id is not None:
            asked["caller_id"] = view.caller_id
        statement = _OF_ACCOUNT if view.caller_id is None else _OF_CALLER
        rows = await self._database.read(lambda tx: tx.rows(statement, **asked))
        return [_webhook(row) for row in rows]

    async def delete(self, webhook_id: str, audit: AuditRecord | None = None) -> bool:
        async def both(tx: Tx) -> bool:
            deleted = await tx.execute(_DELETE, webhook_id=webhook_id) > 0
            await queue.forget(tx, webhook_id)
            if audit is not None and deleted:
                await audits.write(tx, audit)
            return deleted

        return await self._database.write(both)

    async def standing(self) -> Sequence[StandingWebhook]:
        rows = await self._database.read(lambda tx: tx.rows(_STANDING))
        return [_standing_webhook(row) for row in rows]

    async def waiting(self, at: datetime) -> Sequence[StandingWebhook]:
        now = codec.to_instant(at)
        rows = await self._database.read(lambda tx: tx.rows(_WAITING, now=now))
        return [_standing_webhook(row) for row in rows]

    async def disable(self, webhook_id: str, reason: DisabledReason, at: datetime) -> bool:
        now = codec.to_instant(at)
        alarm = await self._database.write(lambda tx: _disable(tx, webhook_id, reason, now))
        if alarm is not None:
            self._alarms.tell([alarm])
        return alarm is not None

    async def queue(
        self, webhook_id: str, events: Sequence[tuple[int, EventType]], cursor: int, at: datetime
    ) -> int:
        now = codec.to_instant(at)

        async def add(tx: Tx) -> int:
            if await tx.row(_HOLD, webhook_id=webhook_id) is None:
                return 0
            await queue.add(tx, webhook_id, events, now)
            await tx.execute(_LOOKED, webhook_id=webhook_id, last=cursor)
            return await queue.count(tx, webhook_id)

        return await self._database.write(add)

    async def requeue(
        self, webhook_id: str, events: Sequence[tuple[int, EventType]], at: datetime
    ) -> int:
        now = codec.to_instant(at)

        async def again(tx: Tx) -> int:
            if await tx.row(_HOLD, webhook_id=webhook_id) is None:
                return 0
            return await queue.add_again(tx, webhook_id, events, now)

        return await self._database.write(again)

    async def redeliver(self, webhook_id: str, event_id: int, at: datetime) -> bool:
        now = codec.to_instant(at)
        return await self._database.write(lambda tx: queue.redeliver(tx, webhook_id, event_id, now))

    async def due(self, webhook_id: str, at: datetime, limit: int) -> Sequence[DueDelivery]:
        now = codec.to_instant(at)
        return await self._database.read(lambda tx: queue.due(tx, webhook_id, now, limit))

    async def next_due(self, webhook_id: str) -> datetime | None:
        return _moment(await self._database.read(lambda tx: queue.next_due(tx, webhook_id)))

    async def record(self, webhook_id: str, tried: RecordedTry) -> datetime | None:
        now = codec.to_instant(tried.at)

        async def both(tx: Tx) -> int | None:
            await queue.record(tx, webhook_id, tried)
            if tried.outcome.delivered:
                await tx.execute(_SUCCEEDED, webhook_id=webhook_id)
                return None
            row = await tx.row(_FAILED, webhook_id=webhook_id, now=now)
            return None if row is None else int(row["failing_since"])

        return _moment(await self._database.write(both))

    async def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None, before: int | None, limit: int
    ) -> Sequence[WebhookDelivery]:
        return await self._database.read(
            lambda tx: queue.page(tx, webhook_id, state, before, limit)
        )


async def _create(tx: Tx, webhook: StoredWebhook, most: MostWebhooks) -> tuple[StoredWebhook, bool]:
    """The one that is the same, enabled; else this one, stored. Raises TooManyWebhooks."""
    await tx.rows(_LOCK)
    newest = await tx.row(LAST)
    last = (newest and newest["id"]) or 0
    there = [_webhook(row) for row in await tx.rows(_OF_ACCOUNT, account_id=webhook.account_id)]
    for other in there:
        if all(getattr(other, name) == getattr(webhook, name) for name in _DECIDE):
            return await _again(tx, other, webhook.description or other.description, last), False
    if sum(other.caller_id == webhook.caller_id for other in there) >= most.of_key:
        raise TooManyWebhooks("key", most.of_key)
    if len(there) >= most.of_account:
        raise TooManyWebhooks("account", most.of_account)
    made = replace(webhook, cursor=last)
    await tx.execute(
        _INSERT,
        id=made.id,
        account_id=made.account_id,
        caller_id=made.caller_id,
        url=made.url,
        events=",".join(made.events),
        service_code=made.service_code,
        description=made.description,
        format=made.format.value,
        generation=made.generation,
        created_at=codec.to_instant(made.created_at),
        cursor=last,
        disabled_reason=None,
        failing_since=None,
    )
    return made, True


async def _again(tx: Tx, there: StoredWebhook, description: str | None, last: int) -> StoredWebhook:
    """A webhook that is created again: enabled from now on, if it was disabled."""
    if there.disabled_reason is None:
        if description != there.description:
            await tx.execute(_DESCRIBE, webhook_id=there.id, described=description)
        return replace(there, description=description)
    await tx.execute(_ENABLE, webhook_id=there.id, described=description, last=last)
    return replace(
        there, description=description, disabled_reason=None, failing_since=None, cursor=last
    )


async def _disable(tx: Tx, webhook_id: str, reason: DisabledReason, at: int) -> Alarm | None:
    row = await tx.row(_DISABLE, webhook_id=webhook_id, why=reason.value)
    if row is None:
        return None
    await queue.give_up(tx, webhook_id)
    details = EventDetails(webhook_id=webhook_id, reason=reason.value)
    alarm = Alarm(EventType.WEBHOOK_DISABLED, row["account_id"], row["caller_id"], details)
    await raise_alarm(tx, alarm, at)
    return alarm


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else codec.from_instant(micros)


def _standing_webhook(row: Row) -> StandingWebhook:
    return StandingWebhook(_webhook(row), row["last_event"] or 0, _moment(row["next_due"]))


def _webhook(row: Row) -> StoredWebhook:
    reason = row["disabled_reason"]
    same = ("id", "account_id", "caller_id", "url", "service_code", "description")
    return StoredWebhook(
        **{name: row[name] for name in (*same, "cursor", "generation")},
        events=_types(row["events"]),
        format=WebhookFormat(row["format"]),
        created_at=codec.from_instant(row["created_at"]),
        disabled_reason=None if reason is None else DisabledReason(reason),
        failing_since=_moment(row["failing_since"]),
    )


@lru_cache(4096)  # all webhooks are read every few seconds
def _types(stored: str) -> tuple[EventType, ...]:
    """The types of events. Those of newer versions are left out."""
    return tuple(EventType(each) for each in stored.split(",") if each in _KNOWN_TYPES)


_KNOWN_TYPES = frozenset(EventType)
