"""What happened to rentals: written down with it, and told to whoever listens."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Text, cast, func, insert, literal_column, null, select

from adapters.store.sql import codec
from adapters.store.sql.database import CHANNEL, SENDER, Database
from adapters.store.sql.schema import events
from adapters.store.sql.statement import Row, Statement, Tx, like, number, text
from gateway.core.model.events import Event, EventKind
from gateway.core.model.purchases import View
from gateway.core.model.rentals import OVER

_ENDED = tuple(status.value for status in OVER)
_WRITTEN = ("account_id", "caller_id", "kind", "at", "rental", "oldest")
_event = [like(events.c[name]) for name in _WRITTEN]
# PostgreSQL only: other nodes hear of it once it is committed.
_notified = func.pg_notify(
    literal_column(f"'{CHANNEL}'"),
    text("account_id")
    + literal_column("':'")
    + cast(number("rental_id"), Text)
    + literal_column("':'")
    + func.current_setting(literal_column(f"'{SENDER}'")),
)
# And whoever tells something waits from here to the end of the transaction before, so that events
# can be read in the order of their ids: the lock is had before the next id is. SQLite has but one
# writer. Doing both in one statement keeps the others waiting for one round trip less.
_in_turn = select(
    func.pg_advisory_xact_lock(literal_column("5120967302718465930")).label("locked"),
    _notified.label("notified"),
).cte("in_turn")
_INSERT = Statement(insert(events).from_select(_WRITTEN, select(*_event)))
_TELL = Statement(
    _INSERT.clause,
    in_postgres=insert(events).from_select(_WRITTEN, select(*_event).select_from(_in_turn)),
)
_NOTIFY = Statement(select(null().label("notified")), in_postgres=select(_notified))
_after = (
    select(events)
    .where(events.c.account_id == text("account_id"), events.c.id > number("after"))
    .order_by(events.c.id)
    .limit(number("limit"))
)
_ACCOUNTS = Statement(_after)
_CALLERS = Statement(_after.where(events.c.caller_id == text("caller_id")))
_LAST = Statement(select(func.max(events.c.id).label("id")))


async def rented(tx: Tx, rental: Row, at: int) -> None:
    """A purchase brought this rental.

    What was heard of it before, when nobody knew whose it was, its buyer is told now.
    """
    kinds = (EventKind.RENTAL_CREATED, *_since(None, rental))
    await _tell(tx, kinds, rental, at)


async def changed(tx: Tx, before: Row | None, rental: Row, at: int) -> None:
    """The provider told something new of a rental; `before`: as it was known, if at all."""
    await _tell(tx, tuple(_since(before, rental)), rental, at)


def _since(before: Row | None, rental: Row) -> Iterator[EventKind]:
    code, status = (before["code"], before["status"]) if before is not None else (None, None)
    if rental["code"] not in (None, code):
        yield EventKind.RENTAL_CODE_RECEIVED
    if rental["status"] in _ENDED and status not in _ENDED:
        yield EventKind.RENTAL_ENDED


async def _tell(tx: Tx, kinds: Sequence[EventKind], rental: Row, at: int) -> None:
    """The last thing in a transaction: all others that tell wait from here to its end."""
    key = {"account_id": rental["account_id"], "rental_id": rental["provider_id"]}
    if not kinds:
        await tx.row(_NOTIFY, **key)
        return
    snapshot, code_at = codec.to_snapshot(rental), rental["code_at"]
    for kind in kinds:
        await tx.execute(
            _TELL if kind is kinds[0] else _INSERT,
            **key,
            caller_id=rental["caller_id"],
            kind=kind.value,
            at=at,
            rental=snapshot,
            oldest=at if code_at is None else min(at, code_at),
        )


class StoredEvents:
    """The core's port `Events`, over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def events(self, view: View, after: int, limit: int) -> Sequence[Event]:
        asked: dict[str, Any] = {"account_id": view.account_id, "after": after, "limit": limit}
        if view.caller_id is not None:
            asked["caller_id"] = view.caller_id
        statement = _ACCOUNTS if view.caller_id is None else _CALLERS
        rows = await self._database.read(lambda tx: tx.rows(statement, **asked))
        return [codec.event(row) for row in rows]

    async def last_event(self) -> int:
        row = await self._database.read(lambda tx: tx.row(_LAST))
        return 0 if row is None else row["id"] or 0
