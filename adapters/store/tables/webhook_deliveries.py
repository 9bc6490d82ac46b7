"""The events on their way to one webhook: within a transaction of its caller."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import and_, case, delete, func, literal_column, null, or_, select, update

from adapters.store.sql import codec
from adapters.store.sql.schema import deliveries, one_of, pending
from adapters.store.sql.statement import Row, Statement, Tx, Upsert, Value, number, text
from gateway.core.model.events import EventType
from gateway.core.model.webhooks import DeliveryState, WebhookDelivery
from gateway.core.ports.webhooks import DueDelivery, RecordedTry

_NEVER_TRIED = "The webhook was disabled before this was delivered."
_of_webhook = deliveries.c.webhook_id == text("webhook_id")
_this = (_of_webhook, deliveries.c.event_id == number("event_id"))
_new = {
    "webhook_id": text("webhook_id"),
    "event_id": number("event_id"),
    "kind": text("kind"),
    "state": literal_column("'pending'"),
    "tries": literal_column("0"),
    "queued_at": number("now"),
    "due_at": number("now"),
}
_key = [deliveries.c.webhook_id, deliveries.c.event_id]
_ADD = Upsert(deliveries, _new, lambda new: new.on_conflict_do_nothing(index_elements=_key))
_ADD_AGAIN = Upsert(
    deliveries,
    _new,
    lambda new: new.on_conflict_do_update(
        index_elements=_key,
        set_={
            "state": literal_column("'pending'"),
            "tries": literal_column("0"),
            "queued_at": new.excluded.queued_at,
            "due_at": new.excluded.due_at,
        },
        where=or_(
            one_of(deliveries.c.state, "failed"),
            and_(pending, deliveries.c.due_at > new.excluded.due_at),
        ),
    ),
)
_REDELIVER = Statement(
    update(deliveries)
    .where(*_this)
    .values(
        state=literal_column("'pending'"),
        tries=literal_column("0"),
        queued_at=number("now"),
        due_at=number("now"),
    )
)
_COUNT = Statement(
    select(func.count().label("waiting")).select_from(deliveries).where(_of_webhook, pending)
)
_DUE = Statement(
    select(deliveries)
    .where(_of_webhook, pending, deliveries.c.due_at <= number("now"))
    .order_by(deliveries.c.due_at, deliveries.c.event_id)
    .limit(number("limit"))
)
_NEXT = Statement(select(func.min(deliveries.c.due_at).label("due_at")).where(_of_webhook, pending))
_tried = {
    "tries": deliveries.c.tries + literal_column("1"),
    "tried_at": number("tried"),
    "status": number("answered"),
    "error": text("fault"),
    "answer": text("said"),
    "duration_ms": number("took"),
}
_RECORD = Statement(
    update(deliveries)
    .where(*_this, pending)
    .values(**_tried, state=text("became"), due_at=number("next"))
)
_RECORD_LATE = Statement(
    update(deliveries)
    .where(*_this)
    .values(
        **_tried,
        state=case(
            (text("became") == literal_column("'delivered'"), literal_column("'delivered'")),
            else_=deliveries.c.state,
        ),
    )
)
_GIVE_UP = Statement(
    update(deliveries)
    .where(_of_webhook, pending)
    .values(
        state=literal_column("'failed'"),
        due_at=null(),
        error=func.coalesce(deliveries.c.error, text("why")),
    )
)
_FORGET = Statement(delete(deliveries).where(_of_webhook))


async def add(tx: Tx, webhook_id: str, events: Sequence[tuple[int, EventType]], at: int) -> None:
    """Queue events that were not queued before, due now."""
    for event_id, type in events:
        await tx.execute(_ADD, webhook_id=webhook_id, event_id=event_id, kind=type.value, now=at)


async def add_again(
    tx: Tx, webhook_id: str, events: Sequence[tuple[int, EventType]], at: int
) -> int:
    """Queue the events that were given up, wait for a later try or never were queued; how many."""
    queued = 0
    for event_id, type in events:
        queued += await tx.execute(
            _ADD_AGAIN, webhook_id=webhook_id, event_id=event_id, kind=type.value, now=at
        )
    return queued


async def redeliver(tx: Tx, webhook_id: str, event_id: int, at: int) -> bool:
    """Queue one delivery again; False where there is none."""
    return await tx.execute(_REDELIVER, webhook_id=webhook_id, event_id=event_id, now=at) > 0


async def count(tx: Tx, webhook_id: str) -> int:
    """How many deliveries wait."""
    row = await tx.row(_COUNT, webhook_id=webhook_id)
    return 0 if row is None else int(row["waiting"])


async def due(tx: Tx, webhook_id: str, at: int, limit: int) -> list[DueDelivery]:
    """What is due, the longest due first."""
    rows = await tx.rows(_DUE, webhook_id=webhook_id, now=at, limit=limit)
    return [DueDelivery(row["event_id"], row["tries"]) for row in rows]


async def next_due(tx: Tx, webhook_id: str) -> int | None:
    """When the next one is due."""
    row = await tx.row(_NEXT, webhook_id=webhook_id)
    return None if row is None else row["due_at"]


async def record(tx: Tx, webhook_id: str, tried: RecordedTry) -> None:
    """Store what came of a try."""
    outcome, following = tried.outcome, tried.next_try_at
    values: dict[str, Value] = {
        "webhook_id": webhook_id,
        "event_id": tried.event_id,
        "tried": codec.to_instant(tried.at),
        "answered": outcome.status,
        "fault": codec.storable(outcome.error),
        "said": codec.storable(outcome.answer),
        "took": outcome.duration_ms,
        "became": tried.state.value,
    }
    due_at = None if following is None else codec.to_instant(following)
    if not await tx.execute(_RECORD, **values, next=due_at):
        await tx.execute(_RECORD_LATE, **values)


async def give_up(tx: Tx, webhook_id: str) -> None:
    """Give up whatever waits."""
    await tx.execute(_GIVE_UP, webhook_id=webhook_id, why=_NEVER_TRIED)


async def forget(tx: Tx, webhook_id: str) -> None:
    """Delete all deliveries."""
    await tx.execute(_FORGET, webhook_id=webhook_id)


async def page(
    tx: Tx, webhook_id: str, state: DeliveryState | None, before: int | None, limit: int
) -> list[WebhookDelivery]:
    """Deliveries, newest event first."""
    asked = {"state": state and state.value, "before": before}
    given = {name: value for name, value in asked.items() if value is not None}
    statement = _page(frozenset(given))
    rows = await tx.rows(statement, webhook_id=webhook_id, limit=limit, **given)
    return [_delivery(row) for row in rows]


@cache
def _page(given: frozenset[str]) -> Statement:
    found = select(deliveries).where(_of_webhook)
    if "state" in given:
        found = found.where(deliveries.c.state == text("state"))
    if "before" in given:
        found = found.where(deliveries.c.event_id < number("before"))
    return Statement(found.order_by(deliveries.c.event_id.desc()).limit(number("limit")))


def _delivery(row: Row) -> WebhookDelivery:
    tried, due_at = row["tried_at"], row["due_at"]
    same = ("event_id", "state", "tries", "status", "error", "answer", "duration_ms")
    return WebhookDelivery(
        **{name: row[name] for name in same},
        type=row["kind"],
        tried_at=None if tried is None else codec.from_instant(tried),
        next_try_at=None if due_at is None else codec.from_instant(due_at),
    )
